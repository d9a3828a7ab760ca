"""A report of the collector's own that goes the whole way: through a door, into the journal, past the judge.

It is seen from outside: what counts is the committed row, and how far the judge says it has come.
"""

import time
from collections.abc import Callable
from secrets import token_hex
from typing import Protocol

from forewarn_collector.selfcheck.model import CanaryView
from forewarn_collector.store.history import History
from forewarn_collector.store.reader import Reader
from forewarn_wire import CANARY, LoadReport, Uptime, encode, up_topic

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Way(Protocol):
    """A way to a door: ``name`` is listener or broker. ``send`` raises OSError when the door does not take it."""

    name: str

    def send(self, topic: str, payload: bytes) -> None: ...


class Canary:
    """Sends down one way. ``fly`` blocks for no longer than the patience, twice; one call at a time."""

    def __init__(
        self,
        way: Way,
        reader: Reader,
        history: History,
        judged_position: Callable[[], int],
        now: Callable[[], float],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.last: CanaryView | None = None
        self._way = way
        self._reader = reader
        self._history = history
        self._judged_position = judged_position
        self._now = now
        self._patience = patience_seconds
        self._seq = 0
        self._boot = f"{way.name}-{now():.0f}-{token_hex(3)}"  # several collectors may begin in one second

    def fly(self, given_up: Callable[[], bool] = lambda: False) -> CanaryView:
        """Send one and follow it. ``given_up`` ends the waiting early, which is no trouble."""
        self._seq += 1
        sent_at = self._now()
        started = time.monotonic()

        def until(reached: Callable[[], bool]) -> float | None:
            deadline = time.monotonic() + self._patience
            while not reached():
                if given_up() or time.monotonic() > deadline:
                    return None
                time.sleep(LOOK_SECONDS)
            return time.monotonic() - started

        uptime = Uptime(seconds=started)
        report = LoadReport(device=CANARY, boot=self._boot, seq=self._seq, sampled_at=sent_at, uptime=uptime)
        stored = judged = None
        trouble = ""
        try:
            self._way.send(up_topic(CANARY, "load"), encode(report))
            stored = until(lambda: self._arrived(sent_at))
        except OSError as error:
            trouble = f"the canary could not be sent through the {self._way.name}: {error}"
        if stored is not None:
            position = self._reader.max_position()
            judged = until(lambda: self._judged_position() >= position)
        if not trouble and judged is None and not given_up():
            what = "was not stored" if stored is None else "was stored, but not judged"
            trouble = f"the canary through the {self._way.name} {what} within {self._patience:.0f} s"
        self.last = CanaryView(
            door=self._way.name, sent_at=sent_at, stored_seconds=stored, judged_seconds=judged, trouble=trouble
        )
        return self.last

    def _arrived(self, sent_at: float) -> bool:
        newest = self._history.latest(CANARY, "load")
        # The store keeps milliseconds.
        return newest is not None and newest.at >= sent_at - 0.001
