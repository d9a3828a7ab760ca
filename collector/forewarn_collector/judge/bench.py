"""What the judge works with: the engine, what is stored, and what was recorded of both.

Windows are not saved: they are rebuilt from history at a component's first touch. An error is treated like a kill: what
was not recorded is forgotten, and the judge begins anew from the record.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from forewarn_collector.directory import Directory
from forewarn_collector.judge.disk_watch import DiskWatch
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.judge.record import Recorder
from forewarn_collector.judge.rounds import Batch, Wanted
from forewarn_collector.judge.warming import Warming
from forewarn_collector.store.about import newest_series
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Latest, Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.docket import Docket
from forewarn_rules import Change, Engine, Kind

log = logging.getLogger(__name__)


class View(NamedTuple):
    """What the judge looks through."""

    reader: Reader
    history: History
    book: FactBook


class Bench:
    """``position`` is how far everything is judged. Only the judge's thread works here; who else asks ``engine`` holds
    ``lock``."""

    def __init__(
        self,
        new_engine: Callable[[], Engine],
        open_reader: Callable[[], Reader],
        recorder: Recorder,
        directory: Directory,
        docket: Docket,
    ) -> None:
        self.position = 0
        self.docket = docket
        self.recorder = recorder
        self.new_engine = new_engine
        self.engine = engine = new_engine()
        # The API asks the engine where a component stands while the judge works on it.
        self.lock = threading.Lock()
        self.wanted: Wanted = tuple((kind, frozenset(engine.metrics(kind))) for kind in Kind)
        self.warming = Warming(engine, self.wanted)
        self.disks = DiskWatch((), ())
        self._open_reader = open_reader
        self._directory = directory
        self._view: View | None = None

    @contextmanager
    def at_work(self) -> Iterator[View]:
        """An error inside leaves nothing that was not recorded: the next work begins anew."""
        try:
            yield self._view or self._begin()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the journal. The next work takes up what was recorded, as after a start."""
        if self._view is not None:
            self._view.reader.close()
            self._view = None

    def _begin(self) -> View:
        """Take up what was recorded: how far, and every component's levels, timers and baselines."""
        engine = self.new_engine()
        recorded = self.recorder.restore(engine)
        reader = self._open_reader()
        self._view = View(reader, History(reader), FactBook(reader, self._directory))
        position, newest = self.recorder.position(), reader.max_position()
        if position > newest:
            log.warning("the journal ends at row %d though %d were judged: it is another one", newest, position)
            position = 0
            self.recorder.move(position)
        with self.lock:
            self.engine = engine
        self.warming.begin_anew(newest_series(reader))
        disks = [series for series in reader.series_of_kind("smart") if self.docket.holds(series.device)]
        self.disks = DiskWatch(disks, {key[0] for kind, key in recorded if kind is Kind.PRESENCE})
        self.position = position
        return self._view

    def observe(self, batch: Batch, book: FactBook) -> list[Change]:
        """Judge a round; the caller holds ``lock``."""
        told = [book.told(device) for device, _ in batch.keys]
        labels = partial(book.labels, batch.kind)
        return self.engine.observe(batch.kind, batch.keys, labels, batch.at, batch.metrics, told)

    def warm(self, history: History, series: Series, at: float) -> None:
        """Fill the windows of a series that is seen for the first time since the start."""
        self.warming.fill(self.engine, self.lock, history, series, at, self.position)

    def newest(self, view: View, series: Series) -> Latest | None:
        """The newest row of a series, whose windows are filled when they are not since the start."""
        newest = view.history.latest(series.device, series.kind, series.part)
        if newest is not None:
            self.warm(view.history, series, newest.at)
        return newest
