"""The delivery loops: each takes what is due for one destination, sends it, and only then marks it sent. At least once.

Deliveries of one ticket to one destination keep their order: a later one waits for the earlier. A delivery that can't
be accepted is parked with its reason and shown; it stops nothing else. A destination that hangs stops only its own.
"""

import logging
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from forewarn_collector.store.model import StoreError
from forewarn_collector.store.state import database_trouble, delivery, reading
from forewarn_collector.tickets.destination import Busy, DeliveryError, Destination, Parcel, Unreachable
from forewarn_collector.tickets.outbox import PARK_AFTER_SECONDS, Outbox
from forewarn_collector.worker import Worker

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0
LONGEST_DELAY = 900.0
# What is refused again and again is parked after a week.
PARK_AFTER_TRIES = 20
# Nobody answers: the whole destination waits, and drains within this time when it is back.
LONGEST_PAUSE = 60.0


def delay_after(tries: int) -> float:
    """Seconds until the next try: 1, 2, 4, ... up to a quarter of an hour."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(tries, 20)))


class Push:
    """All destinations, a thread for each."""

    def __init__(self, engine: sa.Engine, destinations: Iterable[Destination], now: Callable[[], float]) -> None:
        self.outbox = Outbox(engine, now)
        self._workers = [_Worker(engine, destination, now) for destination in destinations]

    def start(self) -> None:
        self.outbox.take_up([worker.name for worker in self._workers])
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()

    def wake(self) -> None:
        for worker in self._workers:
            worker.wake()


class _Worker(Worker):
    """One destination."""

    def __init__(self, engine: sa.Engine, destination: Destination, now: Callable[[], float]) -> None:
        self.name = destination.name
        self._engine = engine
        self._reading = reading(engine)
        self._destination = destination
        self._now = now
        super().__init__(f"push {self.name}")

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            try:
                sent = self._step()
            except Unreachable:
                pause = min(LONGEST_PAUSE, max(FIRST_DELAY, 2 * pause))
                self._stopping.wait(pause)
                continue
            except Busy as busy:
                self._stopping.wait(max(busy.retry_after, FIRST_DELAY))
                continue
            except (sa.exc.SQLAlchemyError, StoreError) as error:
                known = database_trouble(error)
                log.error(
                    "the deliveries to %s could not use the state database: %s",
                    self.name, known or error, exc_info=known is None,
                )  # fmt: skip
                self._stopping.wait(FIRST_DELAY)
                continue
            pause = 0.0
            if not sent:
                self._wake.wait(0.5)
                self._wake.clear()

    def _step(self) -> int:
        """Try everything that is due; return how many were delivered. Raise Unreachable or Busy."""
        sent = 0
        for parcel in self._due():
            if self._stopping.is_set():
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
        now = self._now()
        # Further away than any delay: the clock was set back.
        due = sa.or_(delivery.c.next_try_at <= now, delivery.c.next_try_at > now + LONGEST_DELAY)
        query = (
            sa.select(delivery)
            .where(delivery.c.destination == self.name, delivery.c.state == "pending", due, ~blocked)
            .order_by(delivery.c.ticket >= 0, delivery.c.id)  # who waits for a test need not wait for the others
            .limit(limit)
        )
        with self._reading.connect() as db:
            return [Parcel(**{name: row[name] for name in Parcel._fields}) for row in db.execute(query).mappings()]

    def _try(self, parcel: Parcel) -> int:
        try:
            self._destination.send(parcel)
        except DeliveryError as error:
            self._failed(parcel, error)
            if isinstance(error, Unreachable | Busy):
                raise
            return 0
        except Exception as error:  # a destination's own mistake must not stop the loop
            log.exception("delivery %d to %s", parcel.id, self.name)
            self._failed(parcel, DeliveryError(f"{type(error).__name__}: {error}"))
            return 0
        self._mark(parcel, state="done", sent_at=self._now(), tries=parcel.tries + 1, last_error="")
        return 1

    def _failed(self, parcel: Parcel, error: DeliveryError) -> None:
        tries = parcel.tries + 1
        old = self._now() - parcel.created_at > PARK_AFTER_SECONDS
        # What is a test fails at once, so that whoever waits for it hears why.
        parked = error.permanent or parcel.ticket < 0 or (old and tries >= PARK_AFTER_TRIES)
        log.warning("delivery %d to %s: %s%s", parcel.id, self.name, error, "; parked" if parked else "")
        self._mark(
            parcel,
            state="parked" if parked else "pending",
            tries=tries,
            next_try_at=self._now() + _wait(error, parcel.tries),
            last_error=str(error),
        )

    def _mark(self, parcel: Parcel, **columns: object) -> None:
        with self._engine.begin() as db:
            db.execute(delivery.update().where(delivery.c.id == parcel.id).values(**columns))


def _wait(error: DeliveryError, tries: int) -> float:
    """Seconds until this one is tried again."""
    if isinstance(error, Unreachable | Busy):
        # The whole destination pauses, and this one is the first to be tried again.
        return 0.0
    return max(delay_after(tries), error.retry_after or 0.0)
