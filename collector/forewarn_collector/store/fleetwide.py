"""The newest row of every series, kept at hand, and what every series said at an earlier time.

Rows are taken up by their position, so a question costs what came since the last one. What was read of an earlier time
is remembered by metric and day; rows that come late for a day are not seen in it before it is forgotten.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from forewarn_collector.store import blocks
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Newest
from forewarn_collector.store.periods import SERIES_SHIFT, block_key, layout_in, period_of
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.rollups import HOUR, KIND_OF, rolled_up_field

_ROWS_AT_ONCE = 20_000
# Beyond that it is quicker to look up every series.
_ROWS_BEHIND = 100_000
# A row that came late and was sealed before it was taken up is found after this long.
_RENEWED_SECONDS = 3600.0
_EARLIER_KEPT = 64

_HEAD_AT = """
    SELECT series.id, head.at, head.layout, head.vals FROM series JOIN head ON head.position = (
        SELECT position FROM head WHERE series = series.id AND at <= ? ORDER BY at DESC LIMIT 1)
    WHERE series.kind = ?"""
_BLOCK_AT = f"""
    SELECT series.id, block.key, block.body FROM series JOIN block ON block.key = (
        SELECT MAX(key) FROM block WHERE first <= ? AND key >= series.id << {SERIES_SHIFT}
        AND key < (series.id << {SERIES_SHIFT}) + ?)
    WHERE series.kind = ?"""  # noqa: S608 - a constant of ours
_RAW_OF = """
    SELECT rolled.id, raw.id FROM series AS raw JOIN series AS rolled
    ON rolled.device = raw.device AND rolled.part = raw.part AND rolled.kind = ? WHERE raw.kind = ?"""


class Value(NamedTuple):
    at: float
    value: float


@lru_cache(maxsize=8192)
def columns_of(fields: tuple[str, ...], metric: str) -> tuple[tuple[int, str], ...]:
    """Where a metric stands in a layout: (column, part), one for each file system, sensor and so on."""
    found = ((column, field.partition("|")) for column, field in enumerate(fields))
    return tuple((column, part) for column, (name, _, part) in found if name == metric)


class Fleetwide:
    """Threads: any; one question at a time reads. Times are Unix seconds. ``monotonic``: for how long ago."""

    def __init__(self, reader: Reader, history: History) -> None:
        self._reader = reader
        self._history = history
        self._lock = threading.Lock()
        self._kinds: dict[str, dict[int, Newest]] = {}
        self._kind_of: dict[int, str | None] = {}
        self._position = 0
        self._renewed_at = float("-inf")
        self._earlier: OrderedDict[tuple[str, str, float], dict[tuple[int, str], Value]] = OrderedDict()

    def newest(self, kind: str, monotonic: float) -> list[Newest]:
        """Of every series of kind "load" or "smart"."""
        with self._lock, self._reader.snapshot():
            self._take_up(monotonic)
            return list(self._kinds[kind].values())

    def at(self, kind: str, metric: str, time: float) -> dict[tuple[int, str], Value]:
        """The newest value of a metric at a time, of every series and part that had one then: from rows where there are
        any, else from rollups."""
        key = (kind, metric, time)
        with self._lock:
            if key not in self._earlier:
                self._earlier[key] = {
                    **self._rollups_at(kind, metric, time),
                    **dict(self._rows_at(kind, metric, round(time * 1000))),
                }
                while len(self._earlier) > _EARLIER_KEPT:
                    self._earlier.popitem(last=False)
            return self._earlier[key]

    def _take_up(self, monotonic: float) -> None:
        newest = self._reader.max_position()
        if monotonic - self._renewed_at > _RENEWED_SECONDS or newest - self._position > _ROWS_BEHIND:
            self._kinds = {kind: {row.series: row for row in self._history.newest_rows(kind)} for kind in KIND_OF}
            self._kind_of = {series: kind for kind, rows in self._kinds.items() for series in rows}
            self._position, self._renewed_at = newest, monotonic
        while self._position < newest:
            rows = self._reader.rows_after(self._position, _ROWS_AT_ONCE)
            for row in rows:
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
            self._position = rows[-1].position if len(rows) == _ROWS_AT_ONCE else newest

    def _kind(self, series: int) -> str | None:
        """None: it is neither load nor SMART."""
        if series not in self._kind_of:
            known = self._reader.series(series)
            self._kind_of[series] = known.kind if known and known.kind in KIND_OF else None
        return self._kind_of[series]

    def _rollups_at(self, kind: str, metric: str, time: float) -> dict[tuple[int, str], Value]:
        """The last values of the hours that were over."""
        rolled_up = rolled_up_field(metric, "last")
        found = dict(self._rows_at(KIND_OF[kind], rolled_up, round(time * 1000) - HOUR))
        with self._reader.snapshot() as connection:
            raw_of = dict(connection.execute(_RAW_OF, (KIND_OF[kind], kind)).fetchall())
        return {(raw_of[series], part): value for (series, part), value in found.items() if series in raw_of}

    def _rows_at(self, kind: str, metric: str, time: int) -> Iterator[tuple[tuple[int, str], Value]]:
        """In the order of their age where a series has both, so that the newer one counts."""
        with self._reader.snapshot() as connection:
            last = block_key(0, max(time, 0) // period_of(kind) + 1, 0)
            sealed = connection.execute(_BLOCK_AT, (time, last, kind)).fetchall()
            head = connection.execute(_HEAD_AT, (time, kind)).fetchall()
            fields = {layout: self._reader.fields(layout) for _, _, layout, _ in head}
            fields |= {layout_in(key): self._reader.fields(layout_in(key)) for _, key, _ in sealed}
        sealed_at: dict[int, float] = {}
        for series, key, body in sealed:
            yield from self._in_block(series, body, columns_of(fields[layout_in(key)], metric), time, sealed_at)
        for series, at, layout, values in head:
            if at >= sealed_at.get(series, -1):
                row = np.frombuffer(values, "<f8")
                for column, part in columns_of(fields[layout], metric):
                    yield (series, part), Value(at / 1000, float(row[column]))

    @staticmethod
    def _in_block(
        series: int, body: bytes, columns: Sequence[tuple[int, str]], time: int, sealed_at: dict[int, float]
    ) -> Iterator[tuple[tuple[int, str], Value]]:
        if not columns:
            return
        try:
            times, values = blocks.decode(body, [column for column, _ in columns])
        except blocks.BlockError:
            return  # `History.read` says so to whoever asks for it
        row = int(np.searchsorted(times, time, "right")) - 1
        sealed_at[series] = float(times[row])
        for (_, part), column in zip(columns, values, strict=True):
            yield (series, part), Value(float(times[row]) / 1000, float(column[row]))
