"""Notifications that are over, of tickets that are closed, are forgotten after a while."""

import sqlalchemy as sa

from forewarn_collector.notify.model import State
from forewarn_collector.notify.tables import notification
from forewarn_collector.store.state import ticket
from forewarn_collector.tickets.sweeping import drop


def drop_notifications(engine: sa.Engine, before: float) -> int:
    """Those that were made before a time (Unix seconds), a few at a time; return how many."""
    is_open = sa.select(ticket.c.number).where(ticket.c.open_key.is_not(None))
    of_none_open = notification.c.ticket.is_(None) | notification.c.ticket.not_in(is_open)
    return drop(
        engine, notification, notification.c.created_at < before, notification.c.state != State.WAITING, of_none_open
    )
