"""A risk model over a fleet, one round after the other, from the same windows that rules look back on. Pure."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from forewarn_rules.risk import Risk, RiskModel
from forewarn_rules.rule import Signal
from forewarn_rules.signals import Signals
from forewarn_rules.verdicts import Floats
from forewarn_rules.windows import Rows


class FeatureWindows:
    """The signals of a model's features for ``count`` components, which are called by their row."""

    def __init__(self, signals: tuple[Signal, ...], count: int) -> None:
        self._signals = Signals.of(signals)
        self._signals.reserve(count)
        self.metrics = tuple(self._signals.metrics)

    def observe(self, rows: Rows, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> Floats:
        """Note one observation per component, each newer than its last one, and return the signals [signal, row]."""
        values = self._signals.matrix(metrics, len(rows))
        self._signals.insert(rows, at, values)
        return self._signals.compute(rows, at, values)


class Scorer:
    """P(fail within the horizon) of ``count`` components as they are observed."""

    def __init__(self, model: RiskModel, count: int) -> None:
        self.model = model
        self._windows = FeatureWindows(model.signals, count)
        self.metrics = self._windows.metrics

    def risk(self, rows: Rows, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> Risk:
        return self.model.evaluate(self._windows.observe(rows, at, metrics))

    def observe(self, rows: Rows, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> Floats:
        """The probability alone; NaN where nothing is known that the model looks at."""
        return self.risk(rows, at, metrics).probability
