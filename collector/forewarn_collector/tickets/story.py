"""What came before and after a ticket, in the database: the ticket that it follows, and that it was opened again."""

import sqlalchemy as sa

from forewarn_collector.store.state import ticket
from forewarn_collector.tickets.again import Past
from forewarn_collector.tickets.model import Key
from forewarn_collector.tickets.tables import reopening, ticket_link


def past(db: sa.Connection, key: Key, since: float) -> list[Past]:
    """Tickets of the key that ended after ``since``."""
    ended_at = sa.func.coalesce(ticket.c.closed_at, ticket.c.resolved_at)
    query = sa.select(ticket.c.number, ticket.c.outcome, ended_at)
    query = query.where(*(getattr(ticket.c, name) == getattr(key, name) for name in Key.__struct_fields__))
    query = query.where(ticket.c.open_key.is_(None), ended_at >= since)
    return [Past(int(number), outcome, float(at)) for number, outcome, at in db.execute(query)]


def add_reopening(db: sa.Connection, number: int, at: float) -> None:
    """To be written before the ticket forgets how it ended."""
    row = db.execute(sa.select(ticket).where(ticket.c.number == number)).one()
    ended_at = row.closed_at if row.resolved_at is None else row.resolved_at
    db.execute(reopening.insert().values(ticket=number, at=at, ended_at=ended_at, outcome=row.outcome))


def add_link(db: sa.Connection, number: int, follows: int, at: float) -> None:
    db.execute(ticket_link.insert().values(ticket=number, follows=follows, at=at))


def follows(db: sa.Connection, number: int) -> int | None:
    found: int | None = db.execute(sa.select(ticket_link.c.follows).where(ticket_link.c.ticket == number)).scalar()
    return found


def followed_by(db: sa.Connection, number: int) -> list[int]:
    query = sa.select(ticket_link.c.ticket).where(ticket_link.c.follows == number)
    return list(db.execute(query.order_by(ticket_link.c.ticket)).scalars())
