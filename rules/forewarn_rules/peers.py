"""How far a component is from its like in the fleet: the newest value of each (or how much it grew), by labels that
they share.

The fleet's values are not saved: after a restart each comes back with its component's next observation, and until
enough of them are there nothing is known. A component is one of its own peers.
"""

from collections.abc import Container, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.model import Labels
from forewarn_rules.robust_line import SCALED_MAD
from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Rows, grown

Floats = npt.NDArray[np.float64]

FROM_PEERS = ("distance_from_peers", "spreads_from_peers")
TAKES = (*FROM_PEERS, "count_of_peers")

NONE = -1
"""The group of a component that has no peers."""


class _Table:
    """The newest value of one metric (or of another signal, ``of``) of every component, and which group the component
    belongs to."""

    def __init__(self, by: tuple[str, ...], of: str) -> None:
        self.by = by
        self.of = int(of[1:]) if of else None
        self.signals: list[int] = []
        self.value = np.full(0, np.nan)
        self.at = np.full(0, -np.inf)
        self.group = np.full(0, NONE, dtype=np.intp)
        self.numbers: dict[tuple[str | float | None, ...], int] = {}


class Peers:
    """State of every signal that compares a component with its peers."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        self._signals = list(signals)
        found: dict[tuple[str, float, str, tuple[str, ...]], _Table] = {}
        for n, signal in enumerate(self._signals):
            if signal.take in TAKES:
                what = (signal.metric, signal.within, signal.of, signal.peers)
                found.setdefault(what, _Table(signal.peers, signal.of)).signals.append(n)
        self._tables = list(found.values())
        self._awake: list[_Table] = []

    def reserve(self, capacity: int) -> None:
        for table in self._tables:
            table.value = grown(table.value, capacity, np.nan)
            table.at = grown(table.at, capacity, -np.inf)
            table.group = grown(table.group, capacity, NONE)

    def forget(self, row: int) -> None:
        for table in self._tables:
            table.value[row], table.at[row], table.group[row] = np.nan, -np.inf, NONE

    def awaken(self, signals: Container[int]) -> None:
        """Compare for these signals from now on, and for no others: labels are not looked up for rules that sleep."""
        self._awake = [table for table in self._tables if any(n in signals for n in table.signals)]

    def join(self, rows: Rows, labels: Sequence[Labels]) -> None:
        """Which group each component belongs to; one that lacks a label that is asked for has no peers."""
        for table in self._awake if len(rows) else ():
            known = [tuple([mine.get(label) for label in table.by]) for mine in labels]
            for new in set(known) - table.numbers.keys():
                table.numbers[new] = NONE if None in new else len(table.numbers)
            table.group[rows] = list(map(table.numbers.__getitem__, known))

    def compute(self, rows: Rows, at: Floats, now: Floats, out: Floats) -> None:
        """Note the values of ``now`` [signal, component], or what ``out`` has of other signals, and fill in ``out``.

        NaN with fewer peers than asked for.
        """
        for table in self._awake:
            values = now[table.signals[0]] if table.of is None else out[table.of].copy()
            for n in table.signals:
                out[n] = np.nan
            measured = ~np.isnan(values) & (table.group[rows] != NONE)
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
