"""Where rules stand on devices that another collector judges: taken up from what it has recorded."""

import logging
import threading
import time
from collections.abc import Callable

from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Engine, Key, Kind, Standing

log = logging.getLogger(__name__)

REFRESH_SECONDS = 3.0
"""So old may an answer be. What is recorded of the whole fleet is read for it."""


class Mirror:
    """Reads what is recorded when somebody asks; only what has changed is taken up again. ``mine``: devices that need
    no mirror."""

    def __init__(self, desk: Desk, new_engine: Callable[[], Engine], mine: Callable[[str], bool]) -> None:
        self._desk = desk
        self._engine = new_engine()
        self._mine = mine
        self._saved: dict[tuple[Kind, Key], bytes] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def standing(self, kind: Kind, key: Key) -> list[Standing]:
        with self._lock:
            return self._fresh().levels(kind, key)

    def raised(self) -> dict[tuple[Kind, Key], str]:
        with self._lock:
            engine = self._fresh()
            return {(kind, key): level for kind in Kind for key, level in engine.raised(kind).items()}

    def accepted(self, kind: Kind, key: Key) -> dict[str, float]:
        with self._lock:
            return {metric: found.value for metric, found in self._fresh().accepted(kind, key).items()}

    def _fresh(self) -> Engine:
        if time.monotonic() >= self._until:
            found = {(Kind(kind), key): data for kind, key, data in self._desk.snapshots() if not self._mine(key[0])}
            for kind, key in self._saved.keys() - found.keys():
                self._engine.forget(kind, key)
            for (kind, key), data in found.items():
                if self._saved.get((kind, key)) != data:
                    self._take_up(kind, key, data)
            self._saved = found
            self._until = time.monotonic() + REFRESH_SECONDS
        return self._engine

    def _take_up(self, kind: Kind, key: Key, data: bytes) -> None:
        self._engine.forget(kind, key)
        try:
            self._engine.restore(kind, key, data)
        except ValueError as error:
            log.error("what was recorded of %s %s cannot be read: %s", kind, key, error)
