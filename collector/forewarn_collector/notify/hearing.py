"""Hears what happens to tickets, in the transaction in which it happens, and tells whom it concerns."""

import sqlalchemy as sa

from forewarn_collector.notify import rows
from forewarn_collector.notify.notifier import Notifier
from forewarn_collector.notify.whom import calls, newest
from forewarn_collector.tickets.model import Ticket


class Hearing:
    """``hear`` is one of the announcer's hearers."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def hear(self, db: sa.Connection, ticket: Ticket, event: str, now: float) -> None:
        if not self._notifier.on:
            return
        told = newest(rows.written_about(db, ticket.number))
        for call in calls(event, ticket.state, ticket.severity, told, ended_by(ticket)):
            self._notifier.tell(db, ticket, call.engineer, call.kind, call.urgent)


def ended_by(ticket: Ticket) -> str:
    """Who changed the state of the ticket last."""
    return next((entry.actor for entry in reversed(ticket.timeline) if entry.kind == "state"), "")
