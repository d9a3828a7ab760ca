"""The life of a ticket, in rows that can be read."""

from itertools import product

import pytest

from forewarn_collector.tickets.life import (
    ACTIONS,
    LEVELS,
    OUTCOMES,
    STATES,
    WAITING_FOR,
    TicketError,
    next_state,
    on_change,
    worst,
)

# state: what can be done with it, and where that leads
ALLOWED = {
    "open": {
        "acknowledge": "acknowledged",
        "start": "in progress",
        "wait": "waiting",
        "resolve": "resolved",
        "close": "closed",
    },
    "acknowledged": {"start": "in progress", "wait": "waiting", "resolve": "resolved", "close": "closed"},
    "in progress": {"wait": "waiting", "resolve": "resolved", "close": "closed"},
    "waiting": {"start": "in progress", "resolve": "resolved", "close": "closed"},
    "resolved": {"close": "closed", "reopen": "open"},
    "closed": {"reopen": "open"},
    "false alarm": {"reopen": "open"},
}


def test_the_table_is_about_every_state() -> None:
    assert set(ALLOWED) == set(STATES)
    assert set(ACTIONS) == {action for actions in ALLOWED.values() for action in actions}


@pytest.mark.parametrize(("state", "action"), list(product(STATES, ACTIONS)))
def test_every_action_in_every_state(state: str, action: str) -> None:
    outcome = "failed" if action == "close" else None
    allowed = ALLOWED[state]
    if action in allowed:
        assert next_state(state, action, outcome) == allowed[action]
        return
    with pytest.raises(TicketError) as refused:
        next_state(state, action, outcome)
    said = str(refused.value)
    assert f"cannot {action} a ticket that is {state}" in said
    assert f"possible now: {', '.join(allowed)}" in said


@pytest.mark.parametrize("waiting_for", ["", *WAITING_FOR])
def test_it_waits_for_somebody_or_nobody_says_for_whom(waiting_for: str) -> None:
    assert next_state("open", "wait", None, waiting_for) == "waiting"
    with pytest.raises(TicketError, match="'Godot' is nothing to wait for; choose one of customer, part, vendor"):
        next_state("open", "wait", None, "Godot")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_closes_and_one_says_that_there_was_no_fault(outcome: str) -> None:
    assert next_state("open", "close", outcome) == ("false alarm" if outcome == "false-alarm" else "closed")


@pytest.mark.parametrize("outcome", [None, "", "fixed", "condition-cleared", "False-Alarm"])
def test_closing_needs_an_outcome_that_is_known(outcome: str | None) -> None:
    with pytest.raises(TicketError, match="choose one of failed, replaced-in-time, cleaned"):
        next_state("open", "close", outcome)


@pytest.mark.parametrize("action", sorted(set(ACTIONS) - {"close"}))
def test_only_closing_takes_an_outcome(action: str) -> None:
    state = "closed" if action == "reopen" else "open"
    with pytest.raises(TicketError, match=f"{action} takes no outcome"):
        next_state(state, action, "failed")


def test_an_action_that_is_none() -> None:
    with pytest.raises(TicketError, match="'revive' is not an action; choose one of acknowledge"):
        next_state("closed", "revive")


# What there is: "nothing", "cleared lately" or the severity of the open ticket; what the other rules behind it say;
# the change; what becomes of the ticket; words of the reason.
DECISIONS = [
    ("nothing", [], "none -> warning", "create", "warning and no ticket is open"),
    ("nothing", [], "none -> critical", "create", "critical and no ticket is open"),
    ("nothing", [], "watch -> warning", "create", "warning and no ticket is open"),
    ("nothing", [], "critical -> warning", "create", "warning and no ticket is open"),
    ("nothing", [], "none -> watch", "nothing", "no open ticket rests"),
    ("nothing", [], "warning -> none", "nothing", "no open ticket rests"),
    ("nothing", [], "critical -> watch", "nothing", "no open ticket rests"),
    ("cleared lately", [], "none -> warning", "reopen", "soon after it ended"),
    ("cleared lately", [], "watch -> critical", "reopen", "critical again"),
    ("cleared lately", [], "none -> watch", "nothing", "no open ticket rests"),
    ("cleared lately", [], "warning -> none", "nothing", "no open ticket rests"),
    ("warning", [], "none -> warning", "add", "new evidence"),
    ("warning", [], "none -> critical", "rise", "critical is above warning"),
    ("warning", ["warning"], "warning -> critical", "rise", "critical is above warning"),
    ("critical", [], "critical -> warning", "add", "new evidence"),
    ("critical", ["critical"], "none -> critical", "add", "new evidence"),
    ("critical", ["critical"], "warning -> none", "ease", "other evidence stands"),
    ("critical", ["watch", "warning"], "critical -> none", "ease", "other evidence stands"),
    ("critical", ["none", "watch"], "critical -> none", "resolve", "every rule behind the ticket is calm"),
    ("warning", [], "warning -> none", "resolve", "every rule behind the ticket is calm"),
    ("warning", [], "warning -> watch", "resolve", "every rule behind the ticket is calm"),
    ("warning", [], "watch -> none", "nothing", "no open ticket rests on this rule"),
    ("warning", ["warning"], "none -> watch", "nothing", "no open ticket rests on this rule"),
]


@pytest.mark.parametrize(("there_is", "others", "change", "action", "reason"), DECISIONS)
def test_what_a_change_of_level_means(there_is: str, others: list[str], change: str, action: str, reason: str) -> None:
    before, after = change.split(" -> ")
    live = there_is in LEVELS
    step = on_change(live, there_is == "cleared lately", there_is if live else "none", others, before, after, "stable")
    assert step.action == action
    assert reason in step.reason


@pytest.mark.parametrize("status", ["experimental", "retired"])
@pytest.mark.parametrize(("there_is", "others", "change", "action", "reason"), DECISIONS)
def test_a_rule_on_trial_touches_no_ticket(
    there_is: str, others: list[str], change: str, action: str, reason: str, status: str
) -> None:
    before, after = change.split(" -> ")
    live = there_is in LEVELS
    step = on_change(live, there_is == "cleared lately", there_is if live else "none", others, before, after, status)
    assert step.action == "nothing"
    assert step.reason.startswith(f"the rule is {status}")


# What the engineer ended after this was measured; whether one cleared by itself; the level; what becomes of it
LATE = [
    ("none", False, "warning", "create"),
    ("warning", False, "warning", "nothing"),
    ("critical", False, "warning", "nothing"),
    ("critical", True, "critical", "nothing"),
    ("warning", False, "critical", "create"),
    ("warning", True, "critical", "reopen"),
]


@pytest.mark.parametrize(("known", "recent", "after", "action"), LATE)
def test_late_evidence_opens_a_ticket_only_when_it_is_worse_than_what_the_engineer_knew(
    known: str, recent: bool, after: str, action: str
) -> None:
    step = on_change(False, recent, "none", [], "none", after, "stable", known)
    assert step.action == action
    if action == "nothing":
        assert f"ended a {known} ticket after this was measured" in step.reason


def test_the_worst_of_levels() -> None:
    assert worst(["watch", "critical", "none"]) == "critical"
    assert worst([]) == "none"
