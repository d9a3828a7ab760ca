"""The judge: reads what the journal has stored, in order, and hands what changed to the ticket desk."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from forewarn_collector.clock import Clock
from forewarn_collector.directory import Directory
from forewarn_collector.judge.answers import Answers
from forewarn_collector.judge.asked import Asked, T
from forewarn_collector.judge.bench import Bench
from forewarn_collector.judge.record import Recorder
from forewarn_collector.judge.steps import Steps
from forewarn_collector.judge.unheard import Unheard
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import database_trouble
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket, Overtaken
from forewarn_rules import Account, Change, Engine, Key, Kind, Rule, Standing

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.2
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
SHARED_LOOK_SECONDS = 0.25


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
        self.trouble: str | None = None
        self.docket = docket
        self._bench = Bench(new_engine, open_reader, Recorder(desk, docket), directory, docket)
        self._steps = Steps(self._bench)
        self._unheard = Unheard(self._bench, desk, clock)
        self._answers = Answers(self._bench, self._steps, desk, clock)
        self._tick_seconds = tick_seconds
        # Of what another collector has stored nobody tells.
        self._look_seconds = min(1.0 if docket.share is None else SHARED_LOOK_SECONDS, tick_seconds)
        self._asked = Asked(patience_seconds)
        self._wake = threading.Event()
        self._stopping = threading.Event()
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
        self._bench.close()

    def wake(self) -> None:
        self._wake.set()

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
            elif self._steps.few:
                self._stopping.wait(GATHER_SECONDS)

    def step(self) -> bool:
        """Judge the next rows; False when there were none. See `Steps.step`."""
        return self._steps.step()

    def tick(self) -> None:
        """Judge silence."""
        self._unheard.judge()

    @property
    def position(self) -> int:
        """Up to where everything is judged."""
        return self._bench.position

    @property
    def skipped(self) -> int:
        """Rows that could not be judged."""
        return self._steps.skipped

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self._bench.engine.rules

    def reach_back(self, kind: str) -> float:
        """Seconds of history of a kind of series that rules look back on."""
        return self._bench.warming.reach_back(kind)

    def counted(self, kind: Kind) -> frozenset[str]:
        return self._bench.engine.counted(kind)

    def standing(self, kind: Kind, key: Key) -> list[Standing]:
        """Where each rule stands on a component, for those who ask."""
        with self._bench.lock:
            return self._bench.engine.levels(kind, key)

    def raised(self) -> dict[tuple[Kind, Key], str]:
        """The worst level of every component on which any rule speaks."""
        with self._bench.lock:
            engine = self._bench.engine
            return {(kind, key): level for kind in Kind for key, level in engine.raised(kind).items()}

    def accepted(self, kind: Kind, key: Key) -> dict[str, float]:
        """What is accepted of a component's counters now, by metric."""
        with self._bench.lock:
            return {metric: found.value for metric, found in self._bench.engine.accepted(kind, key).items()}

    def accept(self, kind: Kind, key: Key, actor: str, note: str = "") -> list[Change]:
        """Take what a component's counters show as known; from any thread. Return the levels that it ended.

        Raise Busy when the judge does not come to it.
        """
        return self._in_turn(lambda: self._answers.accept(kind, key, actor, note))

    def review(self, device: str, start: float, end: float) -> list[Change]:
        """Judge reports that came late, made between these times; from any thread. Return what rose in them.

        Raise Busy when the judge does not come to it.
        """
        return self._in_turn(lambda: self._answers.review(device, start, end))

    def account(self, rule: Rule, key: Key) -> Account:
        """What a rule makes of a component now; from any thread. Raise Busy when the judge does not come to it."""
        return self._in_turn(lambda: self._answers.account(rule, key))

    def _in_turn(self, job: Callable[[], T]) -> T:
        return self._asked.ask(job, self.wake) if self._thread.is_alive() else job()
