"""Stored rows are judged in their order, some at a time.

How far the judge has come is written in the same transaction as what it found, so a kill at any instant neither skips a
report nor opens a ticket twice.
"""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from forewarn_collector.judge.bench import Bench, View
from forewarn_collector.judge.rounds import rounds
from forewarn_collector.store.model import Row, StoreError
from forewarn_rules import Change, Key, Kind

log = logging.getLogger(__name__)

ROWS_PER_STEP = 2000
# A step costs about as much for one row as for a hundred: after one with few rows it is waited for more of them.
FEW_ROWS = 500


class Steps:
    """``few``: the last step had so few rows that it is worth to wait for more; ``skipped``: how many rows could not be
    judged."""

    def __init__(self, bench: Bench) -> None:
        self.few = False
        self.skipped = 0
        self._bench = bench
        self._limit = ROWS_PER_STEP

    def step(self) -> bool:
        """Judge the next rows; False when there were none.

        After an error nothing of the step is kept: the next one takes up what was recorded and tries again.
        """
        rows: Sequence[Row] = ()
        try:
            with self._bench.at_work() as view:
                rows = self._next_rows(view)
                if rows:
                    self._judge(view, rows)
        except (StoreError, SQLAlchemyError):
            raise  # trouble with a database is nobody's row: it is waited for
        except Exception as error:
            self._take_smaller_steps(rows, error)
            raise
        self._limit = min(ROWS_PER_STEP, self._limit * 2)
        return bool(rows)

    def catch_up(self) -> None:
        """Judge everything that is stored."""
        while self.step():
            pass

    def _next_rows(self, view: View) -> Sequence[Row]:
        bench = self._bench
        with view.reader.snapshot():
            rows = view.reader.rows_after(bench.position, self._limit, bench.docket.share)
            if not rows and bench.docket.share is not None:
                bench.position = view.reader.max_position()  # what was stored since is not of this share
        taken = bench.warming.portion(rows)
        self.few = len(taken) == len(rows) < min(FEW_ROWS, self._limit)
        return taken

    def _judge(self, view: View, rows: Sequence[Row]) -> None:
        bench = self._bench
        series = {row.series: view.book.series(row.series) for row in rows}
        for row in {row.series: row for row in reversed(rows)}.values():  # the first of each
            bench.warm(view.history, series[row.series], row.at)
        changes: list[Change] = []
        touched: dict[Kind, dict[Key, None]] = {kind: {} for kind in Kind}
        devices = {one.device for one in series.values()}
        with view.reader.snapshot(), view.book.reading(devices), bench.lock:
            for batches in rounds(rows, series, bench.wanted):
                for batch in batches:
                    changes += bench.observe(batch, view.book)
                    touched[batch.kind] |= dict.fromkeys(batch.keys)
        position = rows[-1].position
        every = [(kind, list(keys)) for kind, keys in touched.items()]
        bench.recorder.record(bench.engine, view.book, changes, every, position)
        bench.disks.note(rows, series)
        bench.position = position

    def _take_smaller_steps(self, rows: Sequence[Row], error: Exception) -> None:
        """Find the row that cannot be judged by halves and less, and pass over it alone."""
        if len(rows) > 1:
            self._limit = len(rows) // 8 or 1
        elif rows:
            (row,) = rows
            log.error("row %d of series %d cannot be judged and is passed over: %s", row.position, row.series, error)
            self._bench.recorder.move(row.position)
            self.skipped += 1
