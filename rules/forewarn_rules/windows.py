"""The last days of many components, in bins: what a signal's window looks back on.

One ``Window`` serves every signal of one width and one bin, so that a round costs the same few array operations
whether one signal looks back or ten. Arrays are [metric, bin, component]; a bin's place is its number modulo the
number of bins, and bins that have left the window are emptied as time goes on.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_NEVER = np.iinfo(np.int64).min


def grown(array: npt.NDArray[Any], capacity: int, fill: float) -> npt.NDArray[Any]:
    """The array with room for more components on its last axis."""
    wider = np.full((*array.shape[:-1], capacity), fill, dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider


class Window:
    """Bins of ``width`` seconds that cover ``bins`` * ``width`` before now and the bin of now itself."""

    def __init__(self, metrics: int, width: float, bins: int, *, sums: bool = False) -> None:
        self.width = width
        self.slots = bins + 1
        shape = (metrics, self.slots, 0)
        self.low = np.full(shape, np.nan)
        self.high = np.full(shape, np.nan)
        self.last = np.full(shape, np.nan)
        self.time = np.full(shape, -np.inf)
        self.sums = np.zeros(shape if sums else (metrics, 0, 0))
        self.counts = np.zeros(shape if sums else (metrics, 0, 0))
        self.carry = np.full((metrics, 0), np.nan)
        self.seen = np.zeros((metrics, 0), dtype=np.uint8)
        self.newest = np.full(0, _NEVER, dtype=np.int64)

    def reserve(self, capacity: int) -> None:
        for name, fill in (("low", np.nan), ("high", np.nan), ("last", np.nan), ("time", -np.inf), ("sums", 0.0),
                           ("counts", 0.0), ("carry", np.nan), ("seen", 0), ("newest", _NEVER)):  # fmt: skip
            setattr(self, name, grown(getattr(self, name), capacity, fill))

    def forget(self, row: int) -> None:
        """Empty one component's bins."""
        self.low[..., row] = self.high[..., row] = self.last[..., row] = np.nan
        self.time[..., row] = -np.inf
        self.sums[..., row] = self.counts[..., row] = 0.0
        self.carry[:, row] = np.nan
        self.seen[:, row] = 0
        self.newest[row] = _NEVER

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note values [metric, component]; NaN is nothing. What is older than the window is left out."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        self._advance(rows, bins)
        fits = self.newest[rows] - bins < self.slots
        if not fits.all():
            rows, at, bins, values = rows[fits], at[fits], bins[fits], values[:, fits]
        place = bins % self.slots
        there = ~np.isnan(values)
        self.low[:, place, rows] = np.fmin(self.low[:, place, rows], values)
        self.high[:, place, rows] = np.fmax(self.high[:, place, rows], values)
        newer = there & (at >= self.time[:, place, rows])
        self.last[:, place, rows] = np.where(newer, values, self.last[:, place, rows])
        self.time[:, place, rows] = np.where(newer, at, self.time[:, place, rows])
        if self.sums.size:
            self.sums[:, place, rows] += np.where(there, values, 0.0)
            self.counts[:, place, rows] += there
        self.seen[:, rows] = np.minimum(self.seen[:, rows] + there, 2)

    def _advance(self, rows: Rows, bins: npt.NDArray[np.int64]) -> None:
        """Move on to the bins of now: empty those that leave, and remember the last value that left."""
        newest = self.newest[rows]
        started = newest != _NEVER
        steps = np.where(started, bins - np.where(started, newest, 0), 0)
        for step in range(1, min(int(steps.max(initial=0)), self.slots) + 1):
            moving = steps >= step
            those = rows[moving]
            place = (newest[moving] + step) % self.slots
            left = self.last[:, place, those]
            self.carry[:, those] = np.where(np.isnan(left), self.carry[:, those], left)
            for array in (self.low, self.high, self.last):
                array[:, place, those] = np.nan
            self.time[:, place, those] = -np.inf
            if self.sums.size:
                self.sums[:, place, those] = 0.0
                self.counts[:, place, those] = 0.0
        self.newest[rows] = np.where(started, np.maximum(newest, bins), bins)

    def lowest(self, rows: Rows) -> Floats:
        low: Floats = np.fmin.reduce(self.low[:, :, rows], axis=1)
        return low

    def highest(self, rows: Rows) -> Floats:
        high: Floats = np.fmax.reduce(self.high[:, :, rows], axis=1)
        return high

    def mean(self, rows: Rows) -> Floats:
        counts = self.counts[:, :, rows].sum(axis=1)
        mean: Floats = self.sums[:, :, rows].sum(axis=1) / np.where(counts > 0, counts, np.nan)
        return mean

    def floor(self, rows: Rows) -> Floats:
        """What growth counts from: the lowest of the window and, where its first bin is empty, the last value before.

        A machine that was off for longer than the window is thus compared with how it was left. NaN until a second
        value has been seen.
        """
        first = (self.newest[rows] + 1) % self.slots
        before = np.where(np.isnan(self.low[:, first, rows]), self.carry[:, rows], np.nan)
        floor: Floats = np.where(self.seen[:, rows] >= 2, np.fmin(self.lowest(rows), before), np.nan)
        return floor
