"""What every series of the fleet said at an earlier time.

What was read is remembered by metric and time; rows that come late for a time are not seen in it before it is
forgotten.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from forewarn_collector.store import blocks
from forewarn_collector.store.periods import LAYOUT_BITS, SERIES_SHIFT, block_key, layout_in, period_of
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.rollups import HOUR, KIND_OF, rolled_up_field

_KEPT = 64

_NEWEST_KEY = f"""
    SELECT MAX(key) FROM block WHERE first <= ? AND key >= asked.id << {SERIES_SHIFT}
    AND key < (asked.id << {SERIES_SHIFT}) + ?"""  # noqa: S608 - a constant of ours, here and below
_OF_KIND = "SELECT id, id AS named FROM series WHERE kind = ?"
# Rollups of the series that have no rows of that time.
_ROLLED_UP = f"""
    SELECT asked.id, raw.id AS named FROM series AS raw JOIN series AS asked
    ON asked.device = raw.device AND asked.part = raw.part AND asked.kind = ?
    WHERE raw.kind = ? AND NOT EXISTS (SELECT 1 FROM head WHERE series = raw.id AND at <= ?) AND NOT EXISTS (
        SELECT 1 FROM block WHERE first <= ? AND key >= raw.id << {SERIES_SHIFT}
        AND key < (raw.id << {SERIES_SHIFT}) + ?)"""  # noqa: S608
# In one period a series may have a block for each of its layouts.
_BLOCKS = f"""
    WITH newest AS MATERIALIZED (SELECT named, ({_NEWEST_KEY}) AS key FROM ({{asked}}) AS asked)
    SELECT newest.named, block.key, block.body FROM newest JOIN block
    ON block.key BETWEEN (newest.key >> {LAYOUT_BITS}) << {LAYOUT_BITS} AND newest.key AND block.first <= ?"""  # noqa: S608
_HEAD = """
    SELECT asked.named, head.at, head.layout, head.vals FROM ({asked}) AS asked JOIN head ON head.position = (
        SELECT position FROM head WHERE series = asked.id AND at <= ? ORDER BY at DESC LIMIT 1)"""


class Value(NamedTuple):
    at: float
    value: float


Values = dict[tuple[int, str], Value]
"""By series and part: mount, sensor, or nothing where it is that of the series."""


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

    def at(self, kind: str, metric: str, time: float) -> Values:
        """The newest value of a metric at a time, of every series and part that had one then: of series that have rows
        of that time from those, of the others from the hours that were over."""
        key = (kind, metric, time)
        with self._lock:
            if key not in self._known:
                at, rolled_up = round(time * 1000), KIND_OF[kind]
                without_rows = (rolled_up, kind, at, at, _keys_until(kind, at))
                self._known[key] = {
                    **self._read(_ROLLED_UP, without_rows, rolled_up, rolled_up_field(metric, "last"), at - HOUR),
                    **self._read(_OF_KIND, (kind,), kind, metric, at),
                }
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return self._known[key]

    def _read(self, asked: str, values: tuple[Any, ...], kind: str, metric: str, time: int) -> Values:
        with self._reader.snapshot() as connection:
            until = _keys_until(kind, time)
            sealed = connection.execute(_BLOCKS.format(asked=asked), (time, until, *values, time)).fetchall()
            head = connection.execute(_HEAD.format(asked=asked), (*values, time)).fetchall()
            layouts = {layout for _, _, layout, _ in head} | {layout_in(key) for _, key, _ in sealed}
            columns = {layout: columns_of(self._reader.fields(layout), metric) for layout in layouts}
        found: list[tuple[int, int, str, float]] = []
        for series, key, body in sealed:
            found += ((at, series, part, value) for at, part, value in _in_block(body, columns[layout_in(key)], time))
        for series, at, layout, packed in head:
            row = np.frombuffer(packed, "<f8")
            found += ((at, series, part, float(row[column])) for column, part in columns[layout])
        found.sort(key=itemgetter(0))  # so that the newest counts
        return {(series, part): Value(at / 1000, value) for at, series, part, value in found}


def _keys_until(kind: str, time: int) -> int:
    """The first key of a series' blocks whose period begins later, counted from where its keys begin."""
    return block_key(0, max(time, 0) // period_of(kind) + 1, 0)


def _in_block(body: bytes, columns: Sequence[tuple[int, str]], time: int) -> Iterator[tuple[int, str, float]]:
    if not columns:
        return
    try:
        times, values = blocks.decode(body, [column for column, _ in columns])
    except blocks.BlockError:
        return  # `History.read` says so to whoever asks for it
    row = int(np.searchsorted(times, time, "right")) - 1
    for (_, part), column in zip(columns, values, strict=True):
        yield int(times[row]), part, float(column[row])
