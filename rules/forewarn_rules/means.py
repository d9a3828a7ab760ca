"""The last days of quantities that always come together, as means in bins: they share one count.

A bin's place is its number modulo the number of bins, as in ``windows.py``; a bin that has left the window is emptied
when the component is heard again.
"""

import numpy as np
import numpy.typing as npt

from forewarn_rules.tracks import ALWAYS, NEVER, Floats, Rows, grown, numbers_of

Numbers = npt.NDArray[np.int64]


class Means:
    """Bins of ``width`` seconds that cover ``bins`` * ``width`` before now and the bin of now itself.

    Sums are kept in half as many bytes, which is true to a millionth of the mean: far less than any sensor is.
    """

    def __init__(self, quantities: int, width: float, bins: int) -> None:
        self.width = width
        self.slots = bins + 1
        self._sums = np.zeros((quantities, self.slots, 0), dtype=np.float32)
        self._counts = np.zeros((self.slots, 0), dtype=np.float32)
        self._newest = np.full(0, NEVER, dtype=np.int64)
        self._oldest = np.full(0, ALWAYS, dtype=np.int64)

    def reserve(self, capacity: int) -> None:
        self._sums = grown(self._sums, capacity, 0.0)
        self._counts = grown(self._counts, capacity, 0.0)
        self._newest = grown(self._newest, capacity, NEVER)
        self._oldest = grown(self._oldest, capacity, ALWAYS)

    def forget(self, row: int) -> None:
        self._sums[:, :, row] = 0.0
        self._counts[:, row] = 0.0
        self._newest[row] = NEVER
        self._oldest[row] = ALWAYS

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note values [quantity, component], all of them known. What is older than the window is left out."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        moves = np.flatnonzero(bins > self._newest[rows])
        if moves.size:
            self._advance(rows[moves], bins[moves])
        fits = self._newest[rows] - bins < self.slots
        if not fits.all():
            rows, bins, values = rows[fits], bins[fits], values[:, fits]
        places = bins % self.slots
        self._sums[:, places, rows] += values
        self._counts[places, rows] += 1
        self._oldest[rows] = np.minimum(self._oldest[rows], bins)

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note the history of a component that is new here: ``at`` ascending, ``values`` [quantity, time]."""
        bins = np.floor_divide(at, self.width).astype(np.int64)
        self._newest[row] = bins[-1]
        first = int(np.searchsorted(bins, bins[-1] - self.slots + 1))
        bins, values = bins[first:], values[:, first:]
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        places = bins[starts] % self.slots
        self._sums[:, places, row] = np.add.reduceat(values, starts, axis=1)
        self._counts[places, row] = np.diff(starts, append=len(bins))
        self._oldest[row] = bins[0]

    def of(self, rows: Rows) -> tuple[Floats, Floats]:
        """When each bin begins [bin, component], and its means [quantity, bin, component]; NaN where it is empty."""
        counts = self._counts.take(rows, axis=1).astype(np.float64)
        means: Floats = self._sums.take(rows, axis=2) / np.where(counts > 0, counts, np.nan)
        return self._begins(rows), means

    def of_the_last(self, seconds: float, rows: Rows, at: Floats) -> tuple[Floats, Floats]:
        """As ``of``, of the bins alone that the time up to ``at`` touches."""
        back = np.arange(int(np.ceil(seconds / self.width)) + 1)[:, np.newaxis]
        numbers = np.floor_divide(at, self.width).astype(np.int64) - back
        newest = self._newest[rows]
        held = (numbers <= newest) & (numbers > newest - self.slots)
        places = numbers % self.slots
        counts = np.where(held, self._counts[places, rows], 0.0).astype(np.float64)
        means: Floats = self._sums[:, places, rows] / np.where(counts > 0, counts, np.nan)
        return numbers.astype(np.float64) * self.width, means

    def oldest(self, rows: Rows) -> Floats:
        """When the first bin that holds a value begins; NaN where none does."""
        oldest = self._oldest[rows]
        return np.where(oldest == ALWAYS, np.nan, oldest * self.width)

    def _begins(self, rows: Rows) -> Floats:
        begins: Floats = numbers_of(self._newest[rows], self.slots).astype(np.float64) * self.width
        return begins

    def _advance(self, rows: Rows, bins: Numbers) -> None:
        """Move on to the bins of now, and empty those that leave."""
        held = numbers_of(self._newest[rows], self.slots)
        leaves = held <= bins - self.slots
        self._sums[:, :, rows] = np.where(leaves, 0.0, self._sums.take(rows, axis=2))
        self._counts[:, rows] = np.where(leaves, 0.0, self._counts.take(rows, axis=1))
        self._newest[rows] = bins
        self._oldest[rows] = np.where(self._counts.take(rows, axis=1) > 0, held, ALWAYS).min(axis=0)
