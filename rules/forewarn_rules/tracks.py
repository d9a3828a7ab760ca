"""What windows keep of many components: bins in tracks.

What a component reported of a metric lies in a track of its own, and of what it never reported it has none: most parts
report few of the metrics that rules ask of their kind, and there are many parts.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Numbers = npt.NDArray[np.int32]
"""Of tracks."""

NEVER, ALWAYS = np.iinfo(np.int64).min, np.iinfo(np.int64).max
NO_TRACK = 0
"""The track of everything that was never reported; it stays empty."""


def grown(array: npt.NDArray[Any], capacity: int, fill: float) -> npt.NDArray[Any]:
    """The array with room for more components on its last axis."""
    wider = np.full((*array.shape[:-1], capacity), fill, dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider


def roomy(needed: int) -> int:
    """Room for an eighth more than is needed: to grow costs a copy, and what is not used costs memory all the time."""
    return max(16, needed + needed // 8)


def numbers_of(newest: npt.NDArray[np.int64], slots: int) -> npt.NDArray[np.int64]:
    """The number of the bin that lies in each place [bin, component], where ``newest`` is the last: a bin lies at its
    number modulo the number of ``slots``."""
    numbers: npt.NDArray[np.int64] = newest - (newest - np.arange(slots)[:, np.newaxis]) % slots
    return numbers


EMPTY = {"low": np.inf, "high": -np.inf, "last": np.nan, "time": -np.inf, "sum": 0.0, "count": 0.0}
_HALF = ("time", "sum", "count")
"""What half as many bytes hold: the time counts from the beginning of its bin, and of a sum only the mean is asked, of
which a millionth is nothing."""


class Tracks:
    """Arrays of bins are [bin, track]; ``track`` [metric, component] says where a component's bins are."""

    def __init__(self, metrics: int, slots: int, kept: Iterable[str]) -> None:
        self.slots = slots
        self.bins: dict[str, Floats] = {
            name: np.full((slots, 1), EMPTY[name], np.float32 if name in _HALF else np.float64) for name in kept
        }
        self.newest = np.full(0, NEVER, dtype=np.int64)
        self.track = np.full((metrics, 0), NO_TRACK, dtype=np.int32)
        self._tracks = 1
        self._held = np.zeros(0, dtype=np.intp)
        self.carry = np.full(1, np.nan)
        self.seen = np.zeros(1, dtype=np.uint8)
        self._lowest = np.full(1, np.inf)
        self._lowest_bin = np.full(1, ALWAYS)

    def reserve(self, capacity: int) -> None:
        self.newest = grown(self.newest, capacity, NEVER)
        self.track = grown(self.track, capacity, NO_TRACK)

    def _reserve_tracks(self, capacity: int) -> None:
        for name in self.bins:  # one after the other: the old ones are let go of before there are all new ones
            self.bins[name] = grown(self.bins[name], capacity, EMPTY[name])
        self.carry = grown(self.carry, capacity, np.nan)
        self.seen = grown(self.seen, capacity, 0)
        self._lowest = grown(self._lowest, capacity, np.inf)
        self._lowest_bin = grown(self._lowest_bin, capacity, ALWAYS)

    def forget(self, row: int) -> None:
        """Empty one component's bins."""
        mine = self.track[:, row]
        for name, array in self.bins.items():
            array[:, mine] = EMPTY[name]
        self.carry[mine] = np.nan
        self.seen[mine] = 0
        self.newest[row] = NEVER
        self._lowest[mine] = np.inf
        self._lowest_bin[mine] = ALWAYS

    def _hold(self, rows: Rows, there: npt.NDArray[np.bool_]) -> None:
        """Give a track to each [metric, component] that is reported for the first time."""
        new = there & (self.track.take(rows, axis=1) == NO_TRACK)
        if not new.any():
            return
        metrics, columns = np.nonzero(new)
        first, self._tracks = self._tracks, self._tracks + len(metrics)
        if self._tracks > len(self.carry):
            self._reserve_tracks(roomy(self._tracks))
        self.track[metrics, rows[columns]] = np.arange(first, self._tracks)
        self._held = np.union1d(self._held, metrics)

    def _mine(self, rows: Rows) -> Numbers:
        """The tracks of components [metric that was ever reported, component]."""
        where: Rows = self._held[:, np.newaxis] * len(self.newest) + rows
        return self.track.reshape(-1).take(where)

    def _where(self, mine: Numbers, place: npt.NDArray[np.int64]) -> Rows:
        """Where the bin at ``place`` of each component lies in a flat array of bins, for its tracks."""
        where: Rows = place * len(self.carry) + mine
        return where

    def of(self, name: str, tracks: Numbers) -> Floats:
        """What the bins of some tracks keep: [metric, bin, component] for tracks [metric, component]."""
        return np.moveaxis(self.bins[name].take(tracks, axis=1), 0, -2)
