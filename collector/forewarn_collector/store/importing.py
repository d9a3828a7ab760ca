"""Rows of the past straight into sealed blocks: as nothing new, so they get no position and no judge sees them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from math import isinf, nan
from pathlib import Path

import numpy as np

from forewarn_collector.store.database import FILE_NAME, explained, open_second_writer, transaction
from forewarn_collector.store.external.interface import Sample, SeriesName
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.merging import HeadRow, Packed, merge
from forewarn_collector.store.periods import block_key, key_range, layout_in, period_of
from forewarn_collector.store.rollups import KIND_OF

_ADD_SERIES = """
    INSERT INTO series (device, kind, part, facts, facts_at, first_at) VALUES (?, ?, ?, ?, 0, ?)
    ON CONFLICT (device, kind, part) DO UPDATE SET first_at = MIN(first_at, excluded.first_at) RETURNING id"""
# Rows that were sealed elsewhere need rollups here before they may go.
_ROLL_UP = "UPDATE series SET unrolled = ? WHERE id = ?"
_ADD_LAYOUT = "INSERT INTO layout (fields) VALUES (?) ON CONFLICT (fields) DO NOTHING"
_BLOCKS = "SELECT key, rows, first, last, body FROM block WHERE key BETWEEN ? AND ?"
_PUT_BLOCK = """
    INSERT INTO block (key, rows, first, last, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    rows = excluded.rows, first = excluded.first, last = excluded.last, body = excluded.body"""
_COUNT = "UPDATE counter SET value = value + ? WHERE name = ?"


class Importer:
    """Holds the directory as a collector does, so none runs meanwhile. Not thread-safe. Raise StoreError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._journal = Journal(directory)
        self._connection = open_second_writer(directory)
        self._layouts: dict[tuple[str, ...], int] = {}

    def close(self) -> None:
        self._connection.close()
        self._journal.close()

    def put(self, samples: Sequence[Sample]) -> None:
        """One transaction. A row replaces the sealed one of its series and time; an unsealed one stays the newer."""
        by_series: dict[SeriesName, list[Sample]] = defaultdict(list)
        for sample in samples:
            by_series[sample.series].append(sample)
        try:
            with explained(self._path), transaction(self._connection):
                for series, mine in by_series.items():
                    self._put_series(series, mine)
        except BaseException:
            self._layouts.clear()
            raise

    def _put_series(self, series: SeriesName, samples: list[Sample]) -> None:
        first = min(sample.at for sample in samples)
        (id_,) = self._connection.execute(_ADD_SERIES, (*series, b"{}", first)).fetchone()
        if series.kind in KIND_OF:
            self._connection.execute(_ROLL_UP, (key_range(id_)[0], id_))
        length = period_of(series.kind)
        periods: dict[int, dict[int, HeadRow]] = defaultdict(dict)
        for sample in samples:
            finite = [nan if isinf(value) else value for value in sample.values]
            row = HeadRow(sample.at, self._layout(sample.fields), np.array(finite, "<f8").tobytes())
            periods[sample.at // length][sample.at] = row
        for period, rows in periods.items():
            self._put_period(id_, period, [rows[at] for at in sorted(rows)])

    def _put_period(self, series: int, period: int, rows: list[HeadRow]) -> None:
        found = self._connection.execute(_BLOCKS, key_range(series, period, period)).fetchall()
        existing = {layout_in(key): Packed(*packed) for key, *packed in found}
        more_rows = more_blocks = 0
        for layout, packed in merge(rows, existing).items():
            key = block_key(series, period, layout)
            before = existing.get(layout)
            if packed is None:
                self._connection.execute("DELETE FROM block WHERE key = ?", (key,))
            else:
                self._connection.execute(_PUT_BLOCK, (key, *packed))
            more_rows += (packed.rows if packed else 0) - (before.rows if before else 0)
            more_blocks += (packed is not None) - (before is not None)
        self._connection.executemany(_COUNT, [(more_rows, "sealed_rows"), (more_blocks, "blocks")])

    def _layout(self, fields: tuple[str, ...]) -> int:
        known = self._layouts.get(fields)
        if known is None:
            text = json.dumps(fields)
            self._connection.execute(_ADD_LAYOUT, (text,))
            (known,) = self._connection.execute("SELECT id FROM layout WHERE fields = ?", (text,)).fetchone()
            self._layouts[fields] = known
        return int(known)
