"""The last days of many components, in bins: what a signal's window looks back on.

One ``Window`` serves every signal of one width and one bin, so that a round costs the same few array operations
whether one signal looks back or ten. A bin's place in its track (``tracks.py``) is its number modulo the number of
bins, and bins that have left the window are emptied as time goes on.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from forewarn_rules.tracks import ALWAYS, EMPTY, NEVER, NO_TRACK, Floats, Numbers, Rows, Tracks, numbers_of

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
"""What each take of a signal needs of a bin."""


def _last(values: Floats, there: npt.NDArray[np.bool_], starts: Rows) -> tuple[Floats, Rows]:
    """The last value of each stretch that begins at ``starts``, and where it stands; NaN and -1 where there is none."""
    where = np.maximum.reduceat(np.where(there, np.arange(values.shape[1]), -1), starts, axis=1)
    found = np.take_along_axis(values, np.maximum(where, 0), axis=1)
    return np.where(where >= 0, found, np.nan), where


class Window(Tracks):
    """Bins of ``width`` seconds that cover ``bins`` * ``width`` before now and the bin of now itself."""

    def __init__(self, metrics: int, width: float, bins: int, takes: Iterable[str]) -> None:
        self.width = width
        super().__init__(metrics, bins + 1, {name for take in takes for name in KEEPS[take]})

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note values [metric, component]; NaN is nothing. What is older than the window is left out."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        self._advance(rows, bins)
        fits = self.newest[rows] - bins < self.slots
        if not fits.all():
            rows, at, bins, values = rows[fits], at[fits], bins[fits], values[:, fits]
        self._note(rows, at, bins, values)

    def _note(self, rows: Rows, at: Floats, bins: npt.NDArray[np.int64], values: Floats) -> None:
        """Note values in their bins, all of them in the window."""
        there = ~np.isnan(values)
        self._hold(rows, there)
        there, values = there[self._held], values[self._held]
        mine = self._mine(rows)
        where = self._where(mine, bins % self.slots)
        flat = {name: array.reshape(-1) for name, array in self.bins.items()}  # views, not copies
        if "low" in flat:
            flat["low"][where] = np.minimum(flat["low"].take(where), np.where(there, values, np.inf))
            self._note_lowest(mine, bins, values)
        if "high" in flat:
            flat["high"][where] = np.maximum(flat["high"].take(where), np.where(there, values, -np.inf))
        if "sum" in flat:
            flat["sum"][where] += np.where(there, values, 0.0)
            flat["count"][where] += there
        if "last" in flat:
            time, since = flat["time"].take(where), self._since(at, bins)
            newer = there & (since >= time)
            flat["last"][where] = np.where(newer, values, flat["last"].take(where))
            flat["time"][where] = np.where(newer, since, time)
            before = self.seen.take(mine)
            if (before < 2).any():
                self.seen[mine] = np.minimum(before + there, 2)

    def _note_lowest(self, mine: Numbers, bins: npt.NDArray[np.int64], values: Floats) -> None:
        """Keep the lowest of the window and the newest bin that holds it: most counters stand still, so that this bin
        is the one of now and the lowest need not be looked for again when another bin leaves."""
        lowest, lowest_bin = self._lowest.take(mine), self._lowest_bin.take(mine)
        lower = values < lowest  # false where the value is unknown
        same = (values == lowest) & (bins > lowest_bin)
        if lower.any():
            self._lowest[mine] = np.where(lower, values, lowest)
        self._lowest_bin[mine] = np.where(lower | same, bins, lowest_bin)

    def _since(self, at: Floats, bins: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Seconds since the beginning of the bin: within a bin of days true to some hundredths of a second."""
        return (at - bins * self.width).astype(np.float32)

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note one component's whole history at once, as ``insert`` would one by one: ``at`` ascending, ``values``
        [metric, time]. The component must be new here."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        there = ~np.isnan(values)
        reported = np.asarray(there.any(axis=1))
        self._hold(np.array([row]), reported[:, np.newaxis])
        self.newest[row] = bins[-1]
        values, there, mine = values[reported], there[reported], self.track[reported, row]
        self._look_again(mine)
        first = int(np.searchsorted(bins, bins[-1] - self.slots + 1))
        if "last" in self.bins:
            self.seen[mine] = np.minimum(there.sum(axis=1), 2)
            if first:
                self.carry[mine] = _last(values[:, :first], there[:, :first], np.zeros(1, dtype=np.intp))[0][:, 0]
        at, values, there, bins = at[first:], values[:, first:], there[:, first:], bins[first:]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        summaries = {
            "low": lambda: np.minimum.reduceat(np.where(there, values, np.inf), starts, axis=1),
            "high": lambda: np.maximum.reduceat(np.where(there, values, -np.inf), starts, axis=1),
            "sum": lambda: np.add.reduceat(np.where(there, values, 0.0), starts, axis=1),
            "count": lambda: np.add.reduceat(there, starts, axis=1, dtype=np.float64),
        }
        where = np.ix_(bins[starts] % self.slots, mine)
        for name in summaries.keys() & self.bins.keys():
            self.bins[name][where] = summaries[name]().T
        if "last" in self.bins:
            last, newest = _last(values, there, starts)
            self.bins["last"][where] = last.T
            self.bins["time"][where] = np.where(newest >= 0, self._since(at, bins)[newest], -np.inf).T

    def _advance(self, rows: Rows, bins: npt.NDArray[np.int64]) -> None:
        """Move on to the bins of now: empty those that leave, and remember the last value that left."""
        newest = self.newest[rows]
        moved = np.where(newest == NEVER, 0, bins - np.where(newest == NEVER, bins, newest))
        if (moved > 0).any():
            one, far = np.flatnonzero(moved == 1), np.flatnonzero(moved > 1)
            if one.size:
                self._leave(rows[one], (newest[one] + 1) % self.slots)
            if far.size:
                self._leave_many(rows[far], newest[far], bins[far])
        self.newest[rows] = np.maximum(newest, bins)

    def _leave(self, rows: Rows, place: npt.NDArray[np.int64]) -> None:
        mine = self._mine(rows)
        where = self._where(mine, place)
        if "last" in self.bins:
            left = self.bins["last"].reshape(-1).take(where)
            gone = np.isnan(left)
            self.carry[mine] = np.where(gone, self.carry.take(mine), left) if gone.any() else left
        for name, array in self.bins.items():
            array.reshape(-1)[where] = EMPTY[name]

    def _leave_many(self, rows: Rows, newest: npt.NDArray[np.int64], bins: npt.NDArray[np.int64]) -> None:
        place = np.arange(self.slots)[:, np.newaxis]
        held = newest - (newest - place) % self.slots  # the number of the bin that lies in each place
        leaves = held <= bins - self.slots
        mine = self._mine(rows)
        if "last" in self.bins:
            last = self.of("last", mine)
            number = np.where(leaves & ~np.isnan(last), held, NEVER)
            latest = number.argmax(axis=1)[:, np.newaxis]
            found = np.take_along_axis(number, latest, axis=1)[:, 0] != NEVER
            left = np.take_along_axis(last, latest, axis=1)[:, 0]
            self.carry[mine] = np.where(found, left, self.carry[mine])
        where = self._where(mine[:, np.newaxis], place)[np.broadcast_to(leaves, (len(mine), *leaves.shape))]
        for name, array in self.bins.items():
            array.reshape(-1)[where] = EMPTY[name]

    def raise_to(self, metric: int, row: int, value: float) -> None:
        """Take what lies in the window as if it had never been below ``value``."""
        mine = self.track[[metric], row]
        for name in {"low", "high", "last"} & self.bins.keys():
            kept = self.bins[name][:, mine]
            self.bins[name][:, mine] = np.where(np.isfinite(kept), np.maximum(kept, value), kept)
        self.carry[mine] = np.maximum(self.carry[mine], value)
        self._look_again(mine[mine != NO_TRACK])

    def lowest(self, rows: Rows) -> Floats:
        """Infinite where the window holds nothing."""
        left = (self._lowest_bin.take(self._mine(rows)) <= self.newest[rows] - self.slots).any(axis=0)
        if left.any():
            self._look_for_lowest(rows[left])
        return self._lowest.take(self.track.take(rows, axis=1))

    def _look_again(self, tracks: Numbers) -> None:
        """The bins were written without a note of the lowest: nothing is below it until it is looked for."""
        self._lowest[tracks] = -np.inf
        self._lowest_bin[tracks] = NEVER

    def _look_for_lowest(self, rows: Rows) -> None:
        mine = self._mine(rows)
        low = self.of("low", mine)
        lowest = low.min(axis=1)
        holds = low == lowest[:, np.newaxis]
        newest = np.where(holds, self._numbers(rows), NEVER).max(axis=1)
        self._lowest[mine] = lowest
        self._lowest_bin[mine] = np.where(np.isinf(lowest), ALWAYS, newest)

    def highest(self, rows: Rows) -> Floats:
        high: Floats = np.maximum.reduce(self.bins["high"].take(self.track.take(rows, axis=1), axis=1), axis=0)
        return high

    def mean(self, rows: Rows) -> Floats:
        tracks = self.track.take(rows, axis=1)
        counts = self.of("count", tracks).sum(axis=1)
        mean: Floats = self.of("sum", tracks).sum(axis=1, dtype=np.float64) / np.where(counts > 0, counts, np.nan)
        return mean

    def beginning(self, rows: Rows) -> Floats:
        """When the first bin that holds a value begins (its own time zero); NaN where none does."""
        held = self.of("low", self.track.take(rows, axis=1)) < np.inf
        first = np.where(held, self._numbers(rows), np.iinfo(np.int64).max).min(axis=1)
        return np.where(held.any(axis=1), first * self.width, np.nan)

    def last_increase(self, metric: int, rows: Rows) -> Floats:
        """When the last bin ended higher than the bin before it, as the time of its last value.

        -inf where none did within the window; NaN until a second value has been seen. A bin without a value is passed
        over, and the first one is compared with the last value before the window.
        """
        order = np.argsort(self._numbers(rows), axis=0)
        times, values = (np.take_along_axis(found, order, axis=0) for found in self.points(metric, rows))
        mine = self.track[metric].take(rows)
        before = self.carry[mine]
        when = np.full(len(rows), -np.inf)
        for time, value in zip(times, values, strict=True):
            when = np.where(value > before, time, when)
            before = np.where(np.isnan(value), before, value)
        return np.where(self.seen[mine] >= 2, when, np.nan)

    def _numbers(self, rows: Rows) -> npt.NDArray[np.int64]:
        """The number of the bin that lies in each place [bin, component]."""
        return numbers_of(self.newest[rows], self.slots)

    def points(self, metric: int, rows: Rows) -> tuple[Floats, Floats]:
        """Times and values of each bin's last value [bin, component]; NaN where the bin is empty."""
        mine = self.track[metric].take(rows)
        times = self._numbers(rows) * self.width + self.bins["time"].take(mine, axis=1)
        return times, self.bins["last"].take(mine, axis=1)

    def floor(self, rows: Rows) -> Floats:
        """What growth counts from: the lowest of the window and, where its first bin is empty, the last value before.

        A machine that was off for longer than the window is thus compared with how it was left. NaN until a second
        value has been seen.
        """
        floor = self.lowest(rows)
        tracks = self.track.take(rows, axis=1)
        first = self._where(tracks, (self.newest[rows] + 1) % self.slots)
        empty = self.bins["low"].reshape(-1).take(first) == np.inf
        if empty.any():
            floor = np.fmin(floor, np.where(empty, self.carry.take(tracks), np.inf))
        floor[self.seen.take(tracks) < 2] = np.nan
        return floor
