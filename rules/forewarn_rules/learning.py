"""What is usual for a component: the median of the time in which it was first seen.

Learning takes one window. It begins with the oldest value that is known when the component is first judged, and when
the window is over, the median of its points is kept for good; with too few points (it was off, or away) it begins anew.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_rules.durations import write_duration
from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Rows, grown
from forewarn_rules.trend import median
from forewarn_rules.unsaved import Unsaved
from forewarn_rules.windows import Window

Floats = npt.NDArray[np.float64]

LEARNED = ("usual", "distance_from_baseline")
"""Takes that ask for what is usual."""


class Learned(msgspec.Struct):
    """``since`` is when learning began (Unix seconds, device time), ``usual`` its result; None while it lasts."""

    since: float
    usual: float | None


class Learning:
    """State of every signal that asks for the usual [signal, component]."""

    def __init__(self, signals: Sequence[Signal], unsaved: Unsaved) -> None:
        self._signals = list(signals)
        self._unsaved = unsaved
        self._names = [_name(signal) for signal in signals]
        self.since = np.full((len(self._signals), 0), np.nan)
        self.usual = np.full((len(self._signals), 0), np.nan)

    def reserve(self, capacity: int) -> None:
        self.since = grown(self.since, capacity, np.nan)
        self.usual = grown(self.usual, capacity, np.nan)

    def forget(self, row: int) -> None:
        self.since[:, row] = self.usual[:, row] = np.nan

    def usual_of(self, signal: Signal, window: Window, place: int, rows: Rows, at: Floats) -> Floats:
        """What is usual; NaN while it is learned. Every component here was measured ``at``."""
        mine = self._signals.index(signal)
        since, usual = self.since[mine, rows], self.usual[mine, rows]
        learning = np.flatnonzero(np.isnan(usual))
        if learning.size:
            times, values = window.points(place, rows[learning])
            oldest = np.where(np.isnan(values), np.inf, times).min(axis=0)
            began = np.where(np.isnan(since[learning]), oldest, since[learning])
            over = at[learning] - began >= signal.window
            plenty = (~np.isnan(values)).sum(axis=0) >= signal.min_points
            usual[learning] = np.where(over & plenty, median(values.T), np.nan)
            before = since[learning]
            since[learning] = np.where(over & ~plenty, at[learning], began)
            self.since[mine, rows], self.usual[mine, rows] = since, usual
            new = (since[learning] != before) | ~np.isnan(usual[learning])
            self._unsaved.mark(rows[learning[new]])
        found: Floats = usual
        return found

    def kept(self, row: int) -> dict[str, Learned]:
        """What a restart must know, by a name that says how it is learned."""
        return {
            name: Learned(float(since), None if np.isnan(usual) else float(usual))
            for name, since, usual in zip(self._names, self.since[:, row], self.usual[:, row], strict=False)
            if not np.isnan(since)
        }

    def restore(self, row: int, kept: Mapping[str, Learned]) -> None:
        for n, name in enumerate(self._names):
            if name in kept:
                self.since[n, row] = kept[name].since
                self.usual[n, row] = np.nan if (usual := kept[name].usual) is None else usual


def _name(signal: Signal) -> str:
    return f"{signal.metric} {write_duration(signal.window)} {write_duration(signal.bin)} {signal.min_points}"
