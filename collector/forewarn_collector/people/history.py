"""What state and severity a ticket had since when: written down at every change, read for the clocks."""

from collections.abc import Sequence

import sqlalchemy as sa

from forewarn_collector.people.clocks import Moment
from forewarn_collector.people.rows import AT_ONCE
from forewarn_collector.people.tables import ticket_moment
from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import Ticket


def hear(db: sa.Connection, ticket: Ticket, _event: str, now: float) -> None:
    """Something happened to a ticket: note it when state or severity are others than before."""
    c = ticket_moment.c
    last = db.execute(
        sa.select(c.at, c.state, c.severity).where(c.ticket == ticket.number).order_by(c.id.desc()).limit(1)
    ).first()
    if last is None or (last.state, last.severity) != (ticket.state, ticket.severity):
        values = {"ticket": ticket.number, "state": ticket.state, "severity": ticket.severity}
        db.execute(ticket_moment.insert().values(**values, at=now if last is None else max(now, last.at)))


def histories(db: sa.Connection, tickets: Sequence[Ticket]) -> dict[int, list[Moment]]:
    """The history of each, by number."""
    noted: dict[int, list[Moment]] = {ticket.number: [] for ticket in tickets}
    numbers, c = list(noted), ticket_moment.c
    for start in range(0, len(numbers), AT_ONCE):
        query = sa.select(c.ticket, c.at, c.state, c.severity).where(c.ticket.in_(numbers[start : start + AT_ONCE]))
        for row in db.execute(query.order_by(c.id)):
            noted[row.ticket].append(Moment(row.at, row.state, row.severity))
    return {ticket.number: completed(ticket, noted[ticket.number]) for ticket in tickets}


def completed(ticket: Ticket, noted: list[Moment]) -> list[Moment]:
    """The history of a ticket of which not all was noted, because it is older than this table: it was open from its
    recording on, and what it tells itself stands for the rest. Pure."""
    if noted and noted[0].at <= ticket.recorded_at:
        return noted
    begun = Moment(ticket.recorded_at, life.OPEN, noted[0].severity if noted else ticket.severity)
    if noted:
        return [begun, *noted]
    found = [begun]
    ended = ticket.closed_at if ticket.resolved_at is None else ticket.resolved_at
    if ticket.acknowledged_at is not None and (ended is None or ticket.acknowledged_at < ended):
        found.append(begun._replace(at=max(begun.at, ticket.acknowledged_at), state=life.ACKNOWLEDGED))
    if ticket.state in life.ENDED and ended is not None:
        found.append(begun._replace(at=max(found[-1].at, ended), state=ticket.state))
    elif found[-1].state != ticket.state:
        found.append(begun._replace(at=max(found[-1].at, ticket.updated_at), state=ticket.state))
    return found
