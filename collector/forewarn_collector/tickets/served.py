"""Reads from the database what the quality report counts."""

import sqlalchemy as sa

from forewarn_collector.store.state import ticket
from forewarn_collector.tickets import life
from forewarn_collector.tickets.quality import Served
from forewarn_collector.tickets.tables import rating, reopening, ticket_link, ticket_report


def served(db: sa.Connection, until: float) -> list[Served]:
    """Tickets recorded before ``until``. A ticket that was resolved does not end later by being closed."""
    stars: dict[int, int] = {row.ticket: row.stars for row in db.execute(sa.select(rating))}
    found_by: dict[int, str] = {row.ticket: row.found_by for row in db.execute(sa.select(ticket_report))}
    followed = set(db.execute(sa.select(ticket_link.c.follows)).scalars())
    earlier: dict[int, list[tuple[float, str | None]]] = {}
    for row in db.execute(sa.select(reopening).order_by(reopening.c.id)):
        earlier.setdefault(row.ticket, []).append((row.ended_at, row.outcome))
    found = []
    for row in db.execute(sa.select(ticket).where(ticket.c.recorded_at < until).order_by(ticket.c.number)):
        ends = list(earlier.get(row.number, ()))
        came_back = [True] * len(ends)
        ended_at = row.closed_at if row.resolved_at is None else row.resolved_at
        if row.open_key is None and ended_at is not None:
            ends.append((ended_at, row.outcome))
            came_back.append(row.number in followed)
        found.append(
            Served(
                row.number,
                row.customer,
                row.owner or row.engineer,
                found_by.get(row.number, life.US),
                row.recorded_at,
                row.acknowledged_at,
                ends,
                came_back,
                stars.get(row.number),
            )
        )
    return found
