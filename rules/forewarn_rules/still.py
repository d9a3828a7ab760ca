"""A window for counters: most of them never move, and one that never did needs no bins of its own.

Of what a component reported with the same value every time, that value is kept, and of the component when it reported.
Only when a metric moves, or is missing in a report that others of the window are in, is it given a track, and its bins
are filled as if it had had one from the beginning.
"""

import numpy as np
import numpy.typing as npt

from forewarn_rules.tracks import NO_TRACK, Floats, Rows, grown
from forewarn_rules.windows import Window

EMPTY_BIN = -np.inf


class StillWindow(Window):
    """A window of growth: it answers ``floor`` as any other, and has no other answer.

    ``_still`` [metric, component] is NaN where nothing was reported or a track has it; ``_times`` [bin, component] are
    those of the component's last reports in each bin, ``_moving`` says of which components anything has a track.
    """

    def __init__(self, metrics: int, width: float, bins: int) -> None:
        super().__init__(metrics, width, bins, ["growth"])
        self._still = np.full((metrics, 0), np.nan)
        self._times = np.full((self.slots, 0), EMPTY_BIN, dtype=np.float32)
        self._moving = np.zeros(0, dtype=np.bool_)
        self._reports = np.zeros(0, dtype=np.uint8)

    def reserve(self, capacity: int) -> None:
        super().reserve(capacity)
        self._still = grown(self._still, capacity, np.nan)
        self._times = grown(self._times, capacity, EMPTY_BIN)
        self._moving = grown(self._moving, capacity, False)
        self._reports = grown(self._reports, capacity, 0)

    def forget(self, row: int) -> None:
        super().forget(row)
        self._still[:, row] = np.nan
        self._times[:, row] = EMPTY_BIN
        self._reports[row] = 0

    def _note(self, rows: Rows, at: Floats, bins: npt.NDArray[np.int64], values: Floats) -> None:
        there = ~np.isnan(values)
        told = there.any(axis=0)
        if not told.all():
            rows, at, bins, values, there = rows[told], at[told], bins[told], values[:, told], there[:, told]
        reports = self._reports.take(rows)
        new = np.flatnonzero(reports == 0)
        if new.size:
            free = self.track.take(rows[new], axis=1) == NO_TRACK
            self._still[:, rows[new]] = np.where(free, values.take(new, axis=1), np.nan)
        still = self._still.take(rows, axis=1)
        moves = (still != values) & ~np.isnan(still)
        if moves.any():
            self._move(rows, moves)
            still[moves] = np.nan
        moving = there & np.isnan(still)
        columns = np.flatnonzero(moving.any(axis=0))
        if columns.size:
            mine = rows[columns]
            self._moving[mine] = True
            super()._note(mine, at[columns], bins[columns], np.where(moving, values, np.nan).take(columns, axis=1))
        where = (bins % self.slots) * len(self.newest) + rows
        times = self._times.reshape(-1)  # a view
        times[where] = np.maximum(times.take(where), self._since(at, bins))
        if new.size or (reports < 2).any():
            self._reports[rows] = np.minimum(reports + 1, 2)

    def _move(self, rows: Rows, moves: npt.NDArray[np.bool_]) -> None:
        """Give these [metric, component] a track with what it would hold by now."""
        self._hold(rows, moves)
        metrics, columns = np.nonzero(moves)
        mine = rows[columns]
        tracks, still, times = self.track[metrics, mine], self._still[metrics, mine], self._times.take(mine, axis=1)
        there = times > EMPTY_BIN
        self.bins["low"][:, tracks] = np.where(there, still, np.inf)
        self.bins["last"][:, tracks] = np.where(there, still, np.nan)
        self.bins["time"][:, tracks] = times
        self.carry[tracks] = still  # which says nothing new while the window holds it too
        self.seen[tracks] = self._reports[mine]
        self._look_again(tracks)
        self._still[metrics, mine] = np.nan
        self._moving[mine] = True

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        bins = np.floor_divide(at, self.width).astype(np.int64)
        told: npt.NDArray[np.bool_] = np.asarray((~np.isnan(values)).any(axis=0))
        reported = values.compress(told, axis=1)
        same = (self.track[:, row] == NO_TRACK) & (reported == reported[:, :1]).all(axis=1) & told.any()
        self._still[same, row] = reported[same, :1].ravel()
        if not np.isnan(values[~same]).all():
            self._moving[row] = True
            super().fold(row, at, np.where(same[:, np.newaxis], np.nan, values))
        self.newest[row] = bins[-1]
        self._times[:, row] = EMPTY_BIN
        self._reports[row] = min(int(told.sum()), 2)
        first = int(np.searchsorted(bins, bins[-1] - self.slots + 1))
        told[:first] = False
        at, bins = at[told], bins[told]
        last = np.flatnonzero(np.diff(bins, append=bins[-1:] + 1))
        self._times[bins[last] % self.slots, row] = self._since(at, bins)[last]

    def _leave(self, rows: Rows, place: npt.NDArray[np.int64]) -> None:
        self._times[place, rows] = EMPTY_BIN
        moving = self._moving.take(rows)
        if moving.any():
            super()._leave(rows[moving], place[moving])

    def _leave_many(self, rows: Rows, newest: npt.NDArray[np.int64], bins: npt.NDArray[np.int64]) -> None:
        leaves = self._numbers(rows) <= bins - self.slots
        self._times[:, rows] = np.where(leaves, EMPTY_BIN, self._times.take(rows, axis=1))
        moving = self._moving.take(rows)
        if moving.any():
            super()._leave_many(rows[moving], newest[moving], bins[moving])

    def raise_to(self, metric: int, row: int, value: float) -> None:
        self._still[metric, row] = np.maximum(self._still[metric, row], value)  # NaN stays
        super().raise_to(metric, row, value)

    def floor(self, rows: Rows) -> Floats:
        floor = self._still.take(rows, axis=1)
        floor[:, self._reports.take(rows) < 2] = np.nan
        moving = np.flatnonzero(self._moving.take(rows))
        if moving.size:
            floor[:, moving] = np.fmax(floor[:, moving], super().floor(rows[moving]))
        return floor
