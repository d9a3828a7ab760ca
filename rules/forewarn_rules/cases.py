"""Runs the tests that lie beside the rules: series in, levels compared with what the case expects."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forewarn_rules import schema_test
from forewarn_rules.durations import write_duration
from forewarn_rules.engine import Engine
from forewarn_rules.load import RuleSet
from forewarn_rules.model import PART_LABEL, Change, Key
from forewarn_rules.rule import Rule
from forewarn_rules.series import parse_series

START = 1_700_006_400.0
"""Midnight of a day, so that a daily series has one value per daily bin. Which day does not matter."""
A_MOMENT = 5.0
"""Seconds. The disks of a machine are read and reported one after the other."""


@dataclass(frozen=True)
class CaseResult:
    """How one case went. ``problems`` says what was different from what the case expects; empty when it passed."""

    rule: str
    case: str
    file: Path
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


def run_rule_tests(rules: RuleSet) -> list[CaseResult]:
    """Every case of every rule that is not retired, each on an engine of its own."""
    return [run_case(rule, rules.tests[rule.id], case) for rule, case in rule_cases(rules)]


def rule_cases(rules: RuleSet) -> list[tuple[Rule, schema_test.Case]]:
    """Every case of every rule that is not retired."""
    return [(rule, case) for rule in rules if rule.status != "retired" for case in rules.tests[rule.id].cases]


def run_case(rule: Rule, test: schema_test.TestFile, case: schema_test.Case) -> CaseResult:
    """``test`` is the file that the case is from: step and labels stand there."""
    return CaseResult(rule.id, case.name, rule.test_file, tuple(_differences(rule, test, case)))


def _differences(rule: Rule, test: schema_test.TestFile, case: schema_test.Case) -> list[str]:
    labels = {"device": "device", **test.labels, **case.labels}
    part = PART_LABEL[rule.kind]
    key: Key = (str(labels["device"]), "" if part is None else str(labels.get(part, part)))
    series = {metric: parse_series(text) for metric, text in case.series.items()}
    engine = Engine([rule])
    others = [_Others(other, labels, _elsewhere(n, other.count, key)) for n, other in enumerate(case.others)]
    siblings = [_Others(other, labels, _beside(n, other.count, key)) for n, other in enumerate(case.siblings)]
    accepting = sorted(case.accept)
    known: dict[str, float] = {}
    pending = sorted(case.expect, key=lambda expect: expect.at)
    changes: list[Change] = []
    problems: list[str] = []
    last = max(
        max(map(len, series.values())) - 1,
        *(int(at // test.step) for at in (*accepting, *(expect.at for expect in pending))),
    )
    for n in range(last + 1):
        row = {metric: values[n] for metric, values in series.items() if n < len(values) and values[n] is not None}
        for other in others:
            other.observe(engine, rule, n, START + n * test.step)
        if row:
            columns = {metric: np.array([value], dtype=np.float64) for metric, value in row.items()}
            changes += engine.observe(rule.kind, [key], lambda _: labels, [START + n * test.step], columns)
            known |= {metric: value for metric, value in row.items() if value is not None and math.isfinite(value)}
        for sibling in siblings:
            sibling.observe(engine, rule, n, START + n * test.step + A_MOMENT)
        while accepting and accepting[0] < (n + 1) * test.step:
            changes += engine.accept(rule.kind, key, labels, START + accepting.pop(0), known, "an engineer")
        while pending and pending[0].at < (n + 1) * test.step:
            problems += _compare(pending.pop(0), engine, rule, key, changes)
    if case.transitions is not None and len(changes) != case.transitions:
        turns = ", ".join(f"{c.after} at {write_duration(c.at - START)}" for c in changes) or "none"
        problems.append(f"{len(changes)} changes of level instead of {case.transitions}: {turns}")
    return problems


def _elsewhere(number: int, count: int, key: Key) -> list[Key]:
    return [(f"other-{number}-{n}", key[1]) for n in range(count)]


def _beside(number: int, count: int, key: Key) -> list[Key]:
    return [(key[0], f"sibling-{number}-{n}") for n in range(count)]


class _Others:
    """Components beside the one that the case is about."""

    def __init__(self, others: schema_test.Others, labels: dict[str, str | float], keys: list[Key]) -> None:
        self._keys = keys
        self._labels = {**labels, **others.labels}
        self._series = {metric: parse_series(text) for metric, text in others.series.items()}

    def observe(self, engine: Engine, rule: Rule, n: int, at: float) -> None:
        row = {name: values[n] for name, values in self._series.items() if n < len(values) and values[n] is not None}
        if row:
            columns = {name: np.full(len(self._keys), value, dtype=np.float64) for name, value in row.items()}
            engine.observe(rule.kind, self._keys, lambda _: self._labels, np.full(len(self._keys), at), columns)


def _compare(expect: schema_test.Expectation, engine: Engine, rule: Rule, key: Key, changes: list[Change]) -> list[str]:
    standing = next(iter(engine.levels(rule.kind, key)), None)
    level = "none" if standing is None else standing.level
    problems = []
    if level != expect.level:
        seen = "" if standing is None else f" with {_spell(standing.values)}"
        problems.append(f"at {write_duration(expect.at)}: {level} instead of {expect.level}{seen}")
    said = standing.text if standing is not None and standing.text else (changes[-1].text if changes else "")
    if expect.says not in said:
        problems.append(f"at {write_duration(expect.at)}: says {said!r}, not {expect.says!r}")
    return problems


def _spell(values: dict[str, float | None]) -> str:
    return ", ".join(f"{name} = {'unknown' if value is None else _number(value)}" for name, value in values.items())


def _number(value: float) -> str:
    return "not approaching" if math.isinf(value) else f"{value:.6g}"
