"""Rollups in the journal: made of what is being packed, and written as rows of a series of their own.

They are made when rows are sealed, of all that is known of their hours: late rows make those hours anew. Where the
rows of an hour are gone already, late ones are added to what its rollup says. Like every row they have a position, so
they reach whatever reads rows by position, and they are sealed in their turn.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from forewarn_collector.store import blocks
from forewarn_collector.store.merging import HeadRow, Packed, table_of
from forewarn_collector.store.periods import SERIES_SHIFT, block_key, key_range, layout_in, period_in, period_of
from forewarn_collector.store.place import Connection
from forewarn_collector.store.rollups import (
    KIND_OF,
    Rollup,
    Table,
    combined,
    hours_of,
    original_fields,
    roll_up,
    rolled_up_fields,
)
from forewarn_collector.store.statements import ADD_ROW

_FIELDS = "SELECT fields FROM layout WHERE id = ?"
_ADD_LAYOUT = "INSERT INTO layout (fields) VALUES (?) ON CONFLICT (fields) DO NOTHING"
_FIND_LAYOUT = "SELECT id FROM layout WHERE fields = ?"
_ADD_SERIES = """
    INSERT INTO series (device, kind, part, facts, facts_at, first_at)
    SELECT device, ?, part, ?, facts_at, ? FROM series WHERE id = ? ON CONFLICT (device, kind, part) DO NOTHING"""
_FIND_SERIES = """
    SELECT rolled.id FROM series AS raw JOIN series AS rolled ON rolled.device = raw.device AND rolled.part = raw.part
    WHERE raw.id = ? AND rolled.kind = ?"""
_SWEPT = "SELECT before FROM swept WHERE kind = ?"
_HEAD = "SELECT at, layout, vals FROM head WHERE series = ? AND at >= ? AND at <= ? ORDER BY at"
_BLOCKS = "SELECT key, body FROM block WHERE key BETWEEN ? AND ? AND last >= ? AND first <= ?"
_UNROLLED = "SELECT id, kind, unrolled FROM series WHERE unrolled IS NOT NULL ORDER BY id LIMIT 1"
_NEXT_KEY = "SELECT MIN(key) FROM block WHERE key BETWEEN ? AND ?"
_OF_KEYS = "SELECT key, body FROM block WHERE key BETWEEN ? AND ?"
_SET_UNROLLED = "UPDATE series SET unrolled = ? WHERE id = ?"


class Caught(NamedTuple):
    """What `Rolling.next_unrolled` found: rollups of one period, and where to go on; None: the series is done."""

    series: int
    kind: str
    rollups: list[Rollup]
    next_key: int | None


class Rolling:
    """On the sealer's connection, under its lock. ``on``: without it nothing is rolled up."""

    def __init__(self, connection: Connection, on: bool) -> None:
        self._connection = connection
        self._on = on
        self._fields: dict[int, tuple[str, ...]] = {}
        self._all_caught_up = not on

    def of_swap(
        self,
        series: int,
        kind: str,
        period: int,
        head: list[HeadRow],
        existing: Mapping[int, Packed],
        changed: Mapping[int, Packed | None],
    ) -> list[Rollup]:
        """The rollups of the hours into which head rows come. Raise BlockError for a damaged block."""
        if kind not in KIND_OF or not self._on:
            return []
        hours = hours_of(row.at for row in head)
        if (period + 1) * period_of(kind) <= self._swept(kind):
            return self._late(series, kind, hours, head, existing)
        now = {**existing, **changed}
        tables = [
            self._table(layout, packed.body) if layout in existing else self._table_of(layout, head)
            for layout, packed in now.items()
            if packed is not None
        ]
        return list(roll_up(tables, hours))

    def write(self, series: int, kind: str, rollups: list[Rollup], received: int) -> None:
        """Within a transaction that the caller holds."""
        if not rollups:
            return
        self._connection.execute(_ADD_SERIES, (KIND_OF[kind], b"{}", rollups[0].hour, series))
        (id_,) = self._connection.execute(_FIND_SERIES, (series, KIND_OF[kind])).fetchone()
        rows = [
            (id_, rollup.hour, received, self._layout(rolled_up_fields(rollup.fields)), rollup.values.tobytes())
            for rollup in rollups
        ]
        self._connection.executemany(ADD_ROW, rows)

    def next_unrolled(self) -> Caught | None:
        """The next blocks that an earlier version sealed, without rollups; None: there are none. Raise BlockError."""
        found = None if self._all_caught_up else self._connection.execute(_UNROLLED).fetchone()
        if found is None:
            self._all_caught_up = True
            return None
        series, kind, unrolled = found
        last = key_range(series)[1]
        (key,) = self._connection.execute(_NEXT_KEY, (unrolled, last)).fetchone()
        if key is None:
            return Caught(series, kind, [], None)
        period = period_in(key)
        sealed = self._connection.execute(_OF_KEYS, key_range(series, period, period)).fetchall()
        tables = [self._table(layout_in(key), body) for key, body in sealed]
        hours = hours_of(time for table in tables for time in table.times.tolist())
        return Caught(series, kind, list(roll_up(tables, hours)), block_key(series, period + 1, 0))

    def skip(self) -> str:
        """Pass over the blocks at which `next_unrolled` failed; say which."""
        series, kind, unrolled = self._connection.execute(_UNROLLED).fetchone()
        (key,) = self._connection.execute(_NEXT_KEY, (unrolled, key_range(series)[1])).fetchone()
        self._connection.execute(_SET_UNROLLED, (block_key(series, period_in(key) + 1, 0), series))
        return f"{kind}, series {key >> SERIES_SHIFT}, period {period_in(key)}"

    def write_caught(self, caught: Caught, received: int) -> None:
        """Within a transaction that the caller holds."""
        self.write(caught.series, caught.kind, caught.rollups, received)
        self._connection.execute(_SET_UNROLLED, (caught.next_key, caught.series))

    def _late(
        self, series: int, kind: str, hours: set[int], head: list[HeadRow], existing: Mapping[int, Packed]
    ) -> list[Rollup]:
        """Rows that came after their hours were swept; those that replace earlier late ones were counted then."""
        counted = {time for packed in existing.values() for time in blocks.decode(packed.body, [])[0].tolist()}
        new = [row for row in head if row.at not in counted]
        tables = [self._table_of(layout, new) for layout in dict.fromkeys(row.layout for row in new)]
        stored = self._stored(series, kind, hours)
        return [
            combined(stored[rollup.hour], rollup) if rollup.hour in stored else rollup
            for rollup in roll_up(tables, hours)
        ]

    def _stored(self, series: int, kind: str, hours: set[int]) -> dict[int, Rollup]:
        """What is stored of these hours, not yet sealed rows before sealed ones."""
        found = self._connection.execute(_FIND_SERIES, (series, KIND_OF[kind])).fetchone()
        if found is None:
            return {}
        first, last, length = min(hours), max(hours), period_of(KIND_OF[kind])
        keys = key_range(found[0], first // length, last // length)
        tables = [
            self._table(layout_in(key), body)
            for key, body in self._connection.execute(_BLOCKS, (*keys, first, last)).fetchall()
        ]
        for at, layout, values in self._connection.execute(_HEAD, (found[0], first, last)).fetchall():
            tables.append(Table(self._fields_of(layout), *table_of([HeadRow(at, layout, values)])))
        return {
            hour: Rollup(hour, original_fields(table.fields), np.array([column[row] for column in table.columns]))
            for table in tables
            for row, hour in enumerate(table.times.tolist())
        }

    def _swept(self, kind: str) -> int:
        found = self._connection.execute(_SWEPT, (kind,)).fetchone()
        return int(found[0]) if found else 0

    def _table(self, layout: int, body: bytes) -> Table:
        return Table(self._fields_of(layout), *blocks.decode(body))

    def _table_of(self, layout: int, head: list[HeadRow]) -> Table:
        """Of those of the rows that have this layout."""
        return Table(self._fields_of(layout), *table_of([row for row in head if row.layout == layout]))

    def _fields_of(self, layout: int) -> tuple[str, ...]:
        if layout not in self._fields:
            self._fields[layout] = tuple(json.loads(self._connection.execute(_FIELDS, (layout,)).fetchone()[0]))
        return self._fields[layout]

    def _layout(self, fields: tuple[str, ...]) -> int:
        text = json.dumps(fields)
        self._connection.execute(_ADD_LAYOUT, (text,))
        return int(self._connection.execute(_FIND_LAYOUT, (text,)).fetchone()[0])
