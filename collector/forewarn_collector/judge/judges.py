"""The judges of this collector: one for everything, or one for each share of the fleet that it holds.

Who asks about a device that another collector judges is answered from what that one has recorded. What only a judge
itself can do or tell is refused with the name of the collector that judges the device.
"""

from collections.abc import Callable, Iterable, Mapping
from uuid import uuid4

from forewarn_collector.judge.asked import Busy
from forewarn_collector.judge.judge import Judge
from forewarn_collector.judge.mirror import Mirror
from forewarn_collector.store.postgres_tables import SHARES, share_of
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket
from forewarn_rules import Account, Change, Engine, Key, Kind, Rule, Standing


class Elsewhere(Busy):
    """Another collector judges this device; the text says which."""


class Judges:
    """``make`` makes a judge for a docket; ``whose`` says which collector judges a share, where there are several. Any
    thread may ask."""

    def __init__(
        self,
        make: Callable[[Docket], Judge],
        new_engine: Callable[[], Engine],
        desk: Desk,
        whose: Callable[[int], str] | None = None,
    ) -> None:
        self._make = make
        self._desk = desk
        self._whose = whose
        self._spare = make(EVERYTHING)  # knows the rules, and judges where there is no other collector
        self._mirror = Mirror(desk, new_engine, self.holds)
        self._alone: Judge | None = None
        self._held: dict[int, Judge] = {}

    def start_alone(self) -> None:
        """Judge everything: there is no other collector."""
        self._alone = self._spare
        self._alone.start()

    def take(self, share: int) -> None:
        """Raise what a database raises; then nothing is taken."""
        docket = Docket(share, uuid4().hex)
        self._desk.take(docket)
        judge = self._make(docket)
        judge.start()
        self._held = {**self._held, share: judge}

    def give(self, shares: Iterable[int]) -> None:
        """Return when none of them is judged here any more."""
        ended = [self._held[share] for share in shares if share in self._held]
        self._held = {share: judge for share, judge in self._held.items() if judge not in ended}
        for judge in ended:
            judge.end()
        for judge in ended:
            judge.stop()

    def stop(self) -> None:
        self.give(list(self._held))
        if self._alone is not None:
            self._alone.stop()

    def holds(self, device: str) -> bool:
        """Whether this collector judges it."""
        return self._of(device) is not None

    def wake(self) -> None:
        for judge in self._all():
            judge.wake()

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self._spare.rules

    def counted(self, kind: Kind) -> frozenset[str]:
        return self._spare.counted(kind)

    def reach_back(self, kind: str) -> float:
        """See `Judge.reach_back`."""
        return self._spare.reach_back(kind)

    @property
    def position(self) -> int | None:
        """Up to where everything that this collector judges is judged; None when it judges nothing now."""
        return min((judge.position for judge in self._all()), default=None)

    @property
    def trouble(self) -> str | None:
        return next((judge.trouble for judge in self._all() if judge.trouble), None)

    @property
    def skipped(self) -> int:
        return sum(judge.skipped for judge in self._all())

    def oldest_unjudged(self, reader: Reader) -> float | None:
        """When the oldest report came in that this collector has to judge; None when it is up to date."""
        waiting = [row for judge in self._all() for row in reader.rows_after(judge.position, 1, judge.docket.share)]
        return min((row.received_at for row in waiting), default=None)

    def judged_of(self, device: str) -> int:
        """Up to where a device's reports are judged, by whomever."""
        judge = self._of(device)
        return judge.position if judge else self._desk.judged_position(Docket(share_of(device)))

    def recorded(self) -> int:
        """Up to where all of the fleet is judged, by whomever."""
        if self._alone is not None:
            return self._alone.position
        return min(self._desk.judged_position(Docket(share)) for share in range(SHARES))

    def standing(self, kind: Kind, key: Key) -> list[Standing]:
        """Where each rule stands on a component."""
        judge = self._of(key[0])
        return judge.standing(kind, key) if judge else self._mirror.standing(kind, key)

    def raised(self) -> dict[tuple[Kind, Key], str]:
        """The worst level of every component on which any rule speaks."""
        found = {} if self._alone is not None else self._mirror.raised()
        for judge in self._all():
            found |= judge.raised()
        return found

    def accepted(self, kind: Kind, key: Key) -> dict[str, float]:
        """What is accepted of a component's counters now, by metric."""
        judge = self._of(key[0])
        return judge.accepted(kind, key) if judge else self._mirror.accepted(kind, key)

    def accept(self, kind: Kind, key: Key, actor: str, note: str = "") -> list[Change]:
        """See `Judge.accept`. Raise Elsewhere."""
        return self.judge_of(key[0]).accept(kind, key, actor, note)

    def review(self, device: str, start: float, end: float) -> list[Change]:
        """See `Judge.review`. Raise Elsewhere."""
        return self.judge_of(device).review(device, start, end)

    def account(self, rule: Rule, key: Key) -> Account:
        """See `Judge.account`. Raise Elsewhere."""
        return self.judge_of(key[0]).account(rule, key)

    def _all(self) -> list[Judge]:
        return [self._alone] if self._alone is not None else list(self._held.values())

    def _of(self, device: str) -> Judge | None:
        return self._alone if self._alone is not None else self._held.get(share_of(device))

    def judge_of(self, device: str) -> Judge:
        """Raise Elsewhere."""
        judge = self._of(device)
        if judge is None:
            other = self._whose(share_of(device)) if self._whose else "nobody yet"
            raise Elsewhere(f"{device} is judged by {other}; nothing was done here: ask there")
        return judge
