"""The rows that stood at an earlier time, of a portion of the series: from blocks, from the head, and from hourly
rollups where the rows of that time are gone."""

from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from forewarn_collector.store import blocks
from forewarn_collector.store.model import Floats
from forewarn_collector.store.periods import LAYOUT_BITS, SERIES_SHIFT, block_key, layout_in, period_of
from forewarn_collector.store.place import Connection
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.rollups import HOUR, KIND_OF, ROLLUPS, rolled_up_field

_LAST = rolled_up_field("", "last")

_PORTION = "SELECT MAX(id) FROM (SELECT id FROM series WHERE kind = ? AND id > ? ORDER BY id LIMIT ?) AS portion"
_NEWEST_KEY = f"""
    SELECT MAX(key) FROM block WHERE first <= ? AND key >= asked.id << {SERIES_SHIFT}
    AND key < (asked.id << {SERIES_SHIFT}) + ?"""  # noqa: S608 - a constant of ours, here and below
_OF_KIND = "SELECT id, id AS named FROM series WHERE kind = ? AND id > ? AND id <= ?"
# Rollups of the series that have no rows of that time.
_ROLLED_UP = f"""
    SELECT asked.id, raw.id AS named FROM series AS raw JOIN series AS asked
    ON asked.device = raw.device AND asked.part = raw.part AND asked.kind = ?
    WHERE raw.kind = ? AND raw.id > ? AND raw.id <= ?
    AND NOT EXISTS (SELECT 1 FROM head WHERE series = raw.id AND at <= ?) AND NOT EXISTS (
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


class RowThen(NamedTuple):
    """``at``: milliseconds. ``fields``: as in the series itself, also where a rollup had them."""

    at: int
    series: int
    fields: tuple[str, ...]
    values: Floats


class Fetched(NamedTuple):
    """Series, key and body of blocks; series, time, layout and values of unsealed rows."""

    blocks: list[tuple[int, int, bytes]]
    head: list[tuple[int, int, int, bytes]]


class Chosen(NamedTuple):
    """Columns of a layout, and the names of what stands in them."""

    columns: tuple[int, ...]
    fields: tuple[str, ...]


def rows_then(
    reader: Reader, kind: str, time: int, after: int, limit: int, metric: str | None = None
) -> tuple[int, list[RowThen]] | None:
    """Of the next ``limit`` series of a kind beyond the number ``after``, the newest row of each layout at a time
    (milliseconds), oldest first, and the number of the last of these series; None when there are no more.

    Series that have rows of that time: of those; the others: of the hours that were over. ``metric``: only its fields.
    """
    rolled_up = KIND_OF[kind]
    with reader.snapshot() as connection:
        (last,) = connection.execute(_PORTION, (kind, after, limit)).fetchone()
        if last is None:
            return None
        without_rows = (rolled_up, kind, after, last, time, time, _keys_until(kind, time))
        of_kind = _fetch(connection, _OF_KIND, (kind, after, last), kind, time)
        of_hours = _fetch(connection, _ROLLED_UP, without_rows, rolled_up, time - HOUR)
    found = [
        *_unpacked(reader, of_kind, kind, time, metric),
        *_unpacked(reader, of_hours, rolled_up, time - HOUR, metric),
    ]
    found.sort(key=itemgetter(0))
    return last, found


def _fetch(connection: Connection, asked: str, values: tuple[Any, ...], kind: str, time: int) -> Fetched:
    sealed = connection.execute(_BLOCKS.format(asked=asked), (time, _keys_until(kind, time), *values, time)).fetchall()
    return Fetched(sealed, connection.execute(_HEAD.format(asked=asked), (*values, time)).fetchall())


def _unpacked(reader: Reader, fetched: Fetched, kind: str, time: int, metric: str | None) -> Iterator[RowThen]:
    for series, key, body in fetched.blocks:
        columns, fields = _chosen(reader.fields(layout_in(key)), metric, kind in ROLLUPS)
        if fields and (row := _in_block(body, columns, time)):
            yield RowThen(row[0], series, fields, row[1])
    for series, at, layout, packed in fetched.head:
        columns, fields = _chosen(reader.fields(layout), metric, kind in ROLLUPS)
        if fields:
            yield RowThen(at, series, fields, np.frombuffer(packed, "<f8")[list(columns)])


@lru_cache(maxsize=8192)
def _chosen(layout: tuple[str, ...], metric: str | None, rolled_up: bool) -> Chosen:
    columns, fields = [], []
    for column, field in enumerate(layout):
        name, bar, part = field.partition("|")
        if rolled_up:
            if not name.endswith(_LAST):
                continue
            name = name.removesuffix(_LAST)
        if metric in (None, name):
            columns.append(column)
            fields.append(f"{name}{bar}{part}")
    return Chosen(tuple(columns), tuple(fields))


def _keys_until(kind: str, time: int) -> int:
    """The first key of a series' blocks whose period begins later, counted from where its keys begin."""
    return block_key(0, max(time, 0) // period_of(kind) + 1, 0)


def _in_block(body: bytes, columns: tuple[int, ...], time: int) -> tuple[int, Floats] | None:
    """The newest row at a time, and when it was made."""
    try:
        times, values = blocks.decode(body, columns)
    except blocks.BlockError:
        return None  # `History.read` says so to whoever asks for it
    row = int(np.searchsorted(times, time, "right")) - 1
    return int(times[row]), np.array([column[row] for column in values])
