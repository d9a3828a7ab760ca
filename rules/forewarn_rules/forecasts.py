"""Where trends lead: the signals of take hours_until and crossing.

They cost by far the most of all signals, so the judge makes them only where a verdict hangs on them. Of the others it
notes from which value they start, and whoever asks for such a signal has it made then.
"""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from forewarn_rules.looking_back import FORECASTS, Shape, shape_of
from forewarn_rules.rule import Signal
from forewarn_rules.tracks import Floats, Rows, grown
from forewarn_rules.trend import crossing, hours_until
from forewarn_rules.windows import Window


class History(TypedDict):
    """How much of it a trend needs."""

    min_span: float
    min_points: int
    bin_width: float


def history_of(signal: Signal) -> History:
    return {"min_span": signal.min_span, "min_points": signal.min_points, "bin_width": signal.bin}


class _Forecast(NamedTuple):
    """Its row among the signals, and where its window keeps its metric."""

    column: int
    signal: Signal
    window: Window
    place: int


class Forecasts:
    """Every forecast of the signals of one kind, in one order. ``start`` is what each begins from: its metric's newest
    value [forecast, component], NaN where that was not measured."""

    def __init__(
        self, signals: Sequence[Signal], metric_of: Rows, windows: Mapping[Shape, tuple[Window, Rows]]
    ) -> None:
        """``metric_of``: the row of each signal's metric."""
        self._forecasts = []
        for column, signal in enumerate(signals):
            if signal.take in FORECASTS:
                window, metrics = windows[shape_of(signal)]
                place = int(np.searchsorted(metrics, metric_of[column]))
                self._forecasts.append(_Forecast(column, signal, window, place))
        self._columns = np.array([one.column for one in self._forecasts], dtype=np.intp)
        self._start = np.full((len(self._forecasts), 0), np.nan)
        self.awake = False

    def awaken(self, awake: Container[int]) -> None:
        self.awake = any(column in awake for column in self._columns.tolist())

    def reserve(self, capacity: int) -> None:
        self._start = grown(self._start, capacity, np.nan)

    def forget(self, row: int) -> None:
        self._start[:, row] = np.nan

    def take_out(self, signals: Floats) -> Floats:
        """Leave them unknown in the signals [signal, component], and return the start, which stood there."""
        start: Floats = signals[self._columns]
        signals[self._columns] = np.nan
        return start

    def note(self, rows: Rows, start: Floats) -> None:
        """Keep the start for those who ask later."""
        for n, values in enumerate(start):
            self._start[n][rows] = values

    def noted(self, rows: Rows) -> Floats:
        return self._start[:, rows]

    def make(self, rows: Rows, start: Floats, signals: Floats) -> None:
        """Put them into the other signals [signal, component]."""
        for (column, signal, window, place), now in zip(self._forecasts, start, strict=True):
            there = np.flatnonzero(~np.isnan(now))
            if there.size:
                times, values = window.points(place, rows[there])
                reach = signals[int(signal.reach[1:]), there] if isinstance(signal.reach, str) else signal.reach
                signals[column, there] = _made(signal, times, values, now[there], np.broadcast_to(reach, there.shape))


def _made(signal: Signal, times: Floats, values: Floats, now: Floats, reach: Floats) -> Floats:
    history = history_of(signal)
    if signal.take == "crossing":
        return crossing(times, values, now, reach, horizon=signal.horizon, up=signal.up, **history)
    return hours_until(times, values, now, reach, up=signal.up, window=signal.window, share=signal.quantile, **history)
