"""The judge: reads what the journal has stored, in order, and hands what changed to the ticket desk.

How far it has come is written in the same transaction as what it found, so a kill at any instant neither skips a
report nor opens a ticket twice. Windows are not saved: they are rebuilt from history at a component's first touch.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from forewarn_collector.directory import Directory
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.judge.rounds import Batch, Wanted, past, rounds
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Row, Series, StoreError
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Change, Engine, Key, Kind, Standing

log = logging.getLogger(__name__)

ROWS_PER_STEP = 2000
# The newest observation before a window counts too, and a machine may have been off for long.
WARM_BEYOND_SECONDS = 31 * 86_400.0


class Judge:
    """One thread. ``step`` judges what has come since; ``tick`` judges who has not been heard (receipt time)."""

    def __init__(
        self,
        new_engine: Callable[[], Engine],
        open_reader: Callable[[], Reader],
        desk: Desk,
        directory: Directory,
        now: Callable[[], float],
        tick_seconds: float = 15.0,
    ) -> None:
        self.position = 0
        self.trouble: str | None = None
        self.skipped = 0
        self._new_engine = new_engine
        self._engine = engine = new_engine()
        self._limit = ROWS_PER_STEP
        self._open_reader = open_reader
        self._desk = desk
        self._directory = directory
        self._now = now
        self._began = now()
        self._tick_seconds = tick_seconds
        self._wanted: Wanted = tuple((kind, frozenset(engine.metrics(kind))) for kind in Kind)
        self._reach = max(engine.reach_back(kind) for kind in Kind) + WARM_BEYOND_SECONDS
        self._warmed: set[int] = set()
        self._saved: dict[tuple[Kind, Key], bytes] = {}
        self._wake = threading.Event()
        self._stopping = False
        # The API asks the engine where a component stands while the judge works on it.
        self._engine_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="judge")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        self._wake.set()

    def standing(self, kind: Kind, key: Key) -> list[Standing]:
        """Where each rule stands on a component, for those who ask."""
        with self._engine_lock:
            return self._engine.levels(kind, key)

    def _run(self) -> None:
        reader = self._open_reader()
        history = History(reader)
        book = FactBook(reader, self._directory)
        self._restore()
        next_tick = time.monotonic()
        while not self._stopping:
            try:
                busy = self.step(reader, history, book)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + self._tick_seconds
                    self.tick(reader, book)
                self.trouble = None
            except Exception as error:
                if self.trouble is None:
                    log.exception("the judge could not finish a step; it tries again")
                self.trouble = f"judge: {type(error).__name__}: {error}"
                busy = False
                self._go_back(reader, error)
            if not busy:
                self._wake.wait(min(1.0, self._tick_seconds))
                self._wake.clear()
        reader.close()

    def _go_back(self, reader: Reader, error: Exception) -> None:
        """Forget what was not recorded and take smaller steps; a single row that can't be judged is passed over.

        Trouble with a database is nobody's row: it is waited for.
        """
        with self._engine_lock:
            self._engine = self._new_engine()
            self._warmed.clear()
            self._saved.clear()
            self._restore()
        if isinstance(error, StoreError | SQLAlchemyError):
            return
        if self._limit > 1:
            self._limit = max(1, self._limit // 8)
            return
        for row in reader.rows_after(self.position, 1):
            log.error("row %d of series %d can't be judged: %s", row.position, row.series, error)
            self._desk.record(row.position, [], [])
            self.position = row.position
            self.skipped += 1

    def _restore(self) -> None:
        self.position = self._desk.judged_position()
        for kind, key, data in self._desk.snapshots():
            self._engine.restore(Kind(kind), key, data)
            self._saved[Kind(kind), key] = data

    def step(self, reader: Reader, history: History, book: FactBook) -> bool:
        """Judge up to ``ROWS_PER_STEP`` rows. False when there is nothing more to read now."""
        rows = reader.rows_after(self.position, self._limit)
        if not rows:
            return False
        series = {row.series: book.series(row.series) for row in rows}
        changes: list[Change] = []
        with self._engine_lock:
            self._warm(history, rows, series)
            touched: dict[tuple[Kind, Key], None] = {}
            for batches in rounds(rows, series, self._wanted):
                for batch in batches:
                    changes += self._observe(batch, book)
                    touched.update(((batch.kind, key), None) for key in batch.keys)
            position = rows[-1].position
            self._record(position, changes, touched, book)
        self.position = position
        full = len(rows) == self._limit
        self._limit = min(ROWS_PER_STEP, self._limit * 2)
        return full

    def tick(self, reader: Reader, book: FactBook) -> None:
        """Judge silence. A device is not silent for the time in which the collector itself was away."""
        now = self._now()
        heard = {row.name: max(row.last_received, self._began) for row in reader.devices()}
        if not heard:
            return
        keys = [(name, "") for name in heard]
        silent = np.array([max(0.0, now - last) for last in heard.values()])
        batch = Batch(Kind.LIVENESS, keys, np.full(len(keys), now), {"device.silent_seconds": silent})
        with self._engine_lock:
            changes = self._observe(batch, book)
            if changes:
                self._record(None, changes, {(Kind.LIVENESS, change.key): None for change in changes}, book)

    def _observe(self, batch: Batch, book: FactBook) -> list[Change]:
        return self._engine.observe(
            batch.kind, batch.keys, lambda key: book.labels(batch.kind, key), batch.at, batch.metrics
        )

    def _warm(self, history: History, rows: list[Row], series: dict[int, Series]) -> None:
        """Rebuild the windows of series that are seen for the first time since the start."""
        for row in rows:
            if row.series in self._warmed:
                continue
            self._warmed.add(row.series)
            known = series[row.series]
            for found in past(history, known, row.at - self._reach, row.at, row.fields, self._wanted):
                self._engine.warm_history(found.kind, found.key, found.at, found.metrics)

    def _record(
        self, position: int | None, changes: list[Change], touched: Iterable[tuple[Kind, Key]], book: FactBook
    ) -> None:
        snapshots: list[tuple[str, Key, bytes | None]] = []
        for kind, key in touched:
            data = self._engine.snapshot(kind, key)
            if data != self._saved.get((kind, key)):
                snapshots.append((kind, key, data))
        self._desk.record(position, [(change, book.part(change.kind, change.key)) for change in changes], snapshots)
        for name, key, data in snapshots:
            if data is None:
                self._saved.pop((Kind(name), key), None)
            else:
                self._saved[Kind(name), key] = data
