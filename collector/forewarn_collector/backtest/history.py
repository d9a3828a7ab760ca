"""Drive-days in columns: what a backtest steps through. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_rules import Labels

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DAY = 86400.0
MONTH_DAYS = 365.25 / 12
NEVER = np.iinfo(np.int64).max
"""Stands for the day of something that did not happen."""


class Period(NamedTuple):
    """Days since 1970-01-01, both inclusive."""

    first: int
    last: int


@dataclass(frozen=True)
class History:
    """Whole fleets by day. A drive's rows end on the day it failed.

    ``days`` (since 1970-01-01, ascending) and ``drives`` have one value per row, as every column in ``metrics`` (NaN
    where the drive did not report it). ``serials``, ``models`` and ``failed_on`` have one per drive.
    """

    days: Integers
    drives: Integers
    serials: list[str]
    models: list[str]
    failed_on: Integers
    metrics: Mapping[str, Floats]
    labels: Sequence[Labels] | None = None
    """What rules may ask about each drive, where the history knows it."""

    @property
    def rows(self) -> int:
        return len(self.days)

    @property
    def period(self) -> Period:
        return Period(int(self.days[0]), int(self.days[-1]))

    def rounds(self) -> Iterator[tuple[int, slice]]:
        """Each day with its rows."""
        starts = np.flatnonzero(np.diff(self.days, prepend=self.days[:1] - 1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), self.rows], strict=True):
            yield int(self.days[start]), slice(start, end)

    def metric(self, name: str) -> Floats:
        """The column, all NaN where no drive of the history reports it."""
        return self.metrics[name] if name in self.metrics else np.full(self.rows, np.nan)

    def within(self, period: Period) -> npt.NDArray[np.bool_]:
        """Which rows lie in the period."""
        return (self.days >= period.first) & (self.days <= period.last)
