"""What every series of the fleet said at an earlier time.

What was read is remembered; rows that come late for a time are not seen in it before it is forgotten. A block must be
unpacked for each series, which takes long for a fleet, so rows of the times that are usually asked for are read ahead.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from forewarn_collector.store.reader import Reader
from forewarn_collector.store.rows_then import RowThen, rows_then

# Each takes 3 MB in a fleet of 10,000 devices.
_KEPT = 8
# Of so many the blocks are in memory at once.
_PORTION = 1000


class Value(NamedTuple):
    at: float
    value: float


Values = dict[tuple[int, str], Value]
"""By series and part: mount, sensor, or nothing where it is that of the series."""


class _ReadAhead:
    """Whole rows of the series up to a number."""

    def __init__(self, time: float) -> None:
        self.time = time
        self.rows: list[RowThen] = []
        self.up_to = 0


@lru_cache(maxsize=8192)
def columns_of(fields: tuple[str, ...], metric: str) -> tuple[tuple[int, str], ...]:
    """Where a metric stands in a layout: (column, part), one for each file system, sensor and so on."""
    found = ((column, field.partition("|")) for column, field in enumerate(fields))
    return tuple((column, part) for column, (name, _, part) in found if name == metric)


class Earlier:
    """Threads: any; one question at a time reads. Times are Unix seconds."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, float], Values] = OrderedDict()
        self._ahead: dict[str, _ReadAhead] = {}

    def at(self, kind: str, metric: str, time: float) -> Values:
        """The newest value of a metric at a time, of every series and part that had one then: of series that have rows
        of that time from those, of the others from the hours that were over."""
        key = (kind, metric, time)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._find(kind, metric, time)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return self._known[key]

    def read_ahead(self, kind: str, time: float, series: int) -> bool:
        """Have the rows of so many more series at hand; False: there are no more. One time of each kind is kept."""
        with self._lock:
            ahead = self._ahead.get(kind)
            if ahead is None or ahead.time != time:
                ahead = self._ahead[kind] = _ReadAhead(time)
            found = rows_then(self._reader, kind, _milliseconds(time), ahead.up_to, series)
            if found is None:
                return False
            ahead.up_to, rows = found
            ahead.rows += rows
            return True

    def _find(self, kind: str, metric: str, time: float) -> Values:
        ahead = self._ahead.get(kind)
        if ahead is None or ahead.time != time:
            ahead = _ReadAhead(time)
        values, up_to = _values_in(ahead.rows, metric), ahead.up_to
        while found := rows_then(self._reader, kind, _milliseconds(time), up_to, _PORTION, metric):
            up_to, rows = found
            values |= _values_in(rows, metric)
        return values


def _values_in(rows: Iterable[RowThen], metric: str) -> Values:
    """``rows``: of each series the newest last, so that it counts."""
    return {
        (row.series, part): Value(row.at / 1000, float(row.values[column]))
        for row in rows
        for column, part in columns_of(row.fields, metric)
    }


def _milliseconds(time: float) -> int:
    return round(time * 1000)
