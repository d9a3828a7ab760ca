"""Counters that grow on several components of one device in the same minutes: one cause, and none of them is to blame.

A growth is noted at the time of the report that shows it. Reports come at intervals, so what grew together is told by
reports that lie close together, not by when it grew.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Rows, grown

Floats = npt.NDArray[np.float64]

TAKE = "grew_together"

Growth = tuple[float, int]
"""When a component (its row) was seen to have grown."""


def most_together(growths: Iterable[Growth], apart: float) -> int:
    """The most different components that grew within ``apart`` seconds of each other. Pure."""
    ordered = sorted(growths)
    first, most = 0, 0
    for last, (at, _) in enumerate(ordered):
        while at - ordered[first][0] > apart:
            first += 1
        most = max(most, len({row for _, row in ordered[first : last + 1]}))
    return most


class Siblings:
    """State of every signal that looks at the other components of its device."""

    def __init__(self, signals: Sequence[Signal], place: Mapping[str, int]) -> None:
        self._signals = {n: signal for n, signal in enumerate(signals) if signal.take == TAKE}
        self._counters = {
            metric: _Counter(place[metric], [s.window + s.apart for s in self._signals.values() if s.metric == metric])
            for metric in {signal.metric for signal in self._signals.values()}
        }
        self._awake: list[int] = []
        self._devices: dict[int, str] = {}

    def awaken(self, signals: Container[int]) -> None:
        self._awake = [n for n in self._signals if n in signals]

    def join(self, row: int, device: str) -> None:
        """A component is met for the first time."""
        if self._signals:
            self._devices[row] = device

    def reserve(self, capacity: int) -> None:
        for counter in self._counters.values():
            counter.last = grown(counter.last, capacity, np.nan)
            counter.last_at = grown(counter.last_at, capacity, -np.inf)

    def forget(self, row: int) -> None:
        device = self._devices.pop(row, "")
        for counter in self._counters.values():
            counter.last[row], counter.last_at[row] = np.nan, -np.inf
            if device in counter.growths:
                counter.growths[device] = [growth for growth in counter.growths[device] if growth[1] != row]

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note values [metric, component]; what comes late and what is unknown shows no growth."""
        for counter in self._counters.values():
            mine = values[counter.place]
            newer = ~np.isnan(mine)
            if not newer.any():
                continue
            newer &= at > counter.last_at[rows]
            for n in np.flatnonzero(newer & (mine > counter.last[rows])).tolist():
                counter.note(self._devices[int(rows[n])], (float(at[n]), int(rows[n])))
            counter.last[rows[newer]], counter.last_at[rows[newer]] = mine[newer], at[newer]

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note one component's history at once: ``at`` ascending, ``values`` [metric, time]."""
        for counter in self._counters.values():
            there = np.flatnonzero(~np.isnan(values[counter.place]))
            times, mine = at[there], values[counter.place, there]
            for n in (1 + np.flatnonzero(np.diff(mine) > 0)).tolist():
                counter.note(self._devices[row], (float(times[n]), row))
            if there.size:
                counter.last[row], counter.last_at[row] = mine[-1], times[-1]

    def compute(self, rows: Rows, at: Floats, out: Floats) -> None:
        """Fill in ``out`` [signal, component]: how many were seen to grow together is never unknown."""
        for n in self._awake:
            signal = self._signals[n]
            growths = self._counters[signal.metric].growths
            out[n] = 0.0
            for place, row in enumerate(rows.tolist() if growths else ()):
                if mine := growths.get(self._devices[row]):
                    recent = [one for one in mine if at[place] - signal.window < one[0] <= at[place]]
                    out[n, place] = most_together(recent, signal.apart)


class _Counter:
    """One metric of all components: the newest value of each, and what grew lately by device."""

    def __init__(self, place: int, windows: Iterable[float]) -> None:
        self.place = place
        self.last = np.full(0, np.nan)
        self.last_at = np.full(0, -np.inf)
        self.growths: dict[str, list[Growth]] = {}
        self._longest = max(windows)

    def note(self, device: str, growth: Growth) -> None:
        at, row = growth
        known = self.growths.get(device, ())
        # Each forgets its own: another one's clock may be far ahead.
        kept = [one for one in known if one[1] != row or at - one[0] <= self._longest]
        self.growths[device] = [*kept, growth]
