"""Rule files from the built-in packs and from a provider's own directories, all checked before any is used."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from forewarn_rules import schema, schema_test
from forewarn_rules.build import build_rule
from forewarn_rules.document import Document, Problem, RuleFileErrors, read_document
from forewarn_rules.metrics import find_metric
from forewarn_rules.model_signals import reads, with_budget
from forewarn_rules.rule import Rule
from forewarn_rules.schema_signal import SignalFile
from forewarn_rules.series import parse_series
from forewarn_rules.shape import shape, suggest
from forewarn_rules.switched_off import SwitchedOff, switch_off

RULE, TEST = ".yaml", ".test.yaml"
PACKS = Path(str(resources.files("forewarn_rules"))) / "packs"


@dataclass(frozen=True)
class RuleSet:
    """Checked rules in order of their ids, with the tests beside them."""

    rules: tuple[Rule, ...]
    tests: dict[str, schema_test.TestFile]

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def for_budget(self, false_tickets: float) -> "RuleSet":
        """The same rules with the risk model's limits for so many false tickets per 1,000 disks a month."""
        rules = tuple(
            replace(rule, signals={name: with_budget(signal, false_tickets) for name, signal in rule.signals.items()})
            for rule in self.rules
        )
        return replace(self, rules=rules)

    def __getitem__(self, rule_id: str) -> Rule:
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)


class Loaded(NamedTuple):
    """One rule file with its test."""

    rule: Rule
    test: schema_test.TestFile
    overrides: bool


def load_rules(
    builtin: bool = True,
    directories: Sequence[Path] = (),
    without: Iterable[str] = (),
    off: Iterable[SwitchedOff] = (),
) -> RuleSet:
    """Read the built-in packs and every ``*.yaml`` below ``directories``.

    A rule of a directory that says ``overrides: true`` stands for the built-in one of its id. The ids in ``without``
    are left out as if they were not there; those in ``off`` end what they have raised.

    Raise RuleFileErrors with all problems of all files: a file that is wrong, an id that is used twice, a rule without
    a test beside it, a test without both a raising and a calm case.
    """
    packs = _builtin() if builtin else Builtin({}, [])
    found, problems = dict(packs.rules), list(packs.problems)
    for directory in directories:
        problems += _read_directory(Path(directory), found)
    dropped = set(without)
    for rule_id in sorted(dropped - set(found)):
        problems.append(
            Problem("without", 1, "", rule_id, "there is no such rule to leave out", suggest(rule_id, found))
        )
    kept = sorted(rule_id for rule_id in found if rule_id not in dropped)
    rules, mistakes = switch_off([found[rule_id].rule for rule_id in kept], off)
    problems += mistakes if not problems else []
    if problems:
        raise RuleFileErrors(problems)
    return RuleSet(tuple(rules), {rule_id: found[rule_id].test for rule_id in kept})


class Builtin(NamedTuple):
    rules: dict[str, Loaded]
    problems: list[Problem]


@cache
def _builtin() -> Builtin:
    """The packs are part of the installation: they are read once in a process."""
    found: dict[str, Loaded] = {}
    return Builtin(found, list(_read_directory(PACKS, found)))


def _read_directory(directory: Path, found: dict[str, Loaded]) -> Iterator[Problem]:
    """Put its rules to those that were found; what is wrong with its files."""
    if not directory.is_dir():
        yield Problem(str(directory), 1, "", "", "this is not a directory", "name one that holds rules")
        return
    for path in sorted((*directory.rglob("*.yaml"), *directory.rglob("*.yml"))):
        if path.name.endswith(TEST):
            yield from _orphan(path, directory)
            continue
        document = read_document(path, str(path.relative_to(directory.parent)))
        loaded = _load(document, path)
        if loaded is not None:
            _take(document, loaded, found)
        yield from document.problems


def _take(document: Document, loaded: Loaded, found: dict[str, Loaded]) -> None:
    """Put a rule to the others; its id is taken once, unless it overrides a built-in one."""
    rule_id = loaded.rule.id
    other = found.get(rule_id)
    builtin = other is not None and other.rule.file.is_relative_to(PACKS)
    if loaded.overrides and not builtin:
        text = f"there is no built-in rule {rule_id!r} to stand for"
        document.problem(("overrides",), text, "take overrides out", show=False)
    elif other is not None and not loaded.overrides:
        remedy = "give the rule an id of its own" + (", or write overrides: true to stand for it" if builtin else "")
        text = f"the id {rule_id!r} is taken by another rule ({other.rule.file.name})"
        document.problem(("id",), text, remedy, show=False)
    else:
        found[rule_id] = loaded


def _read(signal: SignalFile) -> set[str]:
    return reads(signal.metric) | set(signal.explained_by or ())


def _orphan(path: Path, directory: Path) -> list[Problem]:
    rule = path.with_name(path.name.removesuffix(TEST) + RULE)
    if rule.exists():
        return []
    name = str(path.relative_to(directory.parent))
    return [Problem(name, 1, "", "", f"there is no rule {rule.name} beside this test", "add it, or remove the test")]


def _load(document: Document, path: Path) -> Loaded | None:
    if path.suffix != RULE:
        document.problem((), f"rule files end in {RULE}", f"call it {path.stem}{RULE}", show=False)
        return None
    file = shape(document, schema.RuleFile)
    if file is None:
        return None
    if file.id != path.stem:
        document.problem(("id",), f"the file is not called {file.id}{RULE}", "make id and file name the same")
    test_path = path.with_name(path.stem + TEST)
    rule = build_rule(document, file, path, test_path)
    if not test_path.exists():
        document.problem(
            (), f"there is no test {test_path.name} beside it", "write one raising and one calm case", show=False
        )
        return None
    test_document = read_document(test_path, str(Path(document.file).with_name(test_path.name)))
    test = shape(test_document, schema_test.TestFile)
    if test is not None:
        _check_test(test_document, test, file)
    document.problems += test_document.problems
    return None if rule is None or test is None else Loaded(rule, test, file.overrides)


def _check_test(document: Document, test: schema_test.TestFile, file: schema.RuleFile) -> None:
    if test.rule != file.id:
        document.problem(("rule",), f"the rule beside it is {file.id!r}", f"write rule: {file.id}")
    if test.step <= 0:
        document.problem(("step",), "a step takes time", "write step: 1d")
    used = {metric for signal in file.signals.values() for metric in _read(signal)}
    for n, case in enumerate(test.cases):
        for metric, text in case.series.items():
            place = ("cases", n, "series", metric)
            if find_metric(metric) is None or metric not in used:
                document.problem(place, f"the rule reads no metric {metric!r}", suggest(metric, used), show=False)
            try:
                parse_series(text)
            except ValueError as error:
                remedy = "write values as start+stepxcount, start, _ or ?"
                document.problem(place, str(error), remedy, show=False)
    raising = [case for case in test.cases if any(expect.level != "none" for expect in case.expect)]
    calm = [case for case in test.cases if case not in raising and not case.transitions]
    if not raising or not calm:
        text = "no case raises a level" if not raising else "no case stays calm"
        document.problem(("cases",), text, "a test needs one that raises and one that stays at none", show=False)
