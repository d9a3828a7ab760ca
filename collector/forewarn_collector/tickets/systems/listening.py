"""Listens to one ticket system: asks every few seconds what was changed there, and at once when a web-hook says so."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from forewarn_collector.store.state import database_trouble
from forewarn_collector.tickets.destination import DeliveryError, Unreachable
from forewarn_collector.tickets.systems.exchange import Exchange
from forewarn_collector.tickets.systems.external import Watch
from forewarn_collector.tickets.systems.interface import Hint, Remote
from forewarn_collector.worker import Worker

log = logging.getLogger(__name__)

# A change of the same second may not have been there yet when we asked.
OVERLAP = 2.0
# The first time: what was done while nobody listened.
FIRST_REACH = 86_400.0
# What cannot be taken in holds the rest up no longer than so many turns.
PATIENCE = 20
MOST_HINTS = 10_000
# Redmine and Request Tracker call while their own transaction is still open: what is read at once may be the old state.
AGAIN_SECONDS = 3.0


class Listening(Worker):
    def __init__(self, exchange: Exchange, seconds: float, polls: bool, now: Callable[[], float]) -> None:
        self.name = exchange.name
        self._exchange = exchange
        self._seconds = seconds
        self._polls = polls
        self._now = now
        self._hints: dict[Hint, None] = {}
        self._again: dict[Hint, float] = {}
        self._failed: dict[Hint, int] = {}
        self._lock = threading.Lock()
        super().__init__(f"listen {self.name}")

    def hear(self, hints: Sequence[Hint]) -> None:
        """Of a web-hook. What does not fit is found by the next poll."""
        with self._lock:
            if len(self._hints) < MOST_HINTS:
                self._hints |= dict.fromkeys(hints)
                self._again |= dict.fromkeys(hints, time.monotonic() + AGAIN_SECONDS)
        self._wake.set()

    def _run(self) -> None:
        due = time.monotonic() + self._seconds
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, min(due, self._next_again()) - time.monotonic()))
            self._wake.clear()
            try:
                self._look_at(self._take_hints())
                if time.monotonic() >= due and not self._stopping.is_set():
                    due = time.monotonic() + self._seconds
                    self.poll()
            except DeliveryError as error:
                self._trouble(str(error))
            except Exception as error:
                known = database_trouble(error)
                log.error("listening to %s: %s", self.name, known or error, exc_info=known is None)

    def poll(self) -> None:
        """Take in everything that was changed since the last time; where a system cannot tell, every ticket that is
        open here is read. Raise DeliveryError when it cannot be asked."""
        watch = self._exchange.links.watch()
        since = watch.polled_to if watch else self._now() - FIRST_REACH
        if not self._polls:
            failed = self._look_at([Hint(remote) for remote in self._exchange.links.live()])
            self._exchange.links.put_watch(Watch(since, self._now(), "; ".join(failed.values())))
            return
        found = self._exchange.system.poll(since)
        failed = self._look_at([Hint(remote.id) for remote in found])
        reached = self._reached(found, failed, since)
        self._exchange.links.put_watch(Watch(reached, self._now(), "; ".join(failed.values())))

    def _reached(self, found: Sequence[Remote], failed: dict[Hint, str], since: float) -> float:
        """Up to when nothing is missing: the next poll begins there."""
        waits = [r.changed_at for r in found if Hint(r.id) in failed and self._failed[Hint(r.id)] < PATIENCE]
        newest = max((remote.changed_at for remote in found), default=since)
        return max(since, min([newest - OVERLAP, *waits]))

    def _look_at(self, hints: Sequence[Hint]) -> dict[Hint, str]:
        """Return those that could not be taken in, and why. Raise Unreachable."""
        failed = {}
        for hint in hints:
            if self._stopping.is_set():
                break
            try:
                self._exchange.look(hint)
                self._failed.pop(hint, None)
            except Unreachable:
                raise
            except DeliveryError as error:
                failed[hint] = str(error)
                self._failed[hint] = self._failed.get(hint, 0) + 1
                log.warning("%s, ticket %s there: %s", self.name, hint.id or hint.key, error)
        return failed

    def _take_hints(self) -> list[Hint]:
        """Those that are new, and those that are to be looked at once more."""
        now = time.monotonic()
        with self._lock:
            again = [hint for hint, due in self._again.items() if due <= now]
            hints, self._hints = list(self._hints | dict.fromkeys(again)), {}
            for hint in again:
                del self._again[hint]
        return hints

    def _next_again(self) -> float:
        with self._lock:
            return min(self._again.values(), default=math.inf)

    def _trouble(self, text: str) -> None:
        log.warning("%s could not be asked what was done there: %s", self.name, text)
        watch = self._exchange.links.watch() or Watch(self._now() - FIRST_REACH, 0.0, "")
        self._exchange.links.put_watch(Watch(watch.polled_to, watch.polled_at, text))
