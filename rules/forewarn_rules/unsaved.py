"""Which components have to be saved: something changed that a restart would not find in the history."""

import numpy as np
import numpy.typing as npt

from forewarn_rules.tracks import Rows, grown


class Unsaved:
    """Marks of all components of one kind. Nearly all are at rest, and to ask each what there is to save would cost
    more at every report than to judge it."""

    def __init__(self) -> None:
        self._changed: npt.NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._saved: npt.NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)

    def reserve(self, capacity: int) -> None:
        self._changed = grown(self._changed, capacity, False)
        self._saved = grown(self._saved, capacity, False)

    def mark(self, rows: Rows) -> None:
        self._changed[rows] = True

    def mark_saved(self, rows: Rows) -> None:
        """Those of these of which anything is saved."""
        self._changed[rows] |= self._saved[rows]

    def among(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of these have changed since they were saved."""
        return self._changed[rows]

    def is_saved(self, row: int) -> bool:
        return bool(self._saved[row])

    def note(self, row: int, saved: bool) -> None:
        """A component was saved as it is now; ``saved``: whether there was anything to save."""
        self._changed[row] = False
        self._saved[row] = saved

    def forget(self, row: int) -> None:
        self.note(row, False)
