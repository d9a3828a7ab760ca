"""Deliveries that arrived long ago, of tickets that are closed, are forgotten; the ticket and its timeline stay."""

import sqlalchemy as sa

from forewarn_collector.store.state import delivery, ticket

AT_ONCE = 500


def drop_deliveries(engine: sa.Engine, before: float) -> int:
    """Those that were made before a time (Unix seconds), a few at a time; return how many."""
    is_open = sa.select(ticket.c.number).where(ticket.c.open_key.is_not(None))
    old = delivery.c.created_at < before, delivery.c.state == "done", delivery.c.ticket.not_in(is_open)
    return drop(engine, delivery, *old)


def drop(engine: sa.Engine, table: sa.Table, *old: sa.ColumnElement[bool]) -> int:
    """Rows of a table with an ``id``."""
    some = sa.select(table.c.id).where(*old).limit(AT_ONCE)
    dropped = 0
    while True:
        with engine.begin() as db:
            gone = db.execute(table.delete().where(table.c.id.in_(some))).rowcount
        dropped += gone
        if gone < AT_ONCE:
            return dropped
