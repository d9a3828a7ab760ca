"""Counters that somebody has accepted as known: what counts is what comes on top of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_rules.tracks import Rows, grown

Floats = npt.NDArray[np.float64]

COUNTED = ("growth", "growth_since_baseline", "above_accepted", "rate", "days_since_increase")
"""Takes that count from what was accepted. A metric that some rule takes in such a way can be accepted."""


class Acceptance(NamedTuple):
    """The value that was accepted, and the time (device time) up to which the past is part of it."""

    value: float
    at: float


class Accepted:
    """Accepted values [metric, component]; NaN where nothing was accepted. There is room for them when anything was."""

    def __init__(self, metrics: Sequence[str], counted: Sequence[str]) -> None:
        self.metrics = list(metrics)
        self.counted = frozenset(counted)
        self.any = False
        self._capacity = 0
        self.value = np.full((len(self.metrics), 0), np.nan)
        self.at = np.full((len(self.metrics), 0), -np.inf)

    def reserve(self, capacity: int) -> None:
        self._capacity = capacity
        if self.any:
            self._make_room()

    def _make_room(self) -> None:
        self.value = grown(self.value, self._capacity, np.nan)
        self.at = grown(self.at, self._capacity, -np.inf)

    def forget(self, row: int) -> None:
        if not self.any:
            return
        self.value[:, row] = np.nan
        self.at[:, row] = -np.inf

    def put(self, row: int, accepted: Mapping[str, Acceptance]) -> None:
        for n, metric in enumerate(self.metrics):
            if metric in accepted and metric in self.counted:
                if not self.any:
                    self.any = True
                    self._make_room()
                self.value[n, row], self.at[n, row] = accepted[metric]

    def known(self, metrics: Rows, rows: Rows) -> Floats:
        """What is accepted of these metrics (their places) [metric, component]."""
        return self.value[metrics[:, np.newaxis], rows] if self.any else np.full((len(metrics), len(rows)), np.nan)

    def kept(self, row: int) -> dict[str, Acceptance]:
        if not self.any:
            return {}
        found = zip(self.metrics, self.value[:, row], self.at[:, row], strict=True)
        return {metric: Acceptance(float(value), float(at)) for metric, value, at in found if not np.isnan(value)}

    def without_the_past(self, rows: Rows, at: Floats, values: Floats) -> Floats:
        """What was measured before the acceptance, raised to what was accepted; it is not grown from any more."""
        old = at <= self.at[:, rows]
        return np.where(old, np.fmax(values, np.where(np.isnan(values), np.nan, self.value[:, rows])), values)

    def lower(self, rows: Rows, values: Floats) -> npt.NDArray[np.bool_]:
        """A counter that went back takes what was accepted with it: when it comes again, that is new. Return for which
        components one did."""
        back = values < self.value[:, rows]
        self.value[:, rows] = np.where(back, values, self.value[:, rows])
        return np.asarray(back.any(axis=0))
