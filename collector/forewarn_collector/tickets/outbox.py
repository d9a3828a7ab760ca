"""The deliveries in ``state.db``: what waits, what is parked, what became of it. ``push`` sends them."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from forewarn_collector.store.state import delivery, reading
from forewarn_collector.tickets import rows
from forewarn_collector.tickets.destination import UNCERTAIN

# A weekend without the ticket system loses nothing.
PARK_AFTER_SECONDS = 7 * 86_400.0
GONE = "this destination is no longer configured"


class Outbox:
    """``now``: Unix seconds."""

    def __init__(self, engine: sa.Engine, now: Callable[[], float]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now

    def take_up(self, destinations: Sequence[str]) -> None:
        """At a start, which may come with another configuration or a mended token: what was parked gets another
        chance, unless a person has to look first; what is for nobody any more is parked."""
        configured = delivery.c.destination.in_(destinations)
        with self._engine.begin() as db:
            gone = delivery.update().where(delivery.c.state == "pending", ~configured)
            db.execute(gone.values(state="parked", last_error=GONE))
            recent = delivery.c.created_at > self._now() - PARK_AFTER_SECONDS
            self._again(db, configured, recent, ~delivery.c.last_error.contains(UNCERTAIN))

    def retry(self, destination: str, ticket: int | None = None) -> int:
        """Give what is parked another chance; return how many deliveries."""
        wanted = [delivery.c.destination == destination]
        if ticket is not None:
            wanted.append(delivery.c.ticket == ticket)
        with self._engine.begin() as db:
            return self._again(db, *wanted)

    def _again(self, db: sa.Connection, *wanted: sa.ColumnElement[bool]) -> int:
        """Not where something later of the ticket was delivered: the old must not follow the new. Nor a test."""
        later = delivery.alias()
        overtaken = sa.exists().where(
            later.c.ticket == delivery.c.ticket,
            later.c.destination == delivery.c.destination,
            later.c.state == "done",
            later.c.id > delivery.c.id,
        )
        back = delivery.update().where(delivery.c.state == "parked", delivery.c.ticket >= 0, ~overtaken, *wanted)
        return db.execute(back.values(state="pending", tries=0, next_try_at=self._now())).rowcount

    def add(self, destination: str, ticket: int, event: str, event_id: str, body: str) -> None:
        with self._engine.begin() as db:
            rows.add_deliveries(db, [destination], ticket, event, event_id, body, self._now())

    def give_up(self, event_id: str, reason: str) -> None:
        """Park one that still waits."""
        mine = (delivery.c.event_id == event_id, delivery.c.state == "pending")
        with self._engine.begin() as db:
            db.execute(delivery.update().where(*mine).values(state="parked", last_error=reason))

    def one(self, event_id: str) -> dict[str, Any]:
        with self._reading.connect() as db:
            return dict(db.execute(sa.select(delivery).where(delivery.c.event_id == event_id)).mappings().one())

    def summary(self) -> dict[str, int]:
        query = sa.select(delivery.c.state, sa.func.count()).group_by(delivery.c.state)
        with self._reading.connect() as db:
            return {str(state): int(count) for state, count in db.execute(query)}

    def by_destination(self) -> dict[str, dict[str, int]]:
        """How many deliveries of each are in each state."""
        query = sa.select(delivery.c.destination, delivery.c.state, sa.func.count())
        found: dict[str, dict[str, int]] = {}
        with self._reading.connect() as db:
            for name, state, count in db.execute(query.group_by(delivery.c.destination, delivery.c.state)):
                found.setdefault(str(name), {})[str(state)] = int(count)
        return found

    def last_sent(self) -> dict[str, float]:
        """When the newest delivery to each destination arrived."""
        query = sa.select(delivery.c.destination, sa.func.max(delivery.c.sent_at)).where(delivery.c.state == "done")
        with self._reading.connect() as db:
            return {str(name): float(at) for name, at in db.execute(query.group_by(delivery.c.destination))}

    def oldest_unsent(self) -> float | None:
        """When the oldest delivery was made that still waits; None: none waits."""
        query = sa.select(sa.func.min(delivery.c.created_at)).where(delivery.c.state == "pending")
        with self._reading.connect() as db:
            found: float | None = db.execute(query).scalar()
        return found

    def listing(self, limit: int = 100) -> list[dict[str, object]]:
        """The newest deliveries, those that wait or are parked first."""
        done_last = sa.case((delivery.c.state == "done", 1), else_=0)
        shown = [column for column in delivery.c if column.name != "body"]
        query = sa.select(*shown).order_by(done_last, delivery.c.id.desc()).limit(limit)
        with self._reading.connect() as db:
            return [dict(row) for row in db.execute(query).mappings()]
