"""What a rule says of itself on one component: values, three-valued conditions, timers, and what would change it."""

import math
from collections.abc import Callable

import pytest

from forewarn_rules import Account, Engine, Kind, RuleSet, SwitchedOff, Weighed, load_rules
from forewarn_rules.account import Observation

WriteRules = Callable[..., RuleSet]
MINUTE, HOUR = 60.0, 3600.0
START = 1_700_006_400.0
PC = ("pc", "")

MEMORY = """
scope: {per: [device], where: {chassis: [server]}}
signals:
  used: {metric: memory.used_percent, take: last}
  busy: {metric: cpu.used_percent, take: last}
  slope: {metric: memory.used_percent, take: slope, window: 24h, min_span: 6h, min_points: 6}
levels:
  warning: {raise: {used: {at_least: 80}}, for: 2h, clear: {used: {below: 70}}, hold: 3h}
  critical:
    raise: {all: [{used: {at_least: 95}}, {not: {busy: {above: 50}}}]}
    clear: {any: [{used: {below: 90}}, {busy: {above: {signal: used, plus: -5}}}]}
"""
LABELS = {"chassis": "server"}


def told(rules: RuleSet, *rows: dict[str, float], labels: dict[str, str] | None = None) -> Account:
    """One report an hour; the account after the last."""
    engine, known = Engine(rules), labels or LABELS
    at = START
    for n, row in enumerate(rows):
        at = START + n * HOUR
        engine.observe(Kind.DEVICE, [PC], lambda _: known, [at], {name: [value] for name, value in row.items()})
    return engine.account("memory", PC, known, Observation(at, rows[-1]) if rows else None)


def used(*values: float, busy: float = 10) -> list[dict[str, float]]:
    return [{"memory.used_percent": value, "cpu.used_percent": busy} for value in values]


def flat(weighed: Weighed) -> list[str]:
    return [f"{weighed.verdict} {weighed.text}", *(line for part in weighed.parts for line in flat(part))]


def test_each_part_of_a_condition_is_true_false_or_unknown(write_rules: WriteRules) -> None:
    rules = write_rules(memory=MEMORY)
    critical, warning = told(rules, *used(96, busy=60)).levels
    assert flat(critical.raises) == ["false all of", "true used >= 95", "false not", "true busy > 50"]
    assert flat(critical.clears) == ["false any of", "false used < 90", "false busy > used - 5"]
    assert flat(warning.raises) == ["true used >= 80"]
    assert critical.clears.parts[1].why == "busy is 60 percent; used is 96 percent"

    critical, _ = told(rules, *used(96, busy=math.nan)).levels
    assert flat(critical.raises) == ["unknown all of", "true used >= 95", "unknown not", "unknown busy > 50"]
    assert critical.raises.parts[1].parts[0].why == (
        "busy is unknown: could not be measured in the last report"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "signal", "why"),
    [
        (used(50), "slope", "not enough history: 1 of 6 bins, 1h of 6h"),
        (used(50, math.nan), "used", "could not be measured in the last report"),
        ([*used(50), {"memory.used_percent": 50}], "busy", "not in the last report"),
        (used(50, math.nan), "slope", "could not be measured in the last report"),
    ],
)
def test_why_a_value_is_unknown(write_rules: WriteRules, rows: list[dict[str, float]], signal: str, why: str) -> None:
    found = {sign.name: sign for sign in told(write_rules(memory=MEMORY), *rows).signals}
    assert (found[signal].known, found[signal].value, found[signal].why) == (False, None, why)


@pytest.mark.parametrize(
    ("values", "busy", "critical", "warning"),
    [
        ([50], 10, ("used >= 95 (now 50 percent)",), ("used >= 80 (now 50 percent)",)),
        ([50], 60, ("used >= 95 (now 50 percent) and busy <= 50 (now 60 percent)",), ("used >= 80 (now 50 percent)",)),
        ([96], 10, ("used < 90 (now 96 percent)", "busy > used - 5 (now 10 percent; used is 96 percent)"),
         ("used < 70 (now 96 percent)",)),
        ([85], 10, ("used >= 95 (now 85 percent)",), ()),
        ([math.nan], 10, ("used >= 95 (now unknown)",), ("used >= 80 (now unknown)",)),
    ],
)  # fmt: skip
def test_what_would_turn_a_level(
    write_rules: WriteRules, values: list[float], busy: float, critical: tuple[str, ...], warning: tuple[str, ...]
) -> None:
    found = told(write_rules(memory=MEMORY), *used(*values, busy=busy)).levels
    assert tuple(level.changes_when for level in found) == (critical, warning)


UNKNOWN = math.nan


@pytest.mark.parametrize(
    ("values", "timer", "why"),
    [
        ([50], None, "nothing is timed"),
        ([50, 80], ("raise", 0, 2, 3), "it begins with the report that is true"),
        ([80, 80], ("raise", 1, 2, 2), "an hour of two"),
        ([80, 80, UNKNOWN], ("raise", 1, 2, None), "unknown stops the clock and forgets nothing"),
        ([80, 80, 50], None, "false begins anew"),
        ([80, 80, 80], None, "raised, and held: it does not clear"),
        ([80, 80, 80, 60, 60], ("clear", 1, 3, 6), "an hour of three"),
    ],
)
def test_timers(
    write_rules: WriteRules, values: list[float], timer: tuple[str, int, int, int | None] | None, why: str
) -> None:
    found = told(write_rules(memory=MEMORY), *used(*values)).levels[1].timer
    if timer is None or found is None:
        assert found is timer, why
        return
    ends = None if found.ends_at is None else (found.ends_at - START) / HOUR
    assert (found.turns, found.done_seconds / HOUR, found.of_seconds / HOUR, ends) == timer, why


def test_a_raised_level_says_since_when(write_rules: WriteRules) -> None:
    found = told(write_rules(memory=MEMORY), *used(80, 80, 80, 80))
    assert (found.level, found.seen_at) == ("warning", START + 3 * HOUR)
    assert [(level.name, level.raised, level.since) for level in found.levels] == [
        ("critical", False, None),
        ("warning", True, START + 2 * HOUR),
    ]


def test_why_a_rule_does_not_judge_a_component(write_rules: WriteRules) -> None:
    rules = write_rules(memory=MEMORY)
    elsewhere = told(rules, *used(99), labels={"chassis": "laptop"})
    assert elsewhere.why_not == "scope: only where chassis is one of server; here chassis is laptop"
    assert elsewhere.levels == ()
    nameless = told(rules, *used(99), labels={"customer": "x"})
    assert nameless.why_not == "scope: only where chassis is one of server; here chassis is not known"
    assert told(rules).why_not == "not judged yet: no report of it has come to the judge"
    folder = rules["memory"].file.parent
    off = load_rules(builtin=False, directories=[folder], off=[SwitchedOff("memory", {"customer": "ac*"})])
    quiet = told(off, *used(99), labels={**LABELS, "customer": "acme"})
    assert quiet.why_not == "switched off where customer is like one of ac*"
    assert told(off, *used(99), labels={**LABELS, "customer": "bolt"}).level == "critical"


def test_the_account_changes_nothing_and_survives_a_restart(write_rules: WriteRules) -> None:
    rules = write_rules(memory=MEMORY)
    before = Engine(rules)
    for n, row in enumerate(used(80, 80)):
        columns = {name: [value] for name, value in row.items()}
        before.observe(Kind.DEVICE, [PC], lambda _: LABELS, [START + n * HOUR], columns)
    newest = Observation(START + HOUR, used(80)[0])
    first = before.account("memory", PC, LABELS, newest)
    kept = before.snapshot(Kind.DEVICE, PC)
    assert kept is not None
    assert before.account("memory", PC, LABELS, newest) == first
    assert before.snapshot(Kind.DEVICE, PC) == kept

    after = Engine(rules)
    after.restore(Kind.DEVICE, PC, kept)
    history = {name: [80.0, 80.0] if name.startswith("memory") else [10.0, 10.0] for name in newest.values}
    after.warm_history(Kind.DEVICE, PC, [START, START + HOUR], history)
    assert after.account("memory", PC, LABELS, newest) == first
    other = after.account("memory", PC, LABELS, Observation(START + 9 * HOUR, used(10)[0]))
    assert other.signals[0].value == 80, "a report that was not judged yet is left aside"


def test_every_built_in_rule_accounts_for_a_component_that_told_nothing() -> None:
    rules = load_rules()
    engine = Engine(rules)
    for rule in rules:
        found = engine.account(rule.id, ("pc", "part"), {})
        assert (found.level, bool(found.why_not)) == ("none", True)
        assert all(not sign.known for sign in found.signals)


def test_a_disk_without_anything_for_the_risk_model() -> None:
    engine, key, labels = Engine(load_rules()), ("pc", "Z1"), {"disk_kind": "hdd"}
    engine.observe(Kind.DISK, [key], lambda _: labels, [START], {"disk.temperature_celsius": [30]})
    risk = engine.account("hdd-risk", key, labels, Observation(START, {"disk.temperature_celsius": 30})).signals[0]
    assert (risk.known, risk.why) == (False, "no model: the last report has nothing that the risk model looks at")
    engine.observe(Kind.DISK, [key], lambda _: labels, [START + HOUR], {"ata.197.raw": [16]})
    risk = engine.account("hdd-risk", key, labels, Observation(START + HOUR, {"ata.197.raw": 16})).signals[0]
    assert risk.known
    assert "(197, 198) 16: odds " in risk.why
