"""Questions about all devices at once, answered from what is kept at hand."""

import math
import time
from collections.abc import Callable, Iterator
from heapq import nsmallest
from operator import attrgetter

from forewarn_collector.api.fleet_views import Growth, LatestValue, Top, VerdictLine
from forewarn_collector.api.not_here import known_metric, plain
from forewarn_collector.directory import Directory
from forewarn_collector.judge.judges import Judges
from forewarn_collector.judge.rounds import KIND_OF_PREFIX
from forewarn_collector.store.earlier import Earlier, Value
from forewarn_collector.store.fleetwide import Cell, Fleetwide
from forewarn_rules import LEVELS, Kind
from forewarn_wire import CANARY

DAY = 86_400.0
USUAL_WINDOW = 7 * DAY
# Of so many series what they said then is read in one go: a block takes a fifth of a millisecond.
_READ_AHEAD = 100

Sees = Callable[[str], bool] | None
"""Whether who asks may see this customer's devices; None: everybody's."""


class Questions:
    """Any thread."""

    def __init__(self, wide: Fleetwide, earlier: Earlier, judge: Judges, directory: Directory) -> None:
        self._wide = wide
        self._earlier = earlier
        self._judge = judge
        self._directory = directory

    def latest(self, metric: str, sees: Sees) -> list[LatestValue]:
        """By device and part."""
        known_metric(metric)
        found = [
            LatestValue(device=row.device, part=part or row.part, at=row.at, value=plain(float(row.values[column])))
            for row, column, part in self._cells(metric, sees)
        ]
        return sorted(found, key=attrgetter("device", "part"))

    def top(self, metric: str, window: float, limit: int, now: float, sees: Sees) -> Top:
        """What grew most since ``window`` seconds ago (the beginning of that day, UTC)."""
        known = known_metric(metric)
        since = _since(now, window)
        earlier = self._earlier.at(_kind_of(metric), metric, since)
        compared = unknown = 0

        def grown() -> Iterator[tuple[float, str, str, float, float, Value]]:
            nonlocal compared, unknown
            for row, column, part in self._cells(metric, sees):
                value = float(row.values[column])
                if math.isnan(value):
                    continue
                before = earlier.get((row.series, part))
                if before is None or math.isnan(before.value):
                    unknown += 1
                    continue
                compared += 1
                yield before.value - value, row.device, part or row.part, value, row.at, before

        most = nsmallest(limit, grown())
        return Top(
            metric=metric, unit=known.unit, since=since, compared=compared, unknown=unknown,
            grown=[
                Growth(
                    device=device, customer=self._directory.whose(device).customer, part=part, growth=-shrunk,
                    value=value, at=at, before=before.value, before_at=before.at,
                )
                for shrunk, device, part, value, at, before in most
            ],
        )  # fmt: skip

    def read_ahead(self, now: float) -> bool:
        """Have a little more of what the usual question about growth compares with at hand; False: all of it is."""
        return any(self._earlier.read_ahead(kind, _since(now, USUAL_WINDOW), _READ_AHEAD) for kind in ("smart", "load"))

    def verdicts(self, sees: Sees) -> list[VerdictLine]:
        """Every part of every device on which a rule speaks, the worst first."""
        found = [
            VerdictLine(device=device, customer=whose.customer, site=whose.site, kind=str(kind), part=part, level=level)
            for (kind, (device, part)), level in self._judge.raised().items()
            for whose in (self._directory.whose(device),)
            if sees is None or sees(whose.customer)
        ]
        return sorted(found, key=lambda line: (-LEVELS.index(line.level), line.device, line.kind, line.part))

    def _cells(self, metric: str, sees: Sees) -> Iterator[Cell]:
        for cell in self._wide.latest(_kind_of(metric), metric, time.monotonic()):
            device = cell[0].device
            if device != CANARY and (sees is None or sees(self._directory.whose(device).customer)):
                yield cell


def _kind_of(metric: str) -> str:
    return "smart" if KIND_OF_PREFIX.get(metric.split(".", 1)[0]) is Kind.DISK else "load"


def _since(now: float, window: float) -> float:
    return (now - window) // DAY * DAY
