"""Where it is announced that something happened to a ticket: everybody who wants to know hears of it here.

A hearer writes rows (deliveries, notifications) in the transaction of what happened; sending them is another loop.
"""

import uuid
from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa

from forewarn_collector.tickets import rows
from forewarn_collector.tickets.model import Ticket

Hearer = Callable[[sa.Connection, Ticket, str, float], None]
"""Is told the ticket as it is now, what happened to it (opened, updated, resolved, closed), and when."""


class Announcer:
    def __init__(self, hearers: Sequence[Hearer] = ()) -> None:
        self.hearers = list(hearers)

    def tell(self, db: sa.Connection, number: int, event: str, now: float) -> None:
        if self.hearers:
            ticket = rows.existing(db, number)
            for hear in self.hearers:
                hear(db, ticket, event, now)


def to_destinations(names: Sequence[str]) -> Hearer:
    """One event for every destination. Its id is like no other, also not of another or a later collector."""

    def hear(db: sa.Connection, ticket: Ticket, event: str, now: float) -> None:
        if names:
            body = msgspec.json.encode(ticket).decode()
            rows.add_deliveries(db, names, ticket.number, event, str(uuid.uuid4()), body, now)

    return hear
