"""What people and other rooms ask of a judge that is more than a look: it is done between two steps."""

from forewarn_collector.clock import Clock
from forewarn_collector.judge.bench import Bench
from forewarn_collector.judge.counters import counters, series_kind, series_part
from forewarn_collector.judge.review import missed, replayed, take_over
from forewarn_collector.judge.rounds import observation
from forewarn_collector.judge.steps import Steps
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Account, Change, Key, Kind, Rule


class Answers:
    """In the judge's thread."""

    def __init__(self, bench: Bench, steps: Steps, desk: Desk, clock: Clock) -> None:
        self._bench = bench
        self._steps = steps
        self._desk = desk
        self._clock = clock

    def accept(self, kind: Kind, key: Key, actor: str, note: str) -> list[Change]:
        """Take what a component's counters show as known. Return the levels that it ended."""
        bench = self._bench
        with bench.at_work() as view:
            series = view.reader.find_series(key[0], series_kind(kind), series_part(kind, key))
            if series is None:
                return []
            self._steps.catch_up()  # what is stored is judged before what it shows is accepted
            bench.newest(view, series)
            found = counters(view.history, series, kind, key, bench.engine.counted(kind))
            values = {counter.metric: counter.newest for counter in found}
            now = self._clock.now()
            with bench.lock:
                changes = bench.engine.accept(kind, key, view.book.labels(kind, key), now, values, actor)
            item = Acceptance(str(kind), *key, now, actor, note, values)
            bench.recorder.record(bench.engine, view.book, changes, [(kind, [key])], accepted=item)
        return changes

    def review(self, device: str, start: float, end: float) -> list[Change]:
        """Judge reports that came late, made between these times. Return what rose in them."""
        bench = self._bench
        with bench.at_work() as view:
            self._steps.catch_up()
            recorded = self._desk.verdicts(device)
            found: list[Change] = []
            for series in view.reader.series_of(device):
                replay = bench.new_engine()
                pasts = bench.warming.past_of(view.history, series, start, bench.position)
                rose = missed(replayed(replay, pasts, start, view.book.labels), start, end, recorded)
                with bench.lock:
                    take_over(bench.engine, replay, rose)
                found += rose
            if found:
                bench.recorder.record(bench.engine, view.book, found, [(c.kind, [c.key]) for c in found])
        return found

    def account(self, rule: Rule, key: Key) -> Account:
        """What a rule makes of a component now."""
        bench = self._bench
        with bench.at_work() as view:
            series = view.reader.find_series(key[0], series_kind(rule.kind), series_part(rule.kind, key))
            latest = None if series is None else bench.newest(view, series)
            newest = None if latest is None else observation(latest, rule.kind, key)
            with bench.lock:
                return bench.engine.account(rule.id, key, view.book.labels(rule.kind, key), newest)
