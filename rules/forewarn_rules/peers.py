"""How far a component is from its like in the fleet: the newest value of each, by labels that they share.

The fleet's values are not saved: after a restart each comes back with its component's next observation, and until
enough of them are there nothing is known. A component is one of its own peers.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.rule import Signal
from forewarn_rules.windows import Rows, grown

Floats = npt.NDArray[np.float64]

FROM_PEERS = ("distance_from_peers", "spreads_from_peers")
TAKES = (*FROM_PEERS, "count_of_peers")

SCALED_MAD = 1.4826
"""The median absolute deviation times this is the standard deviation, where values are normally distributed."""


class _Table:
    """The newest value of one metric of every component, and which group the component belongs to (-1: none)."""

    def __init__(self, by: tuple[str, ...]) -> None:
        self.by = by
        self.signals: list[int] = []
        self.value = np.full(0, np.nan)
        self.at = np.full(0, -np.inf)
        self.group = np.full(0, -1, dtype=np.intp)
        self.of_scope = [-1]  # the scope of a component that was not judged yet
        self.numbers: dict[tuple[str | float, ...], int] = {}


class Peers:
    """State of every signal that compares a component with its peers."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self._signals = list(signals)
        found: dict[tuple[str, float, tuple[str, ...]], _Table] = {}
        for n, signal in enumerate(self._signals):
            if signal.take in TAKES:
                found.setdefault((signal.metric, signal.within, signal.peers), _Table(signal.peers)).signals.append(n)
        self._tables = list(found.values())
        self.labels = sorted({label for table in self._tables for label in table.by})

    def reserve(self, capacity: int) -> None:
        for table in self._tables:
            table.value = grown(table.value, capacity, np.nan)
            table.at = grown(table.at, capacity, -np.inf)
            table.group = grown(table.group, capacity, -1)

    def forget(self, row: int) -> None:
        for table in self._tables:
            table.value[row], table.at[row], table.group[row] = np.nan, -np.inf, -1

    def meet(self, labels: Mapping[str, str | float]) -> None:
        """Labels that were not met before; they get the next number. Who lacks one that is asked for has no peers."""
        for table in self._tables:
            known = tuple(labels[label] for label in table.by if label in labels)
            whole = len(known) == len(table.by)
            table.of_scope.append(table.numbers.setdefault(known, len(table.numbers)) if whole else -1)

    def join(self, rows: Rows, met: Rows) -> None:
        """Which of the labels that were met each component has now."""
        for table in self._tables:
            table.group[rows] = np.array(table.of_scope, dtype=np.intp)[met]

    def compute(self, rows: Rows, at: Floats, now: Floats, out: Floats) -> None:
        """Note the values of ``now`` [signal, component] and fill in ``out``; NaN with fewer peers than asked for."""
        for table in self._tables:
            values = now[table.signals[0]]
            for n in table.signals:
                out[n] = np.nan
            measured = ~np.isnan(values) & (table.group[rows] >= 0)
            table.value[rows[measured]], table.at[rows[measured]] = values[measured], at[measured]
            groups = table.group[rows]
            for group in np.unique(groups[measured]):
                mine = np.flatnonzero(measured & (groups == group))
                members = np.flatnonzero(table.group == group)
                newest = at[mine].max()
                for n in table.signals:
                    window = self._signals[n].window
                    fleet = table.value[members[np.abs(table.at[members] - newest) <= window]]
                    near = mine[newest - at[mine] <= window]  # a report that comes days late has no peers of its time
                    out[n, near] = _compare(self._signals[n], values[near], fleet)


def _compare(signal: Signal, values: Floats, fleet: Floats) -> Floats:
    if signal.take == "count_of_peers":
        return np.full(len(values), float(len(fleet)))
    if len(fleet) < signal.min_peers:
        return np.full(len(values), np.nan)
    distance: Floats = values - np.median(fleet)
    if signal.take == "distance_from_peers":
        return distance
    spread = SCALED_MAD * float(np.median(np.abs(fleet - np.median(fleet))))
    return distance / spread if spread > 0 else np.full(len(values), np.nan)
