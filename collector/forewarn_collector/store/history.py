"""The time series as one: unsealed rows and sealed blocks read together, whatever was sealed meanwhile."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store import blocks
from forewarn_collector.store.merging import HeadRow, table_of
from forewarn_collector.store.model import (
    Damaged,
    Floats,
    HistoryStats,
    Latest,
    Newest,
    SealResult,
    Series,
    StoreError,
    milliseconds,
)
from forewarn_collector.store.periods import SERIES_SHIFT, key_range, layout_in, period_in, period_of, series_in
from forewarn_collector.store.place import Place
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.sampling import Aggregate, thin_out
from forewarn_collector.store.sealing import Sealer
from forewarn_collector.store.statements import FREE_PAGES, PAGE_BYTES
from forewarn_collector.store.sweeping import Sweeper

ANY_POSITION = sys.maxsize

Writer = TypeVar("Writer")

Table = tuple[NDArray[np.int64], list[Floats]]

_HEAD_ROWS = "SELECT at, layout, vals FROM head WHERE series = ? AND at BETWEEN ? AND ? AND position <= ? ORDER BY at"
_BLOCKS = "SELECT key, body FROM block WHERE key BETWEEN ? AND ? AND last >= ? AND first <= ?"
_HEAD_LAYOUTS = "SELECT DISTINCT layout FROM head WHERE series = ? AND at >= ? AND position <= ?"
_BLOCK_KEYS = "SELECT key FROM block WHERE key BETWEEN ? AND ?"
_HEAD_BEFORE = "SELECT MAX(at) FROM head WHERE series = ? AND at < ? AND position <= ?"
_BLOCK_BEFORE = "SELECT key FROM block WHERE key BETWEEN ? AND ? AND first < ? ORDER BY key DESC LIMIT 1"
_OLDEST = """
    SELECT MIN(at) FROM (SELECT MIN(at) AS at FROM head WHERE series = ?
    UNION ALL SELECT MIN(first) AS at FROM block WHERE key BETWEEN ? AND ?) AS oldest"""
_SWEPT = "SELECT before FROM swept WHERE kind = ?"
_LAST_BLOCK = "SELECT last, key, body FROM block WHERE key BETWEEN ? AND ? ORDER BY last DESC LIMIT 1"
_NEWEST = f"""
    SELECT series.id, device, kind, part, head.at, head.received, head.layout, head.vals,
        (SELECT MAX(key) FROM block WHERE key BETWEEN series.id << {SERIES_SHIFT}
            AND ((series.id + 1) << {SERIES_SHIFT}) - 1)
    FROM series LEFT JOIN head
        ON head.position = (SELECT position FROM head WHERE series = series.id ORDER BY at DESC LIMIT 1)"""  # noqa: S608


class History:
    """Reads by device, kind and part. Threads: as its Reader. Only the history of an open Journal can seal and drop."""

    def __init__(self, reader: Reader, sealer: Sealer | None = None, sweeper: Sweeper | None = None) -> None:
        self._reader = reader
        self._sealer = sealer
        self._sweeper = sweeper

    @classmethod
    def open(cls, place: Path | Place) -> Self:
        """Read the history of a collector's data directory, or of another place of a journal, from any process."""
        return cls(Reader(place))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()

    def read(
        self,
        device: str,
        kind: str,
        part: str,
        fields: Sequence[str],
        start: float,
        end: float,
        max_points: int | None = None,
        aggregate: Aggregate = "last",
        up_to: int = ANY_POSITION,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Rows with start <= time <= end (Unix seconds), in time order: their times, and a column for each field.

        nan: could not be measured, or the row has no such field. More rows than max_points are put together as
        `sampling.thin_out` says. An unknown series has no rows. Rows that came after position ``up_to`` are left out;
        sealed rows never are, because only judged rows are sealed. Raise StoreError if a block is damaged.
        """
        first, last = milliseconds(start), milliseconds(end)
        with self._reader.snapshot() as connection:
            series = self._reader.find_series(device, kind, part)
            if series is None or first > last or last < 0:
                return np.empty(0), {field: np.empty(0) for field in fields}
            head = [HeadRow(*row) for row in connection.execute(_HEAD_ROWS, (series.id, first, last, up_to))]
            length = period_of(kind)
            keys = key_range(series.id, max(first, 0) // length, last // length)
            sealed = connection.execute(_BLOCKS, (*keys, first, last)).fetchall()
            tables = [self._sealed_table(key, body, fields, first, last) for key, body in sealed]
            tables.extend(self._head_tables(head, fields))
        times, columns = in_order(tables, len(fields))
        if max_points is not None:
            times, columns = thin_out(times, columns, first, last, max_points, aggregate)
        return times / 1000, dict(zip(fields, columns, strict=True))

    def fields(self, series: Series, start: float, up_to: int = ANY_POSITION) -> tuple[str, ...]:
        """Every field that rows of the series since ``start`` carry, and perhaps some from shortly before."""
        first = max(milliseconds(start), 0)
        with self._reader.snapshot() as connection:
            layouts = {layout for (layout,) in connection.execute(_HEAD_LAYOUTS, (series.id, first, up_to))}
            keys = connection.execute(_BLOCK_KEYS, key_range(series.id, first // period_of(series.kind)))
            layouts.update(layout_in(key) for (key,) in keys)
            return tuple(dict.fromkeys(field for layout in sorted(layouts) for field in self._reader.fields(layout)))

    def before(self, series: Series, time: float, up_to: int = ANY_POSITION) -> float | None:
        """A time from which a read finds the newest row that is older than ``time``; None when there is none."""
        limit, length = max(milliseconds(time), 0), period_of(series.kind)
        with self._reader.snapshot() as connection:
            (newest,) = connection.execute(_HEAD_BEFORE, (series.id, limit, up_to)).fetchone()
            keys = key_range(series.id, 0, limit // length)
            sealed = connection.execute(_BLOCK_BEFORE, (*keys, limit)).fetchone()
        found = [] if newest is None else [newest]
        if sealed:
            found.append(period_in(sealed[0]) * length)
        return max(found) / 1000 if found else None

    def complete_from(self, device: str, kind: str, part: str = "") -> float | None:
        """The time since which all rows of a series are here, as far as there were any; None if there are none."""
        with self._reader.snapshot() as connection:
            series = self._reader.find_series(device, kind, part)
            if series is None:
                return None
            (oldest,) = connection.execute(_OLDEST, (series.id, *key_range(series.id))).fetchone()
            swept = connection.execute(_SWEPT, (kind,)).fetchone()
        return None if oldest is None else max(oldest, swept[0] if swept else 0) / 1000

    def latest(self, device: str, kind: str, part: str = "") -> Latest | None:
        """The newest row of a series by device time; None if it has no rows."""
        with self._reader.snapshot():
            series = self._reader.find_series(device, kind, part)
            found = None if series is None else next(self._newest("series.id = ?", series.id), None)
        return None if found is None else _latest(found, None)

    def latest_all(self, kind: str, fields: Sequence[str] | None = None) -> dict[tuple[str, str], Latest]:
        """The newest row of every series of a kind by (device, part), cut down to the wanted fields (None: all)."""
        return {(row.device, row.part): _latest(row, fields) for row in self._newest("kind = ?", kind)}

    def stats(self) -> HistoryStats:
        """Sizes; adding up the bytes of the blocks takes a while on a large file."""
        with self._reader.snapshot() as connection:
            counts = self._reader.counts()
            (block_bytes,) = connection.execute(
                "SELECT CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) FROM block"
            ).fetchone()
            (free_pages,) = connection.execute(FREE_PAGES).fetchone()
            (page_bytes,) = connection.execute(PAGE_BYTES).fetchone()
        return HistoryStats(
            counts.head_rows, counts.sealed_rows, counts.blocks, block_bytes, counts.file_bytes, free_pages * page_bytes
        )

    def seal(self, now: float, judged_position: int, batch_limit: int = 200) -> SealResult:
        """See `sealing.Sealer.seal`."""
        return self._writing(self._sealer).seal(now, judged_position, batch_limit)

    def drop_before(self, kind: str, time: float) -> int:
        """See `sweeping.Sweeper.drop_before`."""
        return self._writing(self._sweeper).drop_before(kind, time)

    def _writing(self, writer: Writer | None) -> Writer:
        if writer is None:
            raise StoreError(f"{self._reader.name}: opened for reading only; the collector seals and drops")
        return writer

    def _sealed_table(self, key: int, body: bytes, fields: Sequence[str], first: int, last: int) -> Table:
        layout = self._reader.fields(layout_in(key))
        present = [field for field in fields if field in layout]
        times, decoded = self._decode(key, body, [layout.index(field) for field in present])
        chosen = slice(*np.searchsorted(times, [first, last + 1]))
        columns = dict(zip(present, decoded, strict=True))
        absent = np.full(len(times), np.nan)
        return times[chosen], [columns.get(field, absent)[chosen] for field in fields]

    def _head_tables(self, head: list[HeadRow], fields: Sequence[str]) -> list[Table]:
        tables = []
        for layout in dict.fromkeys(row.layout for row in head):
            names = self._reader.fields(layout)
            times, columns = table_of([row for row in head if row.layout == layout])
            absent = np.full(len(times), np.nan)
            tables.append((times, [columns[names.index(field)] if field in names else absent for field in fields]))
        return tables

    def newest_rows(self, kind: str, device: str | None = None) -> list[Newest]:
        """The newest row of every series of a kind that has rows; of all devices, or of one."""
        if device is None:
            return list(self._newest("kind = ?", kind))
        return list(self._newest("kind = ? AND device = ?", kind, device))

    def _newest(self, condition: str, *values: int | str) -> Iterator[Newest]:
        with self._reader.snapshot() as connection:
            # The condition is one of those above.
            rows = connection.execute(f"{_NEWEST} WHERE {condition}", values).fetchall()
            for id_, device, kind, part, at, received, layout, packed, key in rows:
                sealed = None
                if key is not None and (at is None or period_in(key) >= at // period_of(kind)):
                    sealed = connection.execute(_LAST_BLOCK, key_range(id_, period_in(key), period_in(key))).fetchone()
                if sealed is not None and (at is None or sealed[0] > at):
                    _, columns = self._decode(sealed[1], sealed[2], None)
                    last = np.array([column[-1] for column in columns])
                    fields = self._reader.fields(layout_in(sealed[1]))
                    yield Newest(id_, device, part, sealed[0] / 1000, None, fields, last)
                elif at is not None:
                    measured = np.frombuffer(packed, "<f8")
                    yield Newest(id_, device, part, at / 1000, received / 1000, self._reader.fields(layout), measured)

    def _decode(self, key: int, body: bytes, wanted: Sequence[int] | None) -> Table:
        try:
            return blocks.decode(body, wanted)
        except blocks.BlockError as error:
            where = f"{self._reader.name}: block {key} of series {series_in(key)}"
            raise Damaged(f"{where} is damaged: {error}; restore the file from a backup") from error


def _latest(row: Newest, fields: Sequence[str] | None) -> Latest:
    named = dict(zip(row.fields, row.values.tolist(), strict=True))
    chosen = named if fields is None else {field: named[field] for field in fields if field in named}
    return Latest(row.at, row.received_at, chosen)


def in_order(tables: list[Table], columns: int) -> Table:
    """One table in order of time; of rows of one time, the one from the last table."""
    if not tables:
        return np.empty(0, np.int64), [np.empty(0) for _ in range(columns)]
    times = np.concatenate([table[0] for table in tables])
    order = np.argsort(times, kind="stable")
    times = times[order]
    newest = np.append(times[1:] != times[:-1], True)
    order = order[newest]
    return times[newest], [np.concatenate([table[1][column] for table in tables])[order] for column in range(columns)]
