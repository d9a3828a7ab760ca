"""The built-in rules: their own tests pass, they cite their facts, and a mutated rule is caught."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from forewarn_rules import FAULTS, RuleSet, load_rules, run_rule_tests
from forewarn_rules.cases import rule_cases, run_case
from forewarn_rules.conditions import Compare, Condition, Join
from forewarn_rules.reference import reference
from forewarn_rules.rule import Rule
from forewarn_rules.schema_test import Case

RULES = load_rules()
PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("rule", "case"), [pytest.param(rule, case, id=f"{rule.id}: {case.name}") for rule, case in rule_cases(RULES)]
)
def test_rule_cases(rule: Rule, case: Case) -> None:
    assert run_case(rule, RULES.tests[rule.id], case).problems == ()


def test_every_rule_cites_its_facts_and_says_what_to_do() -> None:
    for rule in RULES:
        assert rule.references, rule.id
        assert rule.do, rule.id
        assert rule.fault in FAULTS, rule.id


def test_released_ids_live_for_ever() -> None:
    released = (Path(__file__).parent / "released-ids.txt").read_text().split()
    assert released == sorted(set(released))
    assert [rule.id for rule in RULES] == released, "a new rule is added to released-ids.txt; none is ever taken out"


def test_the_reference_page_is_up_to_date() -> None:
    page = (PROJECT / "docs" / "rules.md").read_text()
    assert page.split("<!-- reference -->\n")[1].rstrip() == reference().rstrip(), (
        "put the output of python -m forewarn_rules.reference behind the mark in docs/rules.md"
    )


def test_the_page_tells_what_the_example_rule_says() -> None:
    page = (PROJECT / "docs" / "rules.md").read_text()
    for rule in re.findall(r"^id: ([a-z-]+)", page, re.MULTILINE):
        assert rule in {known.id for known in RULES}


def mutated(rule: Rule, change: str) -> Rule:
    """The rule with one part of it broken."""
    if change == "no for":
        return replace(rule, levels=tuple(replace(level, for_seconds=0.0) for level in rule.levels))
    if change == "no hold":
        return replace(rule, levels=tuple(replace(level, hold_seconds=0.0) for level in rule.levels))
    if change == "short window":
        signals = {
            name: replace(signal, window=3600.0, bin=600.0, min_span=900.0) if signal.window else signal
            for name, signal in rule.signals.items()
        }
        return replace(rule, signals=signals)
    if change == "no scope":
        return replace(rule, where=())
    if change == "limits moved":
        return replace(rule, levels=tuple(replace(level, raises=moved(level.raises)) for level in rule.levels))
    raise ValueError(change)


def moved(condition: Condition) -> Condition:
    if isinstance(condition, Compare):
        return replace(condition, limit=condition.limit * 2 + 1, bits=condition.bits << 1, times=condition.times**2)
    return Join(condition.how, tuple(map(moved, condition.parts)))


@pytest.mark.parametrize("change", ["no for", "no hold", "short window", "no scope", "limits moved"])
def test_a_mutated_rule_fails_its_tests(change: str) -> None:
    rule = mutated(RULES["filesystem-full"], change)
    results = run_rule_tests(RuleSet((rule,), RULES.tests))
    assert any(not result.passed for result in results)


@pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.id)
def test_every_rule_s_tests_notice_other_limits(rule: Rule) -> None:
    results = run_rule_tests(RuleSet((mutated(rule, "limits moved"),), RULES.tests))
    assert any(not result.passed for result in results)


def test_what_a_failed_case_says() -> None:
    rule = mutated(RULES["device-silent"], "limits moved")
    failed = [result for result in run_rule_tests(RuleSet((rule,), RULES.tests)) if not result.passed]
    assert failed[0].problems[0] == "at 1d: none instead of warning with silent = 86400"
    assert failed[0].file.name == "device-silent.test.yaml"
