"""docs/tickets.md says how tickets live."""

import re
from collections.abc import Callable

import pytest

from forewarn_collector.config_tickets import Tickets
from forewarn_collector.tickets import life

Rows = Callable[[str, str], list[list[str]]]


@pytest.fixture(scope="module")
def text(document: Callable[[str], str]) -> str:
    return document("docs/tickets.md")


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_action_of_a_ticket_is_explained(text: str, rows: Rows) -> None:
    told = {words(row[0])[0]: (row[1].split(", "), row[2].split(", or ")) for row in rows(text, "How a ticket lives")}
    assert set(told) == set(life.ACTIONS)
    for action, (states, targets) in told.items():
        for state in life.STATES:
            try:
                target = life.next_state(state, action, "failed" if action == "close" else None)
            except life.TicketError:
                assert state not in states, action
            else:
                assert state in states, action
                assert target in targets, action
    assert life.next_state("open", "close", "false-alarm") in told["close"][1]


def test_every_outcome_is_named(text: str) -> None:
    assert [name for name in (*life.OUTCOMES, life.CONDITION_CLEARED) if f"`{name}`" not in text] == []


def test_the_settings_are_as_told(text: str) -> None:
    assert f"Within `tickets.again_within_days` ({Tickets().again_within_days:.0f})" in text
    assert Tickets().after_a_close == "link", "the page tells of the other one as a setting"
    assert all(f"`{name}`" in text for name in life.WAITING_FOR)
