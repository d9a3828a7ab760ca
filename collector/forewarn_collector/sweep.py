"""What is older than it is to be kept goes, once an hour of the collector's clock."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from forewarn_collector.config_store import Keep
from forewarn_collector.notify.sweeping import drop_notifications
from forewarn_collector.repeat import Repeat
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.rollups import KIND_OF
from forewarn_collector.tickets.sweeping import drop_deliveries

log = logging.getLogger(__name__)

DAY = 86_400.0
EVERY_SECONDS = 3600.0
LOOK_SECONDS = 10.0
BOOT_DAYS = 90.0
"""An agent keeps what it could not send for long, and may send it after what came later."""


class Limits(NamedTuple):
    """Unix seconds; what is older goes."""

    kinds: dict[str, float]
    """sealed rows, by kind"""
    dead_letters: float | None
    messages: float | None
    boots: float


def limits(keep: Keep, now: float, reach_back: Callable[[str], float] = lambda _kind: 0.0) -> Limits:
    """Nothing goes of which ``reach_back`` says (in seconds, by kind) that rules look back on it. Pure."""
    days = {"load": keep.load_days, "smart": keep.smart_days, "event": keep.event_days}
    days |= dict.fromkeys(KIND_OF.values(), keep.rollup_days)
    kinds = {kind: now - max(kept * DAY, reach_back(kind)) for kind, kept in days.items() if kept is not None}
    letters, messages = (
        None if kept is None else now - kept * DAY for kept in (keep.dead_letter_days, keep.message_days)
    )
    return Limits(kinds, letters, messages, now - BOOT_DAYS * DAY)


class Sweep:
    """``reach_back``: see `limits`; ``now``: Unix seconds."""

    def __init__(
        self,
        keep: Keep,
        journal: Journal,
        state: sa.Engine,
        reach_back: Callable[[str], float],
        now: Callable[[], float],
    ) -> None:
        self._keep = keep
        self._journal = journal
        self._state = state
        self._reach_back = reach_back
        self._now = now
        self._next = 0.0
        self.repeat = Repeat("sweep", LOOK_SECONDS, self.look)

    def look(self) -> None:
        """Sweep when it is time."""
        now = self._now()
        if now >= self._next:
            self.sweep(now)
            self._next = now + EVERY_SECONDS

    def sweep(self, now: float) -> dict[str, int]:
        """How many rows of what went."""
        limit = limits(self._keep, now, self._reach_back)
        sweeper = self._journal.sweeper
        gone = {kind: sweeper.drop_before(kind, time) for kind, time in limit.kinds.items()}
        gone["series"] = sweeper.drop_empty_series()
        gone["boots"] = sweeper.drop_boots(limit.boots)
        if limit.dead_letters is not None:
            gone["dead letters"] = sweeper.drop_dead_letters(limit.dead_letters)
        if limit.messages is not None:
            gone["deliveries"] = drop_deliveries(self._state, limit.messages)
            gone["notifications"] = drop_notifications(self._state, limit.messages)
        if any(gone.values()):
            log.info("swept: %s", ", ".join(f"{rows} {what}" for what, rows in gone.items() if rows))
        return gone
