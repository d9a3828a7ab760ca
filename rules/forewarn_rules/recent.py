"""Values that stay valid for a while: a signal with ``within`` has the last one where none was just measured."""

from collections.abc import Sequence

import numpy as np

from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Floats, Rows, grown


class Recent:
    """Last values and their times [metric, component]. There is room for them where a signal asks."""

    def __init__(self, signals: Sequence[Signal], metric_of: Rows, metrics: int) -> None:
        """``metric_of[n]``: the place of signal n's metric among so many ``metrics``."""
        self._asking = [(n, int(metric_of[n]), signal.within) for n, signal in enumerate(signals) if signal.within > 0]
        self._value: Floats = np.full((metrics if self._asking else 0, 0), np.nan)
        self._at: Floats = np.full(self._value.shape, -np.inf)

    def reserve(self, capacity: int) -> None:
        self._value = grown(self._value, capacity, np.nan)
        self._at = grown(self._at, capacity, -np.inf)

    def forget(self, row: int) -> None:
        self._value[:, row] = np.nan
        self._at[:, row] = -np.inf

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        if not self._asking:
            return
        newer = ~np.isnan(values) & (at >= self._at[:, rows])
        self._value[:, rows] = np.where(newer, values, self._value[:, rows])
        self._at[:, rows] = np.where(newer, at, self._at[:, rows])

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """``at`` ascending, ``values`` [metric, time], of a component that is new here."""
        if not self._asking:
            return
        there = ~np.isnan(values)
        measured = np.flatnonzero(there.any(axis=1))
        newest = values.shape[1] - 1 - np.argmax(there[measured, ::-1], axis=1)
        self._value[measured, row] = values[measured, newest]
        self._at[measured, row] = at[newest]

    def fill(self, rows: Rows, at: Floats, now: Floats) -> None:
        """Put last values into the signals [signal, component] that are unknown and may have them."""
        for n, metric, within in self._asking:
            fresh = at - self._at[metric, rows] <= within
            now[n] = np.where(np.isnan(now[n]) & fresh, self._value[metric, rows], now[n])
