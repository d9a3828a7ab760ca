"""The signals of all rules of one component kind, computed together: metrics in, one row per signal out."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from forewarn_rules import residual
from forewarn_rules.accepted import COUNTED, Acceptance, Accepted
from forewarn_rules.durations import write_duration
from forewarn_rules.first_values import FirstValues
from forewarn_rules.forecasts import Forecasts, history_of
from forewarn_rules.learning import LEARNED, Learning
from forewarn_rules.looking_back import FORECASTS, OVER_WINDOW, shape_of, windows_of
from forewarn_rules.model_signals import TAKES, model_columns, with_features
from forewarn_rules.peers import Peers
from forewarn_rules.recent import Recent
from forewarn_rules.residual import Residuals
from forewarn_rules.rule import Rule, Signal
from forewarn_rules.siblings import Siblings
from forewarn_rules.trend import DAY, slope_per_day
from forewarn_rules.unsaved import Unsaved
from forewarn_rules.windows import Window

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_SUMMARIES = ("growth", "min", "max", "mean")
"""Takes that a window gives for all its metrics at once; the others are computed signal by signal."""


class Signals:
    """State and computation of every distinct signal of some rules.

    Two rules that take the same signal share its row: ``columns[rule id][signal name]`` says which. A signal is
    unknown (NaN) where its metric is neither in the observation nor, with ``within``, recent enough.

    ``met`` says which metrics any component ever reported. A rule sleeps while none of its metrics was: its signals are
    unknown everywhere, and nothing is computed for it until ``awaken``.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.columns: dict[str, dict[str, int]] = {}
        distinct: dict[Signal, int] = {}
        for rule in rules:
            mine: dict[str, int] = {}
            named = with_features(rule.signals).items()
            for name, signal in sorted(named, key=lambda item: isinstance(item[1].reach, str) or bool(item[1].of)):
                # The row of the other signal instead of its name, so that equal signals of two rules are equal.
                if isinstance(signal.reach, str):
                    signal = replace(signal, reach=f"#{mine[signal.reach]}")
                if signal.of:
                    signal = replace(signal, of=f"#{mine[signal.of]}")
                mine[name] = distinct.setdefault(signal, len(distinct))
            self.columns[rule.id] = mine
        self.awake = np.zeros(0, dtype=np.intp)
        self.signals = list(distinct)
        self._models = model_columns(distinct)
        read = (metric for s in self.signals if s.take not in TAKES for metric in (s.metric, *s.explained_by))
        self.metrics = list(dict.fromkeys(read))
        place = {metric: n for n, metric in enumerate(self.metrics)}
        self.unsaved = Unsaved()
        self.residuals = Residuals(self.signals, place, self.unsaved)
        self.siblings = Siblings(self.signals, place)
        place |= dict.fromkeys((signal.metric for signal in self.signals if signal.take in TAKES), 0)  # overwritten
        self._metric_of = np.array([place[signal.metric] for signal in self.signals], dtype=np.intp)
        self._windows = windows_of(self.signals, place)
        self.forecasts = Forecasts(self.signals, self._metric_of, self._windows)
        self.met = np.zeros(len(self.metrics), dtype=np.bool_)
        self._served: list[_Served] = []
        self.recent = Recent(self.signals, self._metric_of, len(self.metrics))
        self.first_values = FirstValues(self.signals, self._metric_of, self.metrics, self.unsaved)
        self._above = [n for n, signal in enumerate(self.signals) if signal.take == "above_accepted"]
        self.accepted = Accepted(self.metrics, [signal.metric for signal in self.signals if signal.take in COUNTED])
        self.learning = Learning([signal for signal in self.signals if signal.take in LEARNED], self.unsaved)
        self.peers = Peers(self.signals)
        self._kept: tuple[_Kept, ...] = (
            self.unsaved, self.recent, self.first_values, self.learning, self.accepted, self.peers, self.residuals,
            self.siblings, self.forecasts, *(window for window, _ in self._windows.values()),
        )  # fmt: skip

    def asks_for_met(self, rule: Rule) -> bool:
        """Whether any metric of the rule was ever reported."""
        return bool(self.met[self._metric_of[list(self.columns[rule.id].values())]].any())

    def meet(self, rule: Rule) -> None:
        """The rule's metrics were reported before a restart."""
        self.met[self._metric_of[list(self.columns[rule.id].values())]] = True

    def awaken(self, rules: Iterable[str]) -> None:
        """Compute the signals of these rules (ids) from now on, and no others."""
        awake = {n for rule in rules for n in self.columns[rule].values()}
        self.awake = np.array(sorted(awake), dtype=np.intp)
        self._served = list(self._serve(awake))
        self.peers.awaken(awake)
        self.residuals.awaken(awake)
        self.siblings.awaken(awake)
        self.forecasts.awaken(awake)

    def reserve(self, capacity: int) -> None:
        for kept in self._kept:
            kept.reserve(capacity)

    def forget(self, row: int) -> None:
        for kept in self._kept:
            kept.forget(row)

    def matrix(self, metrics: Mapping[str, npt.ArrayLike], count: int) -> Floats:
        """The given columns as [metric, component]; what is not given, not a number or infinite is NaN."""
        values = np.full((len(self.metrics), count), np.nan)
        for n, metric in enumerate(self.metrics):
            if metric in metrics:
                values[n] = metrics[metric]
        values[np.isinf(values)] = np.nan
        self.met |= ~np.isnan(values).all(axis=1)
        return values

    def insert(self, rows: Rows, at: Floats, values: Floats) -> None:
        """Note an observation in every window; it may be older than others already noted."""
        if self.accepted.any:
            values = self.accepted.without_the_past(rows, at, values)
        for window, metrics in self._windows.values():
            if not self.met[metrics].any():
                continue
            mine = values[metrics]
            there = ~np.isnan(mine).all(axis=0)
            if there.all():
                window.insert(rows, at, mine)
            elif there.any():
                window.insert(rows[there], at[there], mine.compress(there, axis=1))
        self.residuals.insert(rows, at, values)
        self.siblings.insert(rows, at, values)
        self.recent.insert(rows, at, values)
        self.first_values.insert(rows, values)

    def fold(self, row: int, at: Floats, values: Floats) -> None:
        """Note the history of a component that is new here: ``at`` ascending, ``values`` [metric, time]."""
        if self.accepted.any:
            values = self.accepted.without_the_past(np.full(len(at), row), at, values)
        for window, metrics in self._windows.values():
            window.fold(row, at, values[metrics])
        self.residuals.fold(row, at, values)
        self.siblings.fold(row, at, values)
        self.recent.fold(row, at, values)
        self.first_values.fold(row, values)

    def compute(self, rows: Rows, at: Floats, values: Floats) -> Floats:
        """Every signal [signal, component] after ``insert`` of the same observation; NaN for those that sleep. Of a
        forecast it is the start (`forecasts.Forecasts`)."""
        now = np.full((len(self.signals), len(rows)), np.nan)
        now[self.awake] = values[self._metric_of[self.awake]]
        self.recent.fill(rows, at, now)
        if self.accepted.any:
            self.unsaved.mark(rows[self.accepted.lower(rows, values)])
        out = now.copy()
        if self._above and self.accepted.any:
            known = self.accepted.known(self._metric_of[self._above], rows)
            out[self._above] -= np.where(np.isnan(known), 0.0, known)
        self.first_values.compute(rows, out)
        for served in self._served:
            measured = np.flatnonzero(~np.isnan(now[served.columns]).all(axis=0))
            if len(measured) == len(rows):
                self._over_window(served, rows, at, now, out)
            elif len(measured):
                part = out.take(measured, axis=1)
                self._over_window(served, rows[measured], at[measured], now.take(measured, axis=1), part)
                out[:, measured] = part
        self.residuals.compute(rows, at, values, out)
        self.siblings.compute(rows, at, out)
        self.peers.compute(rows, at, now, out)
        return self.ask_models(out)

    def ask_models(self, out: Floats) -> Floats:
        """Fill in what models say of the other signals [signal, component]."""
        for model in self._models:
            model.write(out)
        return out

    def _over_window(self, served: "_Served", rows: Rows, at: Floats, now: Floats, out: Floats) -> None:
        take, window, columns, places = served
        if take not in _SUMMARIES:
            for n, place in zip(columns, places, strict=True):
                measured = np.flatnonzero(~np.isnan(now[n]))
                found = np.full(len(rows), np.nan)
                if measured.size:
                    look = _Look(window, int(place), rows[measured], at[measured], now[n, measured])
                    found[measured] = self._one(self.signals[n], look)
                out[n] = found
        elif take == "growth":
            floor = window.floor(rows)[places]
            if self.accepted.any:
                known = self.accepted.known(self._metric_of[columns], rows)
                floor = np.where(np.isnan(floor), known, floor)
            out[columns] = now[columns] - floor
        else:
            summary = {"min": window.lowest, "max": window.highest, "mean": window.mean}[take]
            out[columns] = np.where(np.isnan(now[columns]), np.nan, summary(rows)[places])

    def say_history(self, n: int, row: int) -> str:
        """How much of the history that a signal needs is there: ``3 of 6 bins, 2h of 6h``; empty for other takes."""
        signal = self.signals[n]
        if signal.take in residual.TAKES:
            return (
                f"still learning: that takes {write_duration(signal.window)}" if self.residuals.learning(n, row) else ""
            )
        if signal.take == "rate":
            return f"needs {write_duration(signal.min_span)}"
        if signal.take not in ("slope", *FORECASTS):
            return ""
        window, metrics = self._windows[shape_of(signal)]
        place = int(np.searchsorted(metrics, self._metric_of[n]))
        times, values = window.points(place, np.array([row], dtype=np.intp))
        held = times[~np.isnan(values)]
        span = float(held.max() - held.min()) + signal.bin if held.size else 0.0
        spans = f"{write_duration(span)} of {write_duration(signal.min_span)}"
        return f"{held.size} of {signal.min_points} bins, {spans}"

    def accept(self, row: int, at: float, values: Mapping[str, float]) -> None:
        """Take these values of counters, measured up to ``at``, as known: everything counts from them."""
        counted = {metric: value for metric, value in values.items() if metric in self.accepted.counted}
        self.accepted.put(row, {metric: Acceptance(value, at) for metric, value in counted.items()})
        for window, metrics in self._windows.values():
            for place, metric in enumerate(metrics):
                if self.metrics[metric] in counted:
                    window.raise_to(place, row, counted[self.metrics[metric]])
        self.first_values.put(row, {m: value for m, value in counted.items() if m in self.first_values.counted})

    def _serve(self, awake: Container[int]) -> Iterator["_Served"]:
        """What each window has to do for every report."""
        for take in (take for take in OVER_WINDOW if take not in FORECASTS):
            for shape, (window, metrics) in self._windows.items():
                same = [n for n, signal in enumerate(self.signals) if signal.take == take and shape_of(signal) == shape]
                columns = [n for n in same if n in awake]
                if columns:
                    places = np.searchsorted(metrics, self._metric_of[columns])
                    yield _Served(take, window, np.array(columns, dtype=np.intp), places)

    def _one(self, signal: Signal, look: "_Look") -> Floats:
        """One signal of the components that were measured."""
        window, place, rows, at, now = look
        if signal.take == "rate":
            days = (at - window.beginning(rows)[place]) / DAY
            fine = (days > 0) & (days * DAY >= signal.min_span)
            return np.where(fine, now - window.lowest(rows)[place], np.nan) / np.where(fine, days, 1.0)
        if signal.take == "days_since_increase":
            days = (at - window.last_increase(place, rows)) / DAY
            known = self.accepted.known(self._metric_of[[self.signals.index(signal)]], rows)[0]
            return np.where(now <= known, np.inf, days)
        if signal.take in LEARNED:
            usual = self.learning.usual_of(signal, window, place, rows, at)
            return usual if signal.take == "usual" else now - usual
        times, values = window.points(place, rows)
        return slope_per_day(times, values, **history_of(signal))


class _Kept(Protocol):
    """What keeps something of each component."""

    def reserve(self, capacity: int) -> None: ...

    def forget(self, row: int) -> None: ...


class _Look(NamedTuple):
    """Components that were measured: ``now`` at ``at``, and where a window keeps their metric."""

    window: Window
    place: int
    rows: Rows
    at: Floats
    now: Floats


class _Served(NamedTuple):
    """Signals of one take that one window serves: their rows, and their metrics' places in the window."""

    take: str
    window: Window
    columns: Rows
    places: Rows
