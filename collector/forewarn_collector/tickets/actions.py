"""What a person does to a ticket, within the desk's transaction."""

from typing import Any, TypedDict, Unpack

import sqlalchemy as sa

from forewarn_collector.tickets import folding, life, rows, story
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.model import Entry, Key, Ticket

EVENTS = {"resolve": "resolved", "close": "closed", "reopen": "opened"}


class How(TypedDict, total=False):
    """``outcome`` when it is closed; ``waiting_for`` when it waits; ``text`` is a note, ``visibility`` whose;
    ``owner``: who has a ticket that nobody had, if it is not the actor."""

    outcome: str | None
    text: str
    waiting_for: str
    visibility: str
    owner: str


def act(
    db: sa.Connection, announcer: Announcer, number: int, action: str, actor: str, now: float, **how: Unpack[How]
) -> None:
    """Acknowledge, start, wait, resolve, close or reopen. Raise TicketError when that does not fit."""
    ticket = rows.existing(db, number)
    outcome = how.get("outcome")
    state = life.next_state(ticket.state, action, outcome, how.get("waiting_for", ""))
    waiting_for = how.get("waiting_for", "") if state == life.WAITING else ""
    columns: dict[str, Any] = {"state": state, "updated_at": now, "waiting_for": waiting_for}
    if action in ("acknowledge", "start") and not ticket.owner:
        columns["owner"] = how.get("owner", actor)
    if ticket.acknowledged_at is None:
        columns["acknowledged_at"] = now
    if action == "reopen":
        reopen(db, ticket, now)
        rows.update(db, number, **columns)
    elif state in life.ENDED:
        folding.tell(db, number, now)
        columns["resolved_at" if action == "resolve" else "closed_at"] = now
        if outcome:
            columns["outcome"] = outcome
        rows.end(db, number, **columns)
    else:
        rows.update(db, number, **columns)
    said = state + (f" for {waiting_for}" if waiting_for else "") + (f", {outcome}" if outcome else "")
    rows.add_state(db, number, now, actor, said)
    if text := how.get("text"):
        rows.add_entry(db, number, Entry(now, actor, "note", how.get("visibility", "internal"), text))
    announcer.tell(db, number, EVENTS.get(action, "updated"), now)


def reopen(db: sa.Connection, ticket: Ticket, at: float) -> None:
    """An ended ticket lives again, and how it had ended is kept. Raise TicketError when another one took its place."""
    key = Key(ticket.customer, ticket.device_serial, ticket.part_serial, ticket.fault)
    other = rows.live_number(db, key)
    if other is not None:
        raise life.TicketError(f"cannot reopen it: ticket {other} is open for the same fault; work on that one")
    story.add_reopening(db, ticket.number, at)
    columns = {"outcome": None, "resolved_at": None, "closed_at": None, "waiting_for": ""}
    rows.update(db, ticket.number, open_key=key.text(), state=life.OPEN, **columns)


def note(
    db: sa.Connection, announcer: Announcer, number: int, actor: str, now: float, text: str, visibility: str
) -> None:
    rows.existing(db, number)
    rows.add_entry(db, number, Entry(now, actor, "note", visibility, text))
    rows.update(db, number, updated_at=now)
    announcer.tell(db, number, "updated", now)


def assign(db: sa.Connection, announcer: Announcer, number: int, owner: str, actor: str, now: float, text: str) -> None:
    """Give it to somebody, who has not acknowledged it by that, or to nobody. Raise TicketError when it has ended."""
    ticket = rows.existing(db, number)
    if ticket.state in life.ENDED:
        raise life.TicketError(f"cannot assign a ticket that is {ticket.state}")
    if owner != ticket.owner:
        rows.add_state(db, number, now, actor, f"assigned to {owner or 'nobody'}")
    if text:
        rows.add_entry(db, number, Entry(now, actor, "note", "internal", text))
    rows.update(db, number, owner=owner, updated_at=now)
    announcer.tell(db, number, "updated", now)
