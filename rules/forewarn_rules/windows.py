"""The last days of many components, in bins: what a signal's window looks back on.

One ``Window`` serves every signal of one width and one bin, so that a round costs the same few array operations
whether one signal looks back or ten. Arrays are [metric, bin, component]; a bin's place is its number modulo the
number of bins, and bins that have left the window are emptied as time goes on.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_NEVER, _ALWAYS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def grown(array: npt.NDArray[Any], capacity: int, fill: float) -> npt.NDArray[Any]:
    """The array with room for more components on its last axis."""
    wider = np.full((*array.shape[:-1], capacity), fill, dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider


KEEPS = {
    "growth": ("low", "last", "time"),
    "min": ("low",),
    "max": ("high",),
    "mean": ("sum", "count"),
    "rate": ("low",),
    "slope": ("last", "time"),
    "days_since_increase": ("last", "time"),
    "usual": ("last", "time"),
    "distance_from_baseline": ("last", "time"),
    "hours_until": ("last", "time"),
    "crossing": ("last", "time"),
}
"""What each take of a signal needs of a bin; forecasts last, because they may reach for another signal."""

_EMPTY = {"low": np.inf, "high": -np.inf, "last": np.nan, "time": -np.inf, "sum": 0.0, "count": 0.0}


def _last(values: Floats, there: npt.NDArray[np.bool_], starts: Rows) -> tuple[Floats, Rows]:
    """The last value of each stretch that begins at ``starts``, and where it stands; NaN and -1 where there is none."""
    where = np.maximum.reduceat(np.where(there, np.arange(values.shape[1]), -1), starts, axis=1)
    found = np.take_along_axis(values, np.maximum(where, 0), axis=1)
    return np.where(where >= 0, found, np.nan), where


class Window:
    """Bins of ``width`` seconds that cover ``bins`` * ``width`` before now and the bin of now itself."""

    def __init__(self, metrics: int, width: float, bins: int, takes: Iterable[str]) -> None:
        self.width = width
        self.slots = bins + 1
        kept = sorted({name for take in takes for name in KEEPS[take]})
        self.bins: dict[str, Floats] = {name: np.full((metrics, self.slots, 0), _EMPTY[name]) for name in kept}
        self.carry = np.full((metrics, 0), np.nan)
        self.seen = np.zeros((metrics, 0), dtype=np.uint8)
        self.newest = np.full(0, _NEVER, dtype=np.int64)
        self._held = np.zeros(0, dtype=np.intp)
        self._lowest = np.full((metrics, 0), np.inf)
        self._lowest_bin = np.full((metrics, 0), _ALWAYS)

    def reserve(self, capacity: int) -> None:
        self.bins = {name: grown(array, capacity, _EMPTY[name]) for name, array in self.bins.items()}
        self.carry = grown(self.carry, capacity, np.nan)
        self.seen = grown(self.seen, capacity, 0)
        self.newest = grown(self.newest, capacity, _NEVER)
        self._lowest = grown(self._lowest, capacity, np.inf)
        self._lowest_bin = grown(self._lowest_bin, capacity, _ALWAYS)

    def forget(self, row: int) -> None:
        """Empty one component's bins."""
        for name, array in self.bins.items():
            array[..., row] = _EMPTY[name]
        self.carry[:, row] = np.nan
        self.seen[:, row] = 0
        self.newest[row] = _NEVER
        self._lowest[:, row] = np.inf
        self._lowest_bin[:, row] = _ALWAYS

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note values [metric, component]; NaN is nothing. What is older than the window is left out."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        self._advance(rows, bins)
        fits = self.newest[rows] - bins < self.slots
        if not fits.all():
            rows, at, bins, values = rows[fits], at[fits], bins[fits], values[:, fits]
        there = self._hold(values)
        values = values[self._held]
        where = self._where(rows, bins % self.slots)
        flat = {name: array.reshape(-1) for name, array in self.bins.items()}  # views, not copies
        if "low" in flat:
            flat["low"][where] = np.minimum(flat["low"].take(where), np.where(there, values, np.inf))
            self._note_lowest(rows, bins, values)
        if "high" in flat:
            flat["high"][where] = np.maximum(flat["high"].take(where), np.where(there, values, -np.inf))
        if "sum" in flat:
            flat["sum"][where] += np.where(there, values, 0.0)
            flat["count"][where] += there
        if "last" in flat:
            time = flat["time"].take(where)
            newer = there & (at >= time)
            flat["last"][where] = np.where(newer, values, flat["last"].take(where))
            flat["time"][where] = np.where(newer, at, time)
            mine = self._mine(rows)
            seen = self.seen.reshape(-1)
            before = seen.take(mine)
            if (before < 2).any():
                seen[mine] = np.minimum(before + there, 2)

    def _note_lowest(self, rows: Rows, bins: npt.NDArray[np.int64], values: Floats) -> None:
        """Keep the lowest of the window and the newest bin that holds it: most counters stand still, so that this bin
        is the one of now and the lowest need not be looked for again when another bin leaves."""
        mine = self._mine(rows)
        all_lowest, all_bins = self._lowest.reshape(-1), self._lowest_bin.reshape(-1)
        lowest, lowest_bin = all_lowest.take(mine), all_bins.take(mine)
        lower = values < lowest  # false where the value is unknown
        same = (values == lowest) & (bins > lowest_bin)
        if lower.any():
            all_lowest[mine] = np.where(lower, values, lowest)
        all_bins[mine] = np.where(lower | same, bins, lowest_bin)

    def _hold(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Which values are known, of the metrics that ever were: the bins of the others stay empty and untouched."""
        there = ~np.isnan(values)
        if len(self._held) < len(values):
            self._held = np.union1d(self._held, np.flatnonzero(there.any(axis=1)))
        return there[self._held]

    def _mine(self, rows: Rows) -> Rows:
        """Where each component lies in a flat array [held metric, component]."""
        where: Rows = self._held[:, np.newaxis] * len(self.newest) + rows
        return where

    def _where(self, rows: Rows, place: npt.NDArray[np.int64]) -> Rows:
        """Where the bin at ``place`` of each component lies in a flat array of bins [held metric, ...]."""
        where: Rows = (self._held * self.slots * len(self.newest)).reshape(-1, *[1] * place.ndim)
        return where + (place * len(self.newest) + rows)

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note one component's whole history at once, as ``insert`` would one by one: ``at`` ascending, ``values``
        [metric, time]. The component must be new here."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        there = ~np.isnan(values)
        self._hold(values)
        self.newest[row] = bins[-1]
        self._look_again(self._held, row)
        first = int(np.searchsorted(bins, bins[-1] - self.slots + 1))
        if "last" in self.bins:
            self.seen[:, row] = np.minimum(there.sum(axis=1), 2)
            if first:
                self.carry[:, row] = _last(values[:, :first], there[:, :first], np.zeros(1, dtype=np.intp))[0][:, 0]
        at, values, there, bins = at[first:], values[:, first:], there[:, first:], bins[first:]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        summaries = {
            "low": lambda: np.minimum.reduceat(np.where(there, values, np.inf), starts, axis=1),
            "high": lambda: np.maximum.reduceat(np.where(there, values, -np.inf), starts, axis=1),
            "sum": lambda: np.add.reduceat(np.where(there, values, 0.0), starts, axis=1),
            "count": lambda: np.add.reduceat(there, starts, axis=1, dtype=np.float64),
        }
        place = bins[starts] % self.slots
        for name in summaries.keys() & self.bins.keys():
            self.bins[name][:, place, row] = summaries[name]()
        if "last" in self.bins:
            last, newest = _last(values, there, starts)
            self.bins["last"][:, place, row] = last
            self.bins["time"][:, place, row] = np.where(newest >= 0, at[newest], -np.inf)

    def _advance(self, rows: Rows, bins: npt.NDArray[np.int64]) -> None:
        """Move on to the bins of now: empty those that leave, and remember the last value that left."""
        newest = self.newest[rows]
        moved = np.where(newest == _NEVER, 0, bins - np.where(newest == _NEVER, bins, newest))
        if (moved > 0).any():
            one, far = np.flatnonzero(moved == 1), np.flatnonzero(moved > 1)
            if one.size:
                self._leave(rows[one], (newest[one] + 1) % self.slots)
            if far.size:
                self._leave_many(rows[far], newest[far], bins[far])
        self.newest[rows] = np.maximum(newest, bins)

    def _leave(self, rows: Rows, place: npt.NDArray[np.int64]) -> None:
        where = self._where(rows, place)
        if "last" in self.bins:
            left = self.bins["last"].reshape(-1).take(where)
            mine, carry = self._mine(rows), self.carry.reshape(-1)
            gone = np.isnan(left)
            carry[mine] = np.where(gone, carry.take(mine), left) if gone.any() else left
        for name, array in self.bins.items():
            array.reshape(-1)[where] = _EMPTY[name]

    def _leave_many(self, rows: Rows, newest: npt.NDArray[np.int64], bins: npt.NDArray[np.int64]) -> None:
        place = np.arange(self.slots)[:, np.newaxis]
        held = newest - (newest - place) % self.slots  # the number of the bin that lies in each place
        leaves = held <= bins - self.slots
        if "last" in self.bins:
            last = self.bins["last"].take(rows, axis=2)
            number = np.where(leaves & ~np.isnan(last), held, _NEVER)
            latest = number.argmax(axis=1)[:, np.newaxis]
            found = np.take_along_axis(number, latest, axis=1)[:, 0] != _NEVER
            left = np.take_along_axis(last, latest, axis=1)[:, 0]
            self.carry[:, rows] = np.where(found, left, self.carry[:, rows])
        for name, array in self.bins.items():
            array[:, :, rows] = np.where(leaves, _EMPTY[name], array.take(rows, axis=2))

    def raise_to(self, metric: int, row: int, value: float) -> None:
        """Take what lies in the window as if it had never been below ``value``."""
        for name in {"low", "high", "last"} & self.bins.keys():
            mine = self.bins[name][metric, :, row]
            self.bins[name][metric, :, row] = np.where(np.isfinite(mine), np.maximum(mine, value), mine)
        self.carry[metric, row] = np.maximum(self.carry[metric, row], value)
        self._look_again(np.intersect1d(self._held, metric), row)

    def lowest(self, rows: Rows) -> Floats:
        """Infinite where the window holds nothing."""
        left = (self._lowest_bin.reshape(-1).take(self._mine(rows)) <= self.newest[rows] - self.slots).any(axis=0)
        if left.any():
            self._look_for_lowest(rows[left])
        return self._lowest.take(rows, axis=1)

    def _look_again(self, metrics: Rows, row: int) -> None:
        """The bins were written without a note of the lowest: nothing is below it until it is looked for."""
        self._lowest[metrics, row] = -np.inf
        self._lowest_bin[metrics, row] = _NEVER

    def _look_for_lowest(self, rows: Rows) -> None:
        low = self.bins["low"].reshape(-1).take(self._where(rows, np.arange(self.slots)[:, np.newaxis]))
        lowest = low.min(axis=1)
        holds = low == lowest[:, np.newaxis]
        newest = np.where(holds, self._numbers(rows), _NEVER).max(axis=1)
        mine = self._held[:, np.newaxis], rows
        self._lowest[mine] = lowest
        self._lowest_bin[mine] = np.where(np.isinf(lowest), _ALWAYS, newest)

    def highest(self, rows: Rows) -> Floats:
        high: Floats = np.maximum.reduce(self.bins["high"].take(rows, axis=2), axis=1)
        return high

    def mean(self, rows: Rows) -> Floats:
        counts = self.bins["count"].take(rows, axis=2).sum(axis=1)
        mean: Floats = self.bins["sum"].take(rows, axis=2).sum(axis=1) / np.where(counts > 0, counts, np.nan)
        return mean

    def means(self, rows: Rows) -> tuple[Floats, Floats]:
        """When each bin begins [bin, component], and its means [metric, bin, component]; NaN where it is empty."""
        counts = self.bins["count"].take(rows, axis=2)
        means: Floats = self.bins["sum"].take(rows, axis=2) / np.where(counts > 0, counts, np.nan)
        begins: Floats = self._numbers(rows).astype(np.float64) * self.width
        return begins, means

    def oldest(self, rows: Rows) -> Floats:
        """When the first bin that ``mean`` holds a value of begins; NaN where none does."""
        begins, means = self.means(rows)
        oldest: Floats = np.fmin.reduce(np.where(np.isnan(means).all(axis=0), np.nan, begins), axis=0)
        return oldest

    def beginning(self, rows: Rows) -> Floats:
        """When the first bin that holds a value begins (its own time zero); NaN where none does."""
        held = self.bins["low"].take(rows, axis=2) < np.inf
        first = np.where(held, self._numbers(rows), np.iinfo(np.int64).max).min(axis=1)
        return np.where(held.any(axis=1), first * self.width, np.nan)

    def last_increase(self, metric: int, rows: Rows) -> Floats:
        """When the last bin ended higher than the bin before it, as the time of its last value.

        -inf where none did within the window; NaN until a second value has been seen. A bin without a value is passed
        over, and the first one is compared with the last value before the window.
        """
        order = np.argsort(self._numbers(rows), axis=0)
        times, values = (np.take_along_axis(found, order, axis=0) for found in self.points(metric, rows))
        before = self.carry[metric, rows]
        when = np.full(len(rows), -np.inf)
        for time, value in zip(times, values, strict=True):
            when = np.where(value > before, time, when)
            before = np.where(np.isnan(value), before, value)
        return np.where(self.seen[metric, rows] >= 2, when, np.nan)

    def _numbers(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The number of the bin that lies in each place [bin, component]."""
        newest = self.newest[rows]
        numbers: npt.NDArray[np.int64] = newest - (newest - np.arange(self.slots)[:, np.newaxis]) % self.slots
        return numbers

    def points(self, metric: int, rows: Rows) -> tuple[Floats, Floats]:
        """Times and values of each bin's last value [bin, component]; NaN where the bin is empty."""
        return self.bins["time"][metric].take(rows, axis=1), self.bins["last"][metric].take(rows, axis=1)

    def floor(self, rows: Rows) -> Floats:
        """What growth counts from: the lowest of the window and, where its first bin is empty, the last value before.

        A machine that was off for longer than the window is thus compared with how it was left. NaN until a second
        value has been seen.
        """
        low = self.bins["low"].reshape(-1)
        lowest = self.lowest(rows)[self._held]
        mine = self._mine(rows)
        empty = low.take(self._where(rows, (self.newest[rows] + 1) % self.slots)) == np.inf
        if empty.any():
            carry = self.carry.reshape(-1).take(mine)
            lowest = np.fmin(lowest, np.where(empty, carry, np.inf))
        lowest[self.seen.reshape(-1).take(mine) < 2] = np.nan
        floor = np.full((len(self.carry), len(rows)), np.nan)
        floor[self._held] = lowest
        return floor
