"""Sealing: rows that are no longer live move from the head into column blocks.

It works on a connection of its own, so that reading and packing (nearly all of the time) go on beside the intake; only
the short transaction that swaps rows for blocks takes its turn with the commits.

Nobody else writes blocks (who deletes them has the sealer's lock), and a commit only adds rows at positions beyond
those that are sealed (a row that replaces another gets a new position), so what was read for packing cannot change
before the swap.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from typing import NamedTuple

from forewarn_collector.store.blocks import BlockError
from forewarn_collector.store.database import explained, transaction
from forewarn_collector.store.head_rows import head_rows
from forewarn_collector.store.merging import HeadRow, Packed, merge
from forewarn_collector.store.model import SealResult
from forewarn_collector.store.periods import SERIES_SHIFT, block_key, key_range, layout_in, period_in, period_of
from forewarn_collector.store.place import Connection, Place
from forewarn_collector.store.rolling import Rolling
from forewarn_collector.store.rollups import HOUR, ROLLUPS, Rollup
from forewarn_collector.store.statements import FREE_PAGES, PAGES, READ, together

_SERIES_AT_ONCE = 500
_PERIODS_PER_TRANSACTION = 8
# The block of rollups is packed anew whenever some join it, and it is long: a day of them costs as much as an hour.
_ROLLUPS_TOGETHER = 23 * HOUR

# The head's pages are filled again by the next rows; only a surplus is given back to the file system.
_FREE_SHARE_KEPT = 4
_FREE_PAGES_KEPT = 256
_PAGES_PER_SHRINK = 512

# Per series: oldest and newest time in the head, when its newest row arrived, the newest block.
_HEADS = f"""
    SELECT id, kind, device, part,
        (SELECT MIN(at) FROM head WHERE series = series.id),
        (SELECT MAX(at) FROM head WHERE series = series.id),
        (SELECT received FROM head WHERE position = (SELECT MAX(position) FROM head WHERE series = series.id)),
        (SELECT MAX(key) FROM block WHERE key BETWEEN series.id << {SERIES_SHIFT}
            AND ((series.id + 1) << {SERIES_SHIFT}) - 1)
    FROM series WHERE id > ? AND id <= ? ORDER BY id LIMIT {_SERIES_AT_ONCE}"""  # noqa: S608 - constants of ours
# A period of which the judge has not seen everything yet would be packed several times.
_PERIODS = """
    SELECT at / ? AS number FROM head WHERE series = ? AND at < ? GROUP BY number HAVING MAX(position) <= ?
    ORDER BY number"""
_PUT_BLOCK = """
    INSERT INTO block (key, rows, first, last, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET rows = excluded.rows, first = excluded.first, last = excluded.last, body = excluded.body"""
_IN_PERIOD = "FROM head WHERE series = ? AND at >= ? AND at < ? AND position <= ?"
_ROWS_IN_PERIOD = together(_IN_PERIOD)


class _Period(NamedTuple):
    """Head rows of one series within one period, up to a position, due to be sealed."""

    series: int
    kind: str
    number: int
    length: int
    judged: int
    name: str

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """The values for _IN_PERIOD."""
        return self.series, self.number * self.length, (self.number + 1) * self.length, self.judged


class _Swap(NamedTuple):
    """Rows out of the head, blocks in."""

    period: _Period
    rows: int
    more_sealed: int
    more_blocks: int
    put: list[tuple[int, int, int, int, bytes]]
    delete: list[tuple[int]]
    rollups: list[Rollup]


class _ChangedMeanwhile(Exception):
    """What was packed is not what is there."""


class Sealer:
    """Thread-safe; one call works at a time."""

    def __init__(self, place: Place, writing: Callable[[], AbstractContextManager[None]], rollups: bool = True) -> None:
        self._name = place.name
        self._place = place
        self._connection = place.second_writer()
        self._rolling = Rolling(self._connection, rollups)
        self._writing = writing
        self._lock = threading.Lock()
        self._after_series = 0  # where the last call stopped, so that none waits for ever behind busy ones

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def seal(self, now: float, judged_position: int, batch_limit: int) -> SealResult:
        """Seal what is due at ``now`` (Unix seconds), at most ``batch_limit`` periods; call again while more.

        Due are the periods before the newest one of their series of which all rows are up to judged_position; and that
        one when nothing arrived for two periods; and rollups of which there is a day. Rows of a period that has blocks
        already are merged into them. What is sealed is rolled up (see `rolling`); so is what earlier versions sealed.
        """
        unreadable: list[str] = []
        rows = written = packed = 0
        received = round(now * 1000)
        with self._lock, explained(self._name):
            swaps = self._packed(self._due(received, judged_position), unreadable)
            while packed < batch_limit:
                turn = list(islice(swaps, min(_PERIODS_PER_TRANSACTION, batch_limit - packed)))
                if not turn:
                    break
                packed += len(turn)
                self._after_series = turn[-1].period.series - 1
                try:
                    self._swap(turn, received)
                except _ChangedMeanwhile:
                    turn = list(self._one_by_one(turn, received))
                rows += sum(swap.rows for swap in turn)
                written += sum(len(swap.put) for swap in turn)
            if packed < batch_limit:
                packed += self._catch_up(batch_limit - packed, received, unreadable)
                self._shrink()
        return SealResult(rows, written, packed >= batch_limit, tuple(unreadable))

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """The sealer's connection, while nothing is sealed: for what else changes blocks."""
        with self._lock, explained(self._name):
            yield self._connection

    def _due(self, now: int, judged_position: int) -> Iterator[_Period]:
        (newest_position,) = self._connection.execute("SELECT COALESCE(MAX(position), 0) FROM head").fetchone()
        judged = min(judged_position, newest_position)
        start = self._after_series
        yield from self._due_between(start, sys.maxsize, now, judged)
        yield from self._due_between(0, start, now, judged)

    def _due_between(self, after: int, up_to: int, now: int, judged: int) -> Iterator[_Period]:
        while heads := self._connection.execute(_HEADS, (after, up_to)).fetchall():
            after = heads[-1][0]
            for series, kind, device, part, oldest, newest, received, newest_block in heads:
                if oldest is None:
                    continue
                length = period_of(kind)
                if received + 2 * length <= now:
                    until = newest + 1
                elif kind in ROLLUPS:
                    until = newest + 1 if newest - oldest >= _ROLLUPS_TOGETHER else oldest
                else:
                    # A clock that ran ahead once must not make the present look old.
                    live = max(newest // length, period_in(newest_block or 0))
                    until = min(live, now // length) * length
                if oldest < until:
                    name = f"{kind} {part} of {device}"
                    for (number,) in self._connection.execute(_PERIODS, (length, series, until, judged)).fetchall():
                        yield _Period(series, kind, number, length, judged, name)

    def _packed(self, due: Iterator[_Period], unreadable: list[str]) -> Iterator[_Swap]:
        for period in due:
            try:
                yield self._pack(period)
            except BlockError as error:
                unreadable.append(f"{period.name}, period {period.number}: {error}")

    def _pack(self, period: _Period) -> _Swap:
        with transaction(self._connection, READ):
            found = head_rows(self._connection, _ROWS_IN_PERIOD, period.bounds)
            head = sorted(map(HeadRow, found.at, found.layout, found.values))
            keys = key_range(period.series, period.number, period.number)
            existing = {
                layout_in(key): Packed(rows, first, last, body)
                for key, rows, first, last, body in self._connection.execute(
                    "SELECT key, rows, first, last, body FROM block WHERE key BETWEEN ? AND ?", keys
                )
            }
        changed = merge(head, existing)
        put = []
        delete = []
        for layout, packed in changed.items():
            key = block_key(period.series, period.number, layout)
            if packed is None:
                delete.append((key,))
            else:
                put.append((key, *packed))
        before = sum(existing[layout].rows for layout in changed if layout in existing)
        after = sum(packed.rows for packed in changed.values() if packed is not None)
        new_blocks = len(changed.keys() - existing.keys()) - len(delete)
        rollups = self._rolling.of_swap(period.series, period.kind, period.number, head, existing, changed)
        return _Swap(period, len(head), after - before, new_blocks, put, delete, rollups)

    def _one_by_one(self, swaps: list[_Swap], received: int) -> Iterator[_Swap]:
        """Pack each anew: rollups of one may replace rows of another. What changes even so is for the next call."""
        for old in swaps:
            with suppress(_ChangedMeanwhile, BlockError):
                swap = self._pack(old.period)
                self._swap([swap], received)
                yield swap

    def _swap(self, swaps: list[_Swap], received: int) -> None:
        """Raise _ChangedMeanwhile when other rows are there than were packed: replaced ones, or another collector seals
        too. Nothing is changed then."""
        with self._writing(), transaction(self._connection):
            for swap in swaps:
                if self._connection.execute(f"DELETE {_IN_PERIOD}", swap.period.bounds).rowcount != swap.rows:
                    raise _ChangedMeanwhile
                self._connection.executemany(_PUT_BLOCK, swap.put)
                self._connection.executemany("DELETE FROM block WHERE key = ?", swap.delete)
                self._rolling.write(swap.period.series, swap.period.kind, swap.rollups, received)
            if any(swap.rollups for swap in swaps):
                self._place.note_rows(self._connection)
            count(self._connection, sum(swap.more_sealed for swap in swaps), sum(swap.more_blocks for swap in swaps))

    def _catch_up(self, limit: int, received: int, unreadable: list[str]) -> int:
        """Roll up what an earlier version sealed, at most ``limit`` periods; return how many."""
        for done in range(limit):
            try:
                caught = self._rolling.next_unrolled()
            except BlockError as error:
                with self._writing(), transaction(self._connection):
                    unreadable.append(f"{self._rolling.skip()}: {error}")
                continue
            if caught is None:
                return done
            with self._writing(), transaction(self._connection):
                self._rolling.write_caught(caught, received)
                self._place.note_rows(self._connection)
        return limit

    def _shrink(self) -> None:
        """Cut off free pages while they are more than a quarter of the file, a little at a time."""
        while True:
            (free,) = self._connection.execute(FREE_PAGES).fetchone()
            (pages,) = self._connection.execute(PAGES).fetchone()
            surplus = min(free - pages // _FREE_SHARE_KEPT, free - _FREE_PAGES_KEPT)
            if surplus <= 0:
                return
            with self._writing():
                self._connection.execute(f"PRAGMA incremental_vacuum({min(surplus, _PAGES_PER_SHRINK)})").fetchall()


def count(connection: Connection, sealed_rows: int, blocks: int) -> None:
    """So many more, or fewer."""
    changes = ((sealed_rows, "sealed_rows"), (blocks, "blocks"))
    connection.executemany("UPDATE counter SET value = value + ? WHERE name = ?", changes)
