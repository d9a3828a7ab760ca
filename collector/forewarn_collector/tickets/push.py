"""The delivery loop: takes what is due from the outbox, sends it, and only then marks it sent. At least once.

Deliveries of one ticket to one destination keep their order: a later one waits for the earlier. A delivery that can't
be accepted is parked with its reason and shown; it stops nothing else.
"""

import logging
import threading
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from forewarn_collector.store.state import delivery
from forewarn_collector.tickets.destination import DeliveryError, Destination, Parcel

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0
LONGEST_DELAY = 900.0
PARK_AFTER_TRIES = 200


def delay_after(tries: int) -> float:
    """Seconds until the next try: 1, 2, 4, ... up to a quarter of an hour."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries, 20)))


class Push:
    def __init__(self, engine: sa.Engine, destinations: Iterable[Destination], now: Callable[[], float]) -> None:
        self._engine = engine
        self._destinations = {destination.name: destination for destination in destinations}
        self._now = now
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="push")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            try:
                sent = self.step()
            except sa.exc.SQLAlchemyError:
                log.exception("the delivery loop could not use the state database")
                sent = 0
            if not sent:
                self._wake.wait(0.5)
                self._wake.clear()

    def step(self) -> int:
        """Try everything that is due; return how many were delivered."""
        sent = 0
        for parcel in self._due():
            if self._stopping:
                break
            sent += self._try(parcel)
        return sent

    def _due(self, limit: int = 100) -> list[Parcel]:
        earlier = delivery.alias()
        blocked = sa.exists().where(
            earlier.c.ticket == delivery.c.ticket,
            earlier.c.destination == delivery.c.destination,
            earlier.c.state == "pending",
            earlier.c.id < delivery.c.id,
        )
        query = (
            sa.select(delivery)
            .where(delivery.c.state == "pending", delivery.c.next_try_at <= self._now(), ~blocked)
            .order_by(delivery.c.id)
            .limit(limit)
        )
        with self._engine.connect() as db:
            return [Parcel(**{name: row[name] for name in Parcel._fields}) for row in db.execute(query).mappings()]

    def _try(self, parcel: Parcel) -> int:
        destination = self._destinations.get(parcel.destination)
        try:
            if destination is None:
                raise DeliveryError("this destination is no longer configured", permanent=True)
            destination.send(parcel)
        except DeliveryError as error:
            self._failed(parcel, error)
            return 0
        except Exception as error:  # a destination's own mistake must not stop the loop
            log.exception("delivery %d to %s", parcel.id, parcel.destination)
            self._failed(parcel, DeliveryError(f"{type(error).__name__}: {error}"))
            return 0
        self._mark(parcel, state="done", sent_at=self._now(), tries=parcel.tries + 1, last_error="")
        return 1

    def _failed(self, parcel: Parcel, error: DeliveryError) -> None:
        tries = parcel.tries + 1
        parked = error.permanent or tries >= PARK_AFTER_TRIES
        log.warning("delivery %d to %s: %s%s", parcel.id, parcel.destination, error, "; parked" if parked else "")
        self._mark(
            parcel,
            state="parked" if parked else "pending",
            tries=tries,
            next_try_at=self._now() + delay_after(parcel.tries),
            last_error=str(error),
        )

    def _mark(self, parcel: Parcel, **columns: object) -> None:
        with self._engine.begin() as db:
            db.execute(delivery.update().where(delivery.c.id == parcel.id).values(**columns))

    def summary(self) -> dict[str, int]:
        query = sa.select(delivery.c.state, sa.func.count()).group_by(delivery.c.state)
        with self._engine.connect() as db:
            return {str(state): int(count) for state, count in db.execute(query)}

    def listing(self, limit: int = 100) -> list[dict[str, object]]:
        """The newest deliveries, those that wait or are parked first."""
        done_last = sa.case((delivery.c.state == "done", 1), else_=0)
        shown = [column for column in delivery.c if column.name != "body"]
        query = sa.select(*shown).order_by(done_last, delivery.c.id.desc()).limit(limit)
        with self._engine.connect() as db:
            return [dict(row) for row in db.execute(query).mappings()]
