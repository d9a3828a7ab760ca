"""Tries a destination by sending it a ticket of nobody the whole way: outbox, loop, network, and back.

The ticket is opened, then closed. Its number is below zero, so it is like no real one.
"""

import time
import uuid
from collections.abc import Callable

import msgspec

from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import Entry, Ticket
from forewarn_collector.tickets.outbox import Outbox

STEP_SECONDS = 45.0
LOOK_SECONDS = 0.05
GIVEN_UP = "the test was not waited for any longer"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """``error`` is empty where all went well."""

    event: str
    seconds: float
    error: str = ""


def trial_ticket(now: float) -> Ticket:
    return Ticket(
        number=-int(now),
        customer="forewarn",
        site="",
        engineer="",
        device="nobody",
        device_serial="",
        part_serial="",
        fault="test",
        queue="",
        state=life.OPEN,
        severity="warning",
        title="forewarn tests this destination",
        explanation={"what": "Nothing is wrong. This ticket is closed again at once.", "do": ["Leave it alone."]},
        probability=None,
        within_seconds=None,
        opened_at=now,
        recorded_at=now,
        updated_at=now,
        acknowledged_at=None,
        resolved_at=None,
        closed_at=None,
        owner="",
        waiting_for="",
        outcome=None,
    )


def run_trial(outbox: Outbox, destination: str, wake: Callable[[], None], now: float) -> list[Step]:
    """Wait for each step; the second is left out when the first fails."""
    opened = trial_ticket(now)
    done = Entry(now, "forewarn", "note", "internal", "the test is over")
    closed = msgspec.structs.replace(
        opened, state=life.CLOSED, outcome="could-not-reproduce", closed_at=now, timeline=[done]
    )
    steps: list[Step] = []
    for event, ticket in (("opened", opened), ("closed", closed)):
        steps.append(_step(outbox, destination, wake, event, ticket))
        if steps[-1].error:
            break
    return steps


def _step(outbox: Outbox, destination: str, wake: Callable[[], None], event: str, ticket: Ticket) -> Step:
    event_id = str(uuid.uuid4())
    began = time.monotonic()
    outbox.add(destination, ticket.number, event, event_id, msgspec.json.encode(ticket).decode())
    wake()
    while (row := outbox.one(event_id))["state"] == "pending":
        if time.monotonic() - began > STEP_SECONDS:
            outbox.give_up(event_id, GIVEN_UP)
            return Step(event=event, seconds=time.monotonic() - began, error=row["last_error"] or "it still waits")
        time.sleep(LOOK_SECONDS)
    return Step(event=event, seconds=time.monotonic() - began, error=row["last_error"])
