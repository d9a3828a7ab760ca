"""Whom a ticket follows when it was changed on one side, on the other, or on both. Pure."""

import pytest

from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.merge import Sides, merge_owners, merge_states, way_to
from forewarn_collector.tickets.systems.rt import KIND as RT

REDMINE = Maps(
    states={
        "open": "New", "acknowledged": "In Progress", "in progress": "In Progress", "waiting": "Feedback",
        "resolved": "Resolved", "closed": "Closed", "false alarm": "Rejected",
    }
)  # fmt: skip
ENDS = {"resolved", "rejected", "deleted", "Closed", "Rejected"}


@pytest.mark.parametrize(
    ("base", "now", "action"),
    [
        (("open", "new"), ("open", "new"), "agree"),
        (("", "new"), ("open", "new"), "agree"),
        (("open", "new"), ("waiting", "new"), "write"),
        (("open", "new"), ("open", "open"), "take"),
        # Both changed to the same.
        (("open", "new"), ("in progress", "open"), "agree"),
        (("open", "new"), ("closed", "resolved"), "agree"),
        # An ended one wins over a live one, on whichever side.
        (("open", "new"), ("resolved", "open"), "write"),
        (("open", "new"), ("waiting", "resolved"), "take"),
        (("resolved", "resolved"), ("open", "rejected"), "take"),
        # Otherwise the ticket system wins.
        (("open", "new"), ("waiting", "open"), "take"),
        (("open", "new"), ("resolved", "rejected"), "take"),
        # Words that mean nothing here are written over only when something changed here.
        (("open", "new"), ("open", "on holiday"), "take"),
        (("open", "new"), ("waiting", "on holiday"), "write"),
        # Opened again here, after it had cleared: nobody there said anything else.
        (("resolved", "resolved"), ("open", "resolved"), "write"),
    ],
)
def test_states(base: tuple[str, str], now: tuple[str, str], action: str) -> None:
    merged = merge_states(Sides(*base), Sides(*now), now[1] in ENDS, RT.maps)
    assert (merged.action, bool(merged.reason)) == (action, True)


@pytest.mark.parametrize(
    ("base", "now", "action"),
    [
        (("", ""), ("", ""), "agree"),
        (("", ""), ("Li Wei", ""), "write"),
        (("", ""), ("Li Wei", "liwei"), "agree"),
        (("", ""), ("a stranger", ""), "agree"),
        (("", ""), ("", "liwei"), "take"),
        (("Li Wei", "liwei"), ("Li Wei", ""), "take"),
        (("Li Wei", "liwei"), ("Ana", "bob"), "take"),
    ],
)
def test_owners(base: tuple[str, str], now: tuple[str, str], action: str) -> None:
    maps = Maps(users={"Li Wei": "liwei", "Ana": "ana"})
    assert merge_owners(Sides(*base), Sides(*now), maps).action == action


@pytest.mark.parametrize(
    ("ours", "theirs", "way"),
    [
        ("open", "open", ("acknowledge", None)),
        ("acknowledged", "open", None),
        ("waiting", "open", ("start", None)),
        ("open", "stalled", ("wait", None)),
        ("waiting", "resolved", ("resolve", None)),
        ("closed", "resolved", None),
        ("open", "rejected", ("close", "false-alarm")),
        ("closed", "open", ("reopen", None)),
        ("false alarm", "stalled", ("reopen", None)),
        ("acknowledged", "new", None),
        ("open", "never heard of", None),
        ("open", "deleted", ("resolve", None)),
    ],
)
def test_the_way_to_what_was_said_in_rt(ours: str, theirs: str, way: tuple[str, str | None] | None) -> None:
    assert way_to(ours, theirs, theirs in ENDS, "", RT.maps) == way


def test_who_closes_there_without_an_outcome_has_resolved_it() -> None:
    assert way_to("open", "Closed", True, "", REDMINE) == ("resolve", None)
    assert way_to("open", "Closed", True, "cleaned", REDMINE) == ("close", "cleaned")
    assert way_to("resolved", "Closed", True, "", REDMINE) is None
    assert way_to("resolved", "Closed", True, "cleaned", REDMINE) == ("close", "cleaned")
