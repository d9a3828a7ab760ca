"""The first value of each counter that some rule counts from: growth since we know the component."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Floats, Rows, grown
from forewarn_rules.unsaved import Unsaved


class FirstValues:
    """First values [metric, component]; NaN where nothing was measured. There is room for them where a signal asks."""

    def __init__(self, signals: Sequence[Signal], metric_of: Rows, metrics: Sequence[str], unsaved: Unsaved) -> None:
        """``metric_of[n]``: the place of signal n's metric in ``metrics``."""
        asking = [n for n, signal in enumerate(signals) if signal.take == "growth_since_baseline"]
        self._columns: Rows = np.array(asking, dtype=np.intp)
        self._metric_of: Rows = metric_of[self._columns]
        self._metrics = list(metrics)
        self._asked: npt.NDArray[np.bool_] = np.isin(np.arange(len(metrics)), self._metric_of)[:, np.newaxis]
        self.counted = frozenset(metrics[place] for place in self._metric_of)
        self._unsaved = unsaved
        self._value: Floats = np.full((len(metrics) if asking else 0, 0), np.nan)

    def reserve(self, capacity: int) -> None:
        self._value = grown(self._value, capacity, np.nan)

    def forget(self, row: int) -> None:
        self._value[:, row] = np.nan

    def insert(self, rows: Rows, values: Floats) -> None:
        if not self._columns.size:
            return
        known = self._value[:, rows]
        first = np.isnan(known) & self._asked & ~np.isnan(values)
        if first.any():
            self._value[:, rows] = np.where(first, values, known)
            self._unsaved.mark(rows[first.any(axis=0)])

    def fold(self, row: int, values: Floats) -> None:
        """``values`` [metric, time], oldest first, of a component that is new here."""
        if not self._columns.size:
            return
        there = ~np.isnan(values)
        measured = np.flatnonzero(there.any(axis=1))
        oldest = values[measured, np.argmax(there[measured], axis=1)]
        known = self._value[measured, row]
        self._value[measured, row] = np.where(np.isnan(known) & self._asked[measured, 0], oldest, known)

    def compute(self, rows: Rows, out: Floats) -> None:
        """Take the first values off the signals [signal, component] that grow from them."""
        if self._columns.size:
            out[self._columns] -= self._value[self._metric_of][:, rows]

    def of(self, row: int) -> dict[str, float]:
        """By metric."""
        kept = zip(self._metrics, self._value[:, row], strict=False)  # no rows where no rule asks
        return {metric: float(value) for metric, value in kept if not np.isnan(value)}

    def put(self, row: int, values: Mapping[str, float]) -> None:
        """By metric; what is not given stays."""
        for n, metric in enumerate(self._metrics[: len(self._value)]):
            self._value[n, row] = values.get(metric, self._value[n, row])
