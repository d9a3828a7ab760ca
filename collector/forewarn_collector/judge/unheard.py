"""Who has not been heard of: devices that are silent, and disks whose devices report without them."""

from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.judge.bench import Bench, View
from forewarn_collector.judge.disk_watch import Sight, presence_batch
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.judge.listening import Listening
from forewarn_collector.judge.liveness import liveness_batch
from forewarn_collector.judge.rounds import Batch
from forewarn_collector.store.about import contacts
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Kind

# Whose birth is read together when silence is judged after a start.
DEVICES_AT_ONCE = 1000


class Unheard:
    """Judged by receipt time, now and then, and not by any report."""

    def __init__(self, bench: Bench, desk: Desk, clock: Clock) -> None:
        self._bench = bench
        self._desk = desk
        self._clock = clock
        self._listening = Listening(desk, clock, bench.docket)

    def judge(self) -> None:
        """A device is not silent for the time in which the collector itself was away."""
        with self._bench.at_work() as view:
            now = self._clock.now()
            presence = self._listening.carry_on(now)
            devices = [one for one in contacts(view.reader) if self._bench.docket.holds(one.name)]
            told = not isinstance(self._clock, SettableClock)
            for first in range(0, len(devices), DEVICES_AT_ONCE):
                some = devices[first : first + DEVICES_AT_ONCE]
                with view.book.reading(view.book.stale(one.name for one in some)):
                    self._judge_batch(liveness_batch(some, now, presence, told), view.book)
            self._judge_disks(view)
            self._bench.recorder.move(self._bench.position)

    def _judge_batch(self, batch: Batch, book: FactBook) -> None:
        bench = self._bench
        with bench.lock:
            changes = bench.observe(batch, book)
        if changes:
            bench.recorder.record(bench.engine, book, changes, [(c.kind, [c.key]) for c in changes])

    def _judge_disks(self, view: View) -> None:
        """Judge which disks are gone, and let go of those that were replaced."""
        seen = self._bench.disks.look(view.reader, view.history)
        for one in [one for one in seen if one.silence.replaced_by is not None]:
            self._let_go(one, view.book)
            seen.remove(one)
        if seen:
            self._judge_batch(presence_batch(seen), view.book)

    def _let_go(self, seen: Sight, book: FactBook) -> None:
        """A disk was replaced: what was predicted of it is over, and it is judged no more."""
        bench = self._bench
        key = (seen.device, seen.disk.part)
        new = seen.silence.replaced_by
        text = f"disk {new} sits in {seen.disk.slot} now; {seen.disk.part} was there before"
        self._desk.replaced(book.part(Kind.DISK, key), seen.at, text, bench.docket)
        kinds = (Kind.DISK, Kind.PRESENCE, Kind.DISK_LOG)
        with bench.lock:
            for kind in kinds:
                bench.engine.forget(kind, key)
        bench.recorder.record(bench.engine, book, [], [(kind, [key]) for kind in kinds])
        bench.disks.forget(*key)
