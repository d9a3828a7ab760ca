"""What counters count from: first seen and accepted values for those who ask, and accepting them."""

from collections.abc import Iterator

from forewarn_collector.api.not_here import NotHere, no_such_device
from forewarn_collector.api.views import Accept, AcceptedView, BaselineView, CounterView, EndedView
from forewarn_collector.judge.counters import components, counters
from forewarn_collector.judge.facts import decode_facts
from forewarn_collector.judge.judges import Judges
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Key, Kind, find_metric

DISKS = "smart"
MACHINE = "machine"
"""What the machine itself goes by where a part is named."""


class Baselines:
    def __init__(self, reader: Reader, history: History, judge: Judges, desk: Desk) -> None:
        self._reader = reader
        self._history = history
        self._judge = judge
        self._desk = desk

    def show(self, device: str, part: str | None) -> list[BaselineView]:
        """Every component that has counters, or the one that ``part`` names. Raise NotHere when there is none."""
        known = self._desk.acceptances(device)
        named = self._named(device, part)
        views = [self._view(kind, (device, name), series, known) for kind, name, series in named]
        return [view for view in views if view.counters or part is not None]

    def accept(self, device: str, wanted: Accept) -> AcceptedView:
        """Take what they show now as known. A component without a measured counter is left as it is."""
        ended: list[EndedView] = []
        done: list[tuple[str, str]] = []
        for view in self.show(device, wanted.part):
            if not view.counters:
                raise NotHere(f"no counter of {view.part or MACHINE} of {device} was ever measured: nothing to accept")
            changes = self._judge.accept(Kind(view.kind), (device, view.part), wanted.actor, wanted.note)
            done.append((view.kind, view.part))
            ended += [
                EndedView(part=view.part, rule=change.rule, before=change.before, after=change.after)
                for change in changes
            ]
        if not done:
            raise NotHere(f"no counter of {device} was ever measured: nothing to accept")
        views = [view for view in self.show(device, wanted.part) if (view.kind, view.part) in done]
        return AcceptedView(baselines=views, ended=ended)

    def _named(self, device: str, part: str | None) -> Iterator[tuple[Kind, str, Series]]:
        if self._reader.device(device) is None:
            raise no_such_device(device)
        counted = {kind: self._judge.counted(kind) for kind in Kind}
        every = [
            (kind, name, series)
            for series in sorted(self._reader.series_of(device), key=lambda series: series.kind != DISKS)
            for kind, name in components(self._history, series, counted)
        ]
        if part is None:
            yield from every
            return
        names = [_names(*item) for item in every]
        fits = [item for item, mine in zip(every, names, strict=True) if part in mine]
        if not fits:
            fits = [item for item, mine in zip(every, names, strict=True) if part and mine[0].startswith(part)]
        if not fits:
            known = ", ".join(mine[0] for mine in names)
            raise NotHere(f"{device} has no part {part!r}" + (f"; it has {known}" if known else ""))
        if len(fits) > 1:
            several = ", ".join(_names(*item)[0] for item in fits)
            raise NotHere(f"{part!r} fits several parts of {device}: {several}; name one of them")
        yield from fits

    def _view(self, kind: Kind, key: Key, series: Series, known: dict[tuple[str, str], Acceptance]) -> BaselineView:
        accepted = self._judge.accepted(kind, key)
        by = known.get((str(kind), key[1]))
        shown = []
        for found in counters(self._history, series, kind, key, self._judge.counted(kind)):
            metric = find_metric(found.metric)
            base = accepted.get(found.metric)
            shown.append(
                CounterView(
                    metric=found.metric, unit=metric.unit if metric else "", first=found.first,
                    first_at=found.first_at, accepted=base, newest=found.newest, newest_at=found.newest_at,
                    growth=found.newest - (found.first if base is None else base),
                )
            )  # fmt: skip
        return BaselineView(
            device=key[0], kind=str(kind), part=key[1], slot=_slot(series), counters=shown,
            accepted_by=by.actor if by else None, accepted_at=by.at if by else None, note=by.note if by else "",
        )  # fmt: skip


def _slot(series: Series) -> str:
    disk = decode_facts(series.facts).get("disk", {})
    return str(disk.get("slot") or "") if isinstance(disk, dict) else ""


def _names(kind: Kind, name: str, series: Series) -> list[str]:
    """What the part may be called; its own name first."""
    return [MACHINE] if kind is Kind.DEVICE else [name, *([slot] if (slot := _slot(series)) else [])]
