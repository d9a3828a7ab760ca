"""The newest row of every series, kept at hand.

Rows are taken up by their position, so a question costs what came since the last one.
"""

import threading
from collections.abc import Iterator

from forewarn_collector.store.earlier import columns_of
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Newest
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.rollups import KIND_OF

# Beyond that it is quicker to look up every series.
_ROWS_BEHIND = 100_000
# A row that came late and was sealed before it was taken up is found after this long.
_RENEWED_SECONDS = 3600.0


Cell = tuple[Newest, int, str]
"""Row, column, part (mount or sensor; empty where it is that of the series). A fleet has too many for a type of their
own."""


class Fleetwide:
    """Threads: any; one question at a time reads. ``monotonic``: for how long ago, in seconds."""

    def __init__(self, reader: Reader, history: History) -> None:
        self._reader = reader
        self._history = history
        self._lock = threading.Lock()
        self._kinds: dict[str, dict[int, Newest]] = {}
        self._kind_of: dict[int, str | None] = {}
        self._position = 0
        self._renewed_at = float("-inf")

    def newest(self, kind: str, monotonic: float) -> list[Newest]:
        """Of every series of kind "load" or "smart"."""
        with self._lock, self._reader.snapshot():
            self._take_up(monotonic)
            return list(self._kinds[kind].values())

    def latest(self, kind: str, metric: str, monotonic: float) -> Iterator[Cell]:
        """The cells of the newest rows in which a metric stands."""
        layout: tuple[str, ...] | None = None
        for row in self.newest(kind, monotonic):
            if row.fields is not layout:  # nearly all have the same one
                layout = row.fields
                columns = columns_of(layout, metric)
            for column, part in columns:
                yield row, column, part

    def keep_up(self, monotonic: float) -> None:
        """Take up what came, and look everything up when it is time to, so that no question has to."""
        if self._is_due(monotonic):
            position = self._reader.max_position()
            kinds = self._look_up()  # questions go on meanwhile
            with self._lock:
                self._begin(kinds, position, monotonic)
        with self._lock, self._reader.snapshot():
            self._take_up(monotonic)

    def _is_due(self, monotonic: float) -> bool:
        return monotonic - self._renewed_at > _RENEWED_SECONDS

    def _take_up(self, monotonic: float) -> None:
        newest = self._reader.max_position()
        if self._is_due(monotonic) or newest - self._position > _ROWS_BEHIND:
            self._begin(self._look_up(), newest, monotonic)
        if self._position == newest:
            return
        for row in self._reader.newest_since(self._position):
            if (kind := self._kind(row.series)) is None:
                continue
            known = self._kinds[kind].get(row.series)
            if known is None:
                series = self._reader.series(row.series)
                assert series is not None
                known = Newest(row.series, series.device, series.part, float("-inf"), None, (), row.values)
            if row.at >= known.at:
                self._kinds[kind][row.series] = known._replace(
                    at=row.at, received_at=row.received_at, fields=row.fields, values=row.values
                )
        self._position = newest

    def _look_up(self) -> dict[str, dict[int, Newest]]:
        return {kind: {row.series: row for row in self._history.newest_rows(kind)} for kind in KIND_OF}

    def _begin(self, kinds: dict[str, dict[int, Newest]], position: int, monotonic: float) -> None:
        """``position``: all rows up to there are in it, and perhaps later ones."""
        self._kinds, self._position, self._renewed_at = kinds, position, monotonic
        self._kind_of = {series: kind for kind, rows in kinds.items() for series in rows}

    def _kind(self, series: int) -> str | None:
        """None: it is neither load nor SMART."""
        if series not in self._kind_of:
            known = self._reader.series(series)
            self._kind_of[series] = known.kind if known and known.kind in KIND_OF else None
        return self._kind_of[series]
