"""That the collector is there to hear is noted, so that nobody is silent for the time in which nobody listened."""

import math

import msgspec

from forewarn_collector.clock import Clock
from forewarn_collector.judge.presence import Presence, carried_on
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket

KEPT_AS = "presence"
KEEP_SECONDS = 60.0


class Listening:
    """Notes it at the desk once a minute, so that a kill loses no more than that."""

    def __init__(self, desk: Desk, clock: Clock, docket: Docket = EVERYTHING) -> None:
        self._desk = desk
        self._kept_as = docket.word(KEPT_AS)
        self._clock = clock
        self._presence: Presence | None = None
        self._kept_at = -math.inf
        self._awake_at: float | None = None

    def carry_on(self, now: float) -> Presence:
        before = self._presence or self._recorded()
        awake_at = self._clock.awake()
        presence = carried_on(before, now, 0.0 if self._awake_at is None else awake_at - self._awake_at)
        if before is None or presence.away != before.away or abs(now - self._kept_at) >= KEEP_SECONDS:
            self._desk.keep(self._kept_as, msgspec.json.encode(presence).decode())
            self._kept_at = now
        self._presence, self._awake_at = presence, awake_at
        return presence

    def _recorded(self) -> Presence | None:
        kept = self._desk.kept(self._kept_as)
        return None if kept is None else msgspec.json.decode(kept, type=Presence)
