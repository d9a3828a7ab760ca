"""The judge: reads what the journal has stored, in order, and hands what changed to the ticket desk.

How far it has come is written in the same transaction as what it found, so a kill at any instant neither skips a
report nor opens a ticket twice. Windows are not saved: they are rebuilt from history at a component's first touch.
An error is treated like a kill: what was not recorded is forgotten, and the judge begins anew from the record.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.directory import Directory
from forewarn_collector.judge.asked import Asked, T
from forewarn_collector.judge.counters import counters, series_kind, series_part
from forewarn_collector.judge.disk_watch import DiskWatch, Sight, presence_batch
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.judge.listening import Listening
from forewarn_collector.judge.liveness import liveness_batch
from forewarn_collector.judge.record import Recorder
from forewarn_collector.judge.review import missed, replayed, take_over
from forewarn_collector.judge.rounds import Batch, Wanted, observation, rounds
from forewarn_collector.judge.warming import Warming
from forewarn_collector.store.about import contacts, newest_series
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Latest, Row, Series, StoreError
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import database_trouble
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket, Overtaken
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Account, Change, Engine, Key, Kind, Rule, Standing

log = logging.getLogger(__name__)

ROWS_PER_STEP = 2000
# Whose birth is read together when silence is judged after a start.
DEVICES_AT_ONCE = 1000
# A step costs about as much for one row as for a hundred: after one with few rows it is waited for more of them.
FEW_ROWS = 500
GATHER_SECONDS = 0.2
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
SHARED_LOOK_SECONDS = 0.25


class _Sight(NamedTuple):
    """What the judge looks through."""

    reader: Reader
    history: History
    book: FactBook


class Judge:
    """One thread. ``step`` judges what has come since; ``tick`` judges who has not been heard (receipt time)."""

    def __init__(
        self,
        new_engine: Callable[[], Engine],
        open_reader: Callable[[], Reader],
        desk: Desk,
        directory: Directory,
        clock: Clock,
        tick_seconds: float = 15.0,
        patience_seconds: float = 20.0,
        docket: Docket = EVERYTHING,
    ) -> None:
        """``patience_seconds``: how long those wait who ask something of the judge while it is busy. ``docket``: which
        devices it judges."""
        self.position = 0
        self.trouble: str | None = None
        self.skipped = 0
        self._new_engine = new_engine
        self._engine = engine = new_engine()
        self._limit = ROWS_PER_STEP
        self._few = False
        self._open_reader = open_reader
        self._desk = desk
        self._directory = directory
        self._clock = clock
        self.docket = docket
        self._tick_seconds = tick_seconds
        # Of what another collector has stored nobody tells.
        self._look_seconds = min(1.0 if docket.share is None else SHARED_LOOK_SECONDS, tick_seconds)
        self._wanted: Wanted = tuple((kind, frozenset(engine.metrics(kind))) for kind in Kind)
        self._sight: _Sight | None = None
        self._warming = Warming(engine, self._wanted)
        self._recorder = Recorder(desk, docket)
        self._disks = DiskWatch((), ())
        self._listening = Listening(desk, clock, docket)
        self._asked = Asked(patience_seconds)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        # The API asks the engine where a component stands while the judge works on it.
        self._engine_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="judge")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.end()
        if self._thread.is_alive():
            self._thread.join()
        self.close()

    def end(self) -> None:
        """Begin nothing more."""
        self._stopping.set()
        self._wake.set()

    def close(self) -> None:
        """Let go of the journal. The next step takes up what was recorded, as after a start."""
        if self._sight is not None:
            self._sight.reader.close()
            self._sight = None

    def wake(self) -> None:
        self._wake.set()

    def standing(self, kind: Kind, key: Key) -> list[Standing]:
        """Where each rule stands on a component, for those who ask."""
        with self._engine_lock:
            return self._engine.levels(kind, key)

    def raised(self) -> dict[tuple[Kind, Key], str]:
        """The worst level of every component on which any rule speaks."""
        with self._engine_lock:
            return {(kind, key): level for kind in Kind for key, level in self._engine.raised(kind).items()}

    def reach_back(self, kind: str) -> float:
        """Seconds of history of a kind of series that rules look back on."""
        return self._warming.reach_back(kind)

    def counted(self, kind: Kind) -> frozenset[str]:
        return self._engine.counted(kind)

    def accepted(self, kind: Kind, key: Key) -> dict[str, float]:
        """What is accepted of a component's counters now, by metric."""
        with self._engine_lock:
            return {metric: found.value for metric, found in self._engine.accepted(kind, key).items()}

    def accept(self, kind: Kind, key: Key, actor: str, note: str = "") -> list[Change]:
        """Take what a component's counters show as known; from any thread. Return the levels that it ended.

        Raise Busy when the judge does not come to it.
        """
        return self._in_turn(lambda: self._accept(kind, key, actor, note))

    def review(self, device: str, start: float, end: float) -> list[Change]:
        """Judge reports that came late, made between these times; from any thread. Return what rose in them.

        Raise Busy when the judge does not come to it.
        """
        return self._in_turn(lambda: self._review(device, start, end))

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self._engine.rules

    def account(self, rule: Rule, key: Key) -> Account:
        """What a rule makes of a component now; from any thread. Raise Busy when the judge does not come to it."""
        return self._in_turn(lambda: self._account(rule, key))

    def _in_turn(self, job: Callable[[], T]) -> T:
        return self._asked.ask(job, self.wake) if self._thread.is_alive() else job()

    def _run(self) -> None:
        next_tick = time.monotonic()
        retry = RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                self._asked.answer()
                busy = self.step()
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + self._tick_seconds
                    self.tick()
            except Overtaken as error:
                log.warning("%s", error)
                return
            except Exception as error:
                known = database_trouble(error)
                if self.trouble is None:
                    said = f": {known}" if known else ""
                    log.error("the judge could not finish a step; it tries again%s", said, exc_info=known is None)
                self.trouble = f"judge: {known or f'{type(error).__name__}: {error}'}"
                self._stopping.wait(retry)
                retry = min(2 * retry, LONGEST_RETRY_SECONDS)
                continue
            self.trouble = None
            retry = RETRY_SECONDS
            if not busy:
                self._wake.wait(self._look_seconds)
                self._wake.clear()
            elif self._few:
                self._stopping.wait(GATHER_SECONDS)

    def step(self) -> bool:
        """Judge the next rows; False when there were none.

        After an error nothing of the step is kept: the next one takes up what was recorded and tries again.
        """
        rows: Sequence[Row] = ()
        try:
            sight = self._sight or self._begin()
            rows = self._next_rows(sight)
            if rows:
                self._judge(sight, rows)
        except (StoreError, SQLAlchemyError):
            self.close()  # trouble with a database is nobody's row: it is waited for
            raise
        except Exception as error:
            self.close()
            self._take_smaller_steps(rows, error)
            raise
        self._limit = min(ROWS_PER_STEP, self._limit * 2)
        return bool(rows)

    def tick(self) -> None:
        """Judge silence. A device is not silent for the time in which the collector itself was away."""
        try:
            sight = self._sight or self._begin()
            now = self._clock.now()
            presence = self._listening.carry_on(now)
            devices = [one for one in contacts(sight.reader) if self.docket.holds(one.name)]
            told = not isinstance(self._clock, SettableClock)
            for first in range(0, len(devices), DEVICES_AT_ONCE):
                some = devices[first : first + DEVICES_AT_ONCE]
                with sight.book.reading(sight.book.stale(one.name for one in some)):
                    self._judge_batch(liveness_batch(some, now, presence, told), sight.book)
            self._judge_disks(sight)
            self._recorder.move(self.position)
        except Exception:
            self.close()
            raise

    def _begin(self) -> _Sight:
        """Take up what was recorded: how far, and every component's levels, timers and baselines."""
        engine = self._new_engine()
        recorded = self._recorder.restore(engine)
        reader = self._open_reader()
        self._sight = _Sight(reader, History(reader), FactBook(reader, self._directory))
        position, newest = self._recorder.position(), reader.max_position()
        if position > newest:
            log.warning("the journal ends at row %d though %d were judged: it is another one", newest, position)
            position = 0
            self._recorder.move(position)
        with self._engine_lock:
            self._engine = engine
        self._warming.begin_anew(newest_series(reader))
        disks = [series for series in reader.series_of_kind("smart") if self.docket.holds(series.device)]
        self._disks = DiskWatch(disks, {key[0] for kind, key in recorded if kind is Kind.PRESENCE})
        self.position = position
        return self._sight

    def _next_rows(self, sight: _Sight) -> Sequence[Row]:
        with sight.reader.snapshot():
            rows = sight.reader.rows_after(self.position, self._limit, self.docket.share)
            if not rows and self.docket.share is not None:
                self.position = sight.reader.max_position()  # what was stored since is not of this share
        taken = self._warming.portion(rows)
        self._few = len(taken) == len(rows) < min(FEW_ROWS, self._limit)
        return taken

    def _judge(self, sight: _Sight, rows: Sequence[Row]) -> None:
        series = {row.series: sight.book.series(row.series) for row in rows}
        for row in {row.series: row for row in reversed(rows)}.values():  # the first of each
            self._warm(sight.history, series[row.series], row.at)
        changes: list[Change] = []
        touched: dict[Kind, dict[Key, None]] = {kind: {} for kind in Kind}
        devices = {one.device for one in series.values()}
        with sight.reader.snapshot(), sight.book.reading(devices), self._engine_lock:
            for batches in rounds(rows, series, self._wanted):
                for batch in batches:
                    changes += self._observe(batch, sight.book)
                    touched[batch.kind] |= dict.fromkeys(batch.keys)
        position = rows[-1].position
        every = [(kind, list(keys)) for kind, keys in touched.items()]
        self._recorder.record(self._engine, sight.book, changes, every, position)
        self._disks.note(rows, series)
        self.position = position

    def _judge_batch(self, batch: Batch, book: FactBook) -> None:
        """Of what is not told by a report."""
        with self._engine_lock:
            changes = self._observe(batch, book)
        if changes:
            self._recorder.record(self._engine, book, changes, [(c.kind, [c.key]) for c in changes])

    def _judge_disks(self, sight: _Sight) -> None:
        """Judge which disks are gone, and let go of those that were replaced."""
        seen = self._disks.look(sight.reader, sight.history)
        for one in [one for one in seen if one.silence.replaced_by is not None]:
            self._let_go(one, sight.book)
            seen.remove(one)
        if seen:
            self._judge_batch(presence_batch(seen), sight.book)

    def _let_go(self, seen: Sight, book: FactBook) -> None:
        """A disk was replaced: what was predicted of it is over, and it is judged no more."""
        key = (seen.device, seen.disk.part)
        new = seen.silence.replaced_by
        text = f"disk {new} sits in {seen.disk.slot} now; {seen.disk.part} was there before"
        self._desk.replaced(book.part(Kind.DISK, key), seen.at, text, self.docket)
        kinds = (Kind.DISK, Kind.PRESENCE, Kind.DISK_LOG)
        with self._engine_lock:
            for kind in kinds:
                self._engine.forget(kind, key)
        self._recorder.record(self._engine, book, [], [(kind, [key]) for kind in kinds])
        self._disks.forget(*key)

    def _take_smaller_steps(self, rows: Sequence[Row], error: Exception) -> None:
        """Find the row that cannot be judged by halves and less, and pass over it alone."""
        if len(rows) > 1:
            self._limit = len(rows) // 8 or 1
        elif rows:
            (row,) = rows
            log.error("row %d of series %d cannot be judged and is passed over: %s", row.position, row.series, error)
            self._recorder.move(row.position)
            self.skipped += 1

    def _accept(self, kind: Kind, key: Key, actor: str, note: str) -> list[Change]:
        sight = self._sight or self._begin()
        series = sight.reader.find_series(key[0], series_kind(kind), series_part(kind, key))
        if series is None:
            return []
        try:
            while self.step():  # what is stored is judged before what it shows is accepted
                pass
            sight = self._sight or self._begin()
            self._newest(sight, series)
            found = counters(sight.history, series, kind, key, self._engine.counted(kind))
            values = {counter.metric: counter.newest for counter in found}
            now = self._clock.now()
            with self._engine_lock:
                changes = self._engine.accept(kind, key, sight.book.labels(kind, key), now, values, actor)
            item = Acceptance(str(kind), *key, now, actor, note, values)
            self._recorder.record(self._engine, sight.book, changes, [(kind, [key])], accepted=item)
        except Exception:
            self.close()
            raise
        return changes

    def _review(self, device: str, start: float, end: float) -> list[Change]:
        try:
            while self.step():
                pass
            sight = self._sight or self._begin()
            recorded = self._desk.verdicts(device)
            found: list[Change] = []
            for series in sight.reader.series_of(device):
                replay = self._new_engine()
                pasts = self._warming.past_of(sight.history, series, start, self.position)
                rose = missed(replayed(replay, pasts, start, sight.book.labels), start, end, recorded)
                with self._engine_lock:
                    take_over(self._engine, replay, rose)
                found += rose
            if found:
                self._recorder.record(self._engine, sight.book, found, [(c.kind, [c.key]) for c in found])
        except Exception:
            self.close()
            raise
        return found

    def _newest(self, sight: _Sight, series: Series) -> Latest | None:
        """The newest row of a series, whose windows are filled when they are not since the start."""
        newest = sight.history.latest(series.device, series.kind, series.part)
        if newest is not None:
            self._warm(sight.history, series, newest.at)
        return newest

    def _account(self, rule: Rule, key: Key) -> Account:
        sight = self._sight or self._begin()
        try:
            series = sight.reader.find_series(key[0], series_kind(rule.kind), series_part(rule.kind, key))
            latest = None if series is None else self._newest(sight, series)
            newest = None if latest is None else observation(latest, rule.kind, key)
            with self._engine_lock:
                return self._engine.account(rule.id, key, sight.book.labels(rule.kind, key), newest)
        except Exception:
            self.close()
            raise

    def _observe(self, batch: Batch, book: FactBook) -> list[Change]:
        told = [book.told(device) for device, _ in batch.keys]
        labels = partial(book.labels, batch.kind)
        return self._engine.observe(batch.kind, batch.keys, labels, batch.at, batch.metrics, told)

    def _warm(self, history: History, series: Series, at: float) -> None:
        """Fill the windows of a series that is seen for the first time since the start."""
        self._warming.fill(self._engine, self._engine_lock, history, series, at, self.position)
