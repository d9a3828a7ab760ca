"""How far a value is from what others let expect: a processor's temperature at the same load and in the same room.

In its first ``window`` each component's own line is learned, from the means of its bins: value = start + slopes *
explaining quantities. It is never learned again. From then on the residual is the median, over the bins of the last
day, of how far their means are from the line. Heat takes minutes to follow load, so only reports count in which no
explaining quantity has moved much since the report before.

What is far from everything that was seen while learning is not compared: nobody knows the line there.
"""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_rules.durations import write_duration
from forewarn_rules.means import Means
from forewarn_rules.robust_line import robust_line
from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Rows, grown, roomy
from forewarn_rules.trend import DAY, median
from forewarn_rules.unsaved import Unsaved

Floats = npt.NDArray[np.float64]

RESIDUAL, SPREADS, GROWTH, LEARNED_AT = "residual", "residual_spreads", "residual_growth", "residual_learned_at"
TAKES = (RESIDUAL, SPREADS, GROWTH, LEARNED_AT)
STEADY_WITHIN = 3600.0
"""Seconds. Of what was between two reports farther apart nobody knows whether it was steady."""


class LearnedLine(msgspec.Struct):
    """``since`` is when learning began, ``at`` its middle (Unix seconds, device time); ``line`` is [start, spread,
    slopes...] and ``low`` and ``high`` the bounds of the explaining quantities, all empty while learning lasts."""

    since: float
    at: float | None = None
    line: list[float] = []
    low: list[float] = []
    high: list[float] = []


class Residuals:
    """State of every signal that is explained by others."""

    def __init__(self, signals: Sequence[Signal], place: Mapping[str, int], unsaved: Unsaved) -> None:
        self._unsaved = unsaved
        found: dict[str, _Explained] = {}
        for n, signal in enumerate(signals):
            if signal.take in TAKES:
                found.setdefault(_name(signal), _Explained(signal, place)).signals[n] = signal
        self._explained = found
        self._awake: list[_Explained] = []

    def awaken(self, signals: Container[int]) -> None:
        self._awake = [one for one in self._explained.values() if any(n in signals for n in one.signals)]

    def reserve(self, capacity: int) -> None:
        for one in self._explained.values():
            one.slot_of = grown(one.slot_of, capacity, -1)

    def forget(self, row: int) -> None:
        for one in self._explained.values():
            one.forget(row)

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note an observation [metric, component]; it counts where everything was measured and steady."""
        for one in self._explained.values():
            one.insert(rows, at, values[one.metrics])

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note one component's history at once: ``at`` ascending, ``values`` [metric, time]."""
        for one in self._explained.values():
            one.fold(row, at, values[one.metrics])

    def compute(self, rows: Rows, at: Floats, values: Floats, out: Floats) -> None:
        """Fill in ``out`` [signal, component] after ``insert``; unknown where anything is not in the report."""
        for one in self._awake:
            out[list(one.signals)] = np.nan
            there = np.flatnonzero((one.slot_of[rows] >= 0) & ~np.isnan(values[one.metrics]).any(axis=0))
            if there.size:
                slots = one.slot_of[rows[there]]
                self._unsaved.mark(rows[there[one.learn(slots, at[there])]])
                learned = one.has_learned(slots)
                if learned.any():
                    there = there[learned]
                    look = one.look(slots[learned], at[there])
                    for n, signal in one.signals.items():
                        out[n, there] = one.take(signal, look)

    def learning(self, n: int, row: int) -> bool:
        """Whether the line of the n-th signal is still learned for a component."""
        one = next(one for one in self._explained.values() if n in one.signals)
        kept = one.kept(row)
        return kept is None or kept.at is None

    def kept(self, row: int) -> dict[str, LearnedLine]:
        """What a restart must know, by a name that says how it is learned."""
        found = {name: one.kept(row) for name, one in self._explained.items()}
        return {name: line for name, line in found.items() if line is not None}

    def restore(self, row: int, kept: Mapping[str, LearnedLine]) -> None:
        for name, one in self._explained.items():
            if name in kept:
                one.restore(row, kept[name])


class _Explained:
    """One quantity with what explains it, of all components that report it all.

    Few components of a kind do (of all sensors the processors' alone), so they have slots of their own. ``line`` is
    [start, spread, slopes... | slot], NaN while it is learned.
    """

    def __init__(self, signal: Signal, place: Mapping[str, int]) -> None:
        self.signals: dict[int, Signal] = {}
        self.metrics = np.array([place[metric] for metric in (signal.metric, *signal.explained_by)], dtype=np.intp)
        self.slot_of = np.full(0, -1, dtype=np.intp)
        self._signal = signal
        self._free: list[int] = []
        self._used = 0
        count = len(signal.explained_by)
        self._means = Means(1 + count, signal.bin, signal.bins)
        self._line = np.full((2 + count, 0), np.nan)
        self._low, self._high, self._last = np.full((3, count, 0), np.nan)
        self._since, self._learned_at, self._last_at = np.full((3, 0), np.nan)

    def forget(self, row: int) -> None:
        slot = int(self.slot_of[row])
        if slot < 0:
            return
        self._means.forget(slot)
        for array in (self._line, self._low, self._high, self._last, self._since, self._learned_at, self._last_at):
            array[..., slot] = np.nan
        self.slot_of[row] = -1
        self._free.append(slot)

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        there = np.flatnonzero(~np.isnan(values).any(axis=0))
        if not there.size:
            return
        slots, at, values = self._slots(rows[there]), at[there], values[:, there]
        since_last = at - self._last_at[slots]
        moved = np.abs(values[1:] - self._last[:, slots]).max(axis=0)
        steady = (since_last > 0) & (since_last <= STEADY_WITHIN) & (moved <= self._signal.steady)
        late = since_last <= 0  # what was before it is gone: it cannot be told whether it was steady
        self._last[:, slots[~late]], self._last_at[slots[~late]] = values[1:, ~late], at[~late]
        if steady.any():
            self._means.insert(slots[steady], at[steady], values[:, steady])

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        there = np.flatnonzero(~np.isnan(values).any(axis=0))
        if not there.size:
            return
        slot = int(self._slots(np.array([row]))[0])
        at, values = at[there], values[:, there]
        moved = np.abs(np.diff(values[1:], axis=1)).max(axis=0)
        steady = 1 + np.flatnonzero((np.diff(at) <= STEADY_WITHIN) & (moved <= self._signal.steady))
        self._last[:, slot], self._last_at[slot] = values[1:, -1], at[-1]
        if steady.size:
            self._means.fold(slot, at[steady], values[:, steady])

    def learn(self, slots: Rows, at: Floats) -> Rows:
        """Learn the lines whose time has come; with too few bins (it was off, or away) learning begins anew. Return the
        places of those of ``slots`` of which anything else is known than before."""
        learning = np.flatnonzero(np.isnan(self._line[0, slots]))
        if not learning.size:
            return learning
        slots, at = slots[learning], at[learning]
        before = self._since[slots]
        self._since[slots] = np.fmin(self._since[slots], np.fmin(at, self._means.oldest(slots)))
        over = np.flatnonzero(at - self._since[slots] >= self._signal.window)
        for n in over.tolist():
            slot = slots[n]
            begins, means = self._means.of(slots[n : n + 1])
            held = ~np.isnan(means[0, :, 0])
            if held.sum() < max(self._signal.min_points, len(means) + 1):
                self._since[slot] = at[n]
                continue
            points = means[:, held, 0]
            start, slopes, spread = robust_line(points[1:], points[0])
            self._line[:, slot] = [start, spread, *slopes]
            self._low[:, slot], self._high[:, slot] = points[1:].min(axis=1), points[1:].max(axis=1)
            self._learned_at[slot] = float(np.median(begins[held, 0]))
        new = self._since[slots] != before
        new[over] = True
        changed: Rows = learning[new]
        return changed

    def has_learned(self, slots: Rows) -> npt.NDArray[np.bool_]:
        """Whether anything can be said of them; while learning lasts every signal is unknown."""
        learned: npt.NDArray[np.bool_] = ~np.isnan(self._line[0, slots])
        return learned

    def take(self, signal: Signal, look: "_Look") -> Floats:
        if signal.take == LEARNED_AT:
            found: Floats = self._learned_at[look.slots]
            return found
        if signal.take == GROWTH:
            return look.now - self._of_the_day(look.slots, look.at - signal.lately)
        if signal.take == SPREADS:
            spread = self._line[1, look.slots]
            return np.where(spread > 0, look.now / np.where(spread > 0, spread, 1.0), np.nan)
        return look.now

    def look(self, slots: Rows, at: Floats) -> "_Look":
        return _Look(slots, at, self._of_the_day(slots, at))

    def _of_the_day(self, slots: Rows, at: Floats) -> Floats:
        """How far the means of the day up to ``at`` are from the line: the median over its bins."""
        begins, means = self._means.of_the_last(DAY, slots, at)
        line, low, high = self._line[:, slots], self._low[:, slots], self._high[:, slots]
        wide = high - low
        for n in range(len(low)):  # not compared where nobody knows the line
            strange = (means[1 + n] < low[n] - wide[n]) | (means[1 + n] > high[n] + wide[n])
            means[0, strange] = np.nan
        expected = line[0] + (line[2:, np.newaxis] * means[1:]).sum(axis=0)
        of_the_day = (begins <= at) & (begins + self._signal.bin > at - DAY)
        return median(np.where(of_the_day, means[0] - expected, np.nan).T)

    def kept(self, row: int) -> LearnedLine | None:
        slot = self.slot_of[row]
        if slot < 0 or np.isnan(self._since[slot]):
            return None
        if np.isnan(self._line[0, slot]):
            return LearnedLine(float(self._since[slot]))
        line, low, high = (array[:, slot].tolist() for array in (self._line, self._low, self._high))
        return LearnedLine(float(self._since[slot]), float(self._learned_at[slot]), line, low, high)

    def restore(self, row: int, kept: LearnedLine) -> None:
        slot = int(self._slots(np.array([row]))[0])
        self._since[slot] = kept.since
        if kept.at is not None:
            self._learned_at[slot] = kept.at
            self._line[:, slot], self._low[:, slot], self._high[:, slot] = kept.line, kept.low, kept.high

    def _slots(self, rows: Rows) -> Rows:
        for row in rows[self.slot_of[rows] < 0].tolist():
            if not self._free:
                self._grow()
            self.slot_of[row] = self._free.pop()
        found: Rows = self.slot_of[rows]
        return found

    def _grow(self) -> None:
        before, after = len(self._since), roomy(len(self._since))
        self._means.reserve(after)
        self._line, self._low, self._high, self._last = (
            grown(array, after, np.nan) for array in (self._line, self._low, self._high, self._last)
        )
        self._since, self._learned_at, self._last_at = (
            grown(array, after, np.nan) for array in (self._since, self._learned_at, self._last_at)
        )
        self._free += range(before, after)


class _Look(NamedTuple):
    """Some components, and how far the last day of each is from its line."""

    slots: Rows
    at: Floats
    now: Floats


def _name(signal: Signal) -> str:
    by = " ".join((signal.metric, *signal.explained_by))
    learned = f"{write_duration(signal.window)} {write_duration(signal.bin)} {signal.min_points}"
    return f"{by} {learned} {signal.steady:g}"
