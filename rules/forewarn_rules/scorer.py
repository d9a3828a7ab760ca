"""A risk model over a fleet, one round after the other, from the same windows that rules look back on. Pure."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.risk import DAYS_SINCE_INCREASE, Feature, Risk, RiskModel
from forewarn_rules.tracks import Rows
from forewarn_rules.verdicts import Floats
from forewarn_rules.windows import Window

DAY = 86400.0


class FeatureWindows:
    """The features of ``count`` components, which are called by their row, as they are observed."""

    def __init__(self, features: Sequence[Feature], count: int) -> None:
        self._features = features
        self.metrics = tuple(dict.fromkeys(metric for feature in features for metric in feature.metrics))
        takes: dict[int, set[str]] = {}
        for feature in features:
            if feature.window_days:
                takes.setdefault(feature.window_days, set()).add(feature.take)
        self._windows = {days: Window(len(self.metrics), DAY, days, takes[days]) for days in sorted(takes)}
        for window in self._windows.values():
            window.reserve(count)
        self._places = [np.array([self.metrics.index(m) for m in f.metrics], dtype=np.intp) for f in features]

    def observe(self, rows: Rows, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> Floats:
        """Note one observation per component, each newer than its last one; return [feature, component].

        NaN where the feature is unknown: none of its metrics was reported, or there is nothing yet to grow from.
        """
        values = np.full((len(self.metrics), len(rows)), np.nan)
        for n, metric in enumerate(self.metrics):
            if metric in metrics:
                values[n] = metrics[metric]
        values[np.isinf(values)] = np.nan
        for window in self._windows.values():
            window.insert(rows, at, values)
        floors = {days: window.floor(rows) for days, window in self._windows.items() if "low" in window.bins}
        found = np.empty((len(self._features), len(rows)))
        for n, (feature, places) in enumerate(zip(self._features, self._places, strict=True)):
            days = feature.window_days
            if feature.take == DAYS_SINCE_INCREASE:
                since = [(at - self._windows[days].last_increase(place, rows)) / DAY for place in places.tolist()]
                found[n] = np.minimum(np.fmin.reduce(since, axis=0), days)
            else:
                grown = values[places] - floors[days][places] if days else values[places]
                found[n] = np.fmax.reduce(grown, axis=0)
        return found


class Scorer:
    """P(fail within the horizon) of ``count`` components as they are observed."""

    def __init__(self, model: RiskModel, count: int) -> None:
        self.model = model
        self._windows = FeatureWindows(model.features, count)
        self.metrics = self._windows.metrics

    def risk(self, rows: Rows, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> Risk:
        """Probabilities and contributions after one observation per component."""
        return self.model.evaluate(self._windows.observe(rows, at, metrics))
