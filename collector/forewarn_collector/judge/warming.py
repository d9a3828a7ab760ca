"""Windows are not saved: they are filled from stored history when a series is first touched after a start."""

import logging
import threading
from collections.abc import Sequence

from forewarn_collector.judge.rounds import KIND_OF_PREFIX, Past, Wanted, past
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Damaged, Row, Series
from forewarn_rules import Engine, Kind

log = logging.getLogger(__name__)

# Filling the windows of a series takes a while, and a step should not take long.
SERIES_FILLED_PER_STEP = 200


class Warming:
    """Which series were touched since the start."""

    def __init__(self, engine: Engine, wanted: Wanted) -> None:
        self._wanted = wanted
        self._warmed: set[int] = set()
        self._newest = 0
        load_kinds = set(KIND_OF_PREFIX.values()) - {Kind.DISK}
        # How far the rules look back, by the kind of series that carries the components.
        self._reach = {
            "smart": engine.reach_back(Kind.DISK),
            "load": max(engine.reach_back(kind) for kind in load_kinds),
        }

    def begin_anew(self, newest: int) -> None:
        """``newest``: the last series that there is. One that is made later has no history when it is first touched."""
        self._warmed.clear()
        self._newest = newest

    def is_due(self, series: int) -> bool:
        """Whether the windows of a series are to be filled: it had rows before the start, and was not touched since."""
        return series <= self._newest and series not in self._warmed

    def portion(self, rows: Sequence[Row]) -> Sequence[Row]:
        """As many of the first rows as one step may take."""
        due: set[int] = set()
        for place, row in enumerate(rows):
            if self.is_due(row.series):
                due.add(row.series)
                if len(due) > SERIES_FILLED_PER_STEP:
                    return rows[:place]
        return rows

    def reach_back(self, kind: str) -> float:
        """Seconds of a kind of series that rules look back on."""
        return self._reach.get(kind, 0.0)

    def past_of(self, history: History, series: Series, at: float, judged: int) -> list[Past]:
        """What windows of a series are filled with, from ``at`` backwards."""
        return list(past(history, series, at, 2 * self.reach_back(series.kind), judged, self._wanted))

    def fill(
        self, engine: Engine, lock: threading.Lock, history: History, series: Series, at: float, judged: int
    ) -> None:
        """Fill the windows of a series, from ``at`` backwards, with what was judged: up to the position ``judged``."""
        if not self.is_due(series.id):
            return
        self._warmed.add(series.id)
        if series.kind not in self._reach:
            return
        try:
            for found in self.past_of(history, series, at, judged):
                with lock:
                    engine.warm_history(found.kind, found.key, found.at, found.metrics)
        except (Damaged, ValueError) as error:
            log.error("the history of %s %s of %s: %s; its windows begin empty", *series[1:4], error)
