"""What a method of raising tickets would have been worth. Pure; the protocol is described in docs/backtest.md.

A method is given as the days on which its ticket stands, by drive; the unit is the drive.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import MONTH_DAYS, NEVER, Floats, History, Integers, Period

BUDGETS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
"""False tickets per 1,000 drives a month at which rankings are compared."""

HORIZON_DAYS = 30
SIGNS = ("ata.5.raw", "ata.187.raw", "ata.197.raw", "ata.198.raw")
"""What drives are commonly replaced for when it is above 0."""

_CONFIDENCE_95 = 1.959963984540054


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Counts are of drives. ``recall_day`` and ``recall_week``: share of the failing drives whose ticket stood at
    least 1 or 7 days before the failure, within the horizon. ``false`` drives had a ticket and did not fail;
    ``undecided`` are those of them that were not seen for a horizon after it. ``false_rate`` is per 1,000 drives a
    month. Shares are None where there is nothing to divide by.

    ``failing_with_signs`` showed any of ``SIGNS`` on the last day, so that they may have been replaced because of it;
    ``failing_without_signs`` reported these attributes and they were 0: dead without a word. Of the rest nothing is
    known. ``visits_saved``: failures that came as no surprise; ``visits_wasted``: false tickets."""

    failing: int
    found: int
    found_week: int
    late: int
    false: int
    undecided: int
    drive_months: float
    recall_day: float | None
    recall_week: float | None
    false_rate: float
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    lead_p10: float | None
    lead_p50: float | None
    lead_p90: float | None
    visits_saved: int
    visits_wasted: int
    failing_with_signs: int
    found_with_signs: int
    failing_without_signs: int
    found_without_signs: int


class Fleet:
    """A history as seen in one period: who fails, who does not, how long each was watched."""

    def __init__(self, history: History, period: Period, horizon: int = HORIZON_DAYS) -> None:
        self.history = history
        self.period = period
        self.horizon = horizon
        self.rows = np.flatnonzero(history.within(period))
        drives = history.drives[self.rows]
        count = len(history.serials)
        self.last_seen = np.full(count, -1, dtype=np.int64)
        np.maximum.at(self.last_seen, drives, history.days[self.rows])
        failed = history.failed_on
        self.failing = (failed >= period.first) & (failed <= period.last)
        # A drive that fails soon after the period is neither found nor false.
        self.good = (self.last_seen >= 0) & ~self.failing & ((failed == NEVER) | (failed > period.last + horizon))
        self.drive_months = len(self.rows) / MONTH_DAYS
        since = np.where(self.failing, np.maximum(failed - horizon, period.first), period.first)
        self.since: Integers = since
        """First day on which a ticket of the drive counts."""
        self.with_signs, self.without_signs = self._signs()
        self.until: Integers = np.where(self.failing, failed, period.last)
        """Last day on which a ticket of the drive counts; for a failing drive that is the day it fails."""

    def _signs(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which failing drives showed signs on their last day, and which reported them as 0."""
        rows = self.rows[self.history.days[self.rows] == self.history.failed_on[self.history.drives[self.rows]]]
        values = np.array([self.history.metric(metric)[rows] for metric in SIGNS])
        with_signs, without_signs = np.zeros((2, len(self.history.serials)), dtype=np.bool_)
        with_signs[self.history.drives[rows]] = (values > 0).any(axis=0)
        without_signs[self.history.drives[rows]] = ~np.isnan(values).all(axis=0) & ~(values > 0).any(axis=0)
        return with_signs & self.failing, without_signs & self.failing

    def first_flagged(self, flagged: npt.NDArray[np.bool_]) -> Integers:
        """The first day that counts, by drive, on which a row is flagged; NEVER where there is none."""
        rows = self.rows[flagged[self.rows]]
        drives, days = self.history.drives[rows], self.history.days[rows]
        counts = (days >= self.since[drives]) & (days <= self.until[drives])
        first = np.full(len(self.history.serials), NEVER, dtype=np.int64)
        np.minimum.at(first, drives[counts], days[counts])
        return first

    def first_standing(self, drives: Integers, opened: Integers, closed: Integers) -> Integers:
        """As ``first_flagged`` for tickets that stand from ``opened`` to the day before ``closed`` (NEVER: open)."""
        first = np.full(len(self.history.serials), NEVER, dtype=np.int64)
        begins = np.maximum(opened, self.since[drives])
        counts = (begins < closed) & (begins <= self.until[drives])
        np.minimum.at(first, drives[counts], begins[counts])
        return first

    def outcome(self, first: Integers) -> Outcome:
        """Judge the first day that each drive's ticket stood."""
        failed = self.history.failed_on
        lead = (failed - first)[self.failing & (first != NEVER)]
        found_drives = self.failing & (first < failed)
        leads = lead[lead >= 1]
        failing, found = int(self.failing.sum()), len(leads)
        week = int((leads >= 7).sum())
        false = self.good & (first != NEVER)
        undecided = false & (self.last_seen - np.where(first == NEVER, 0, first) < self.horizon)
        wrong = int(false.sum())
        low, high = wilson(found, found + wrong)
        p10, p50, p90 = np.quantile(leads, [0.1, 0.5, 0.9]).tolist() if found else (None, None, None)
        return Outcome(
            failing=failing,
            found=found,
            found_week=week,
            late=int((lead < 1).sum()),
            false=wrong,
            undecided=int(undecided.sum()),
            drive_months=self.drive_months,
            recall_day=found / failing if failing else None,
            recall_week=week / failing if failing else None,
            false_rate=1000 * wrong / self.drive_months if self.drive_months else 0.0,
            precision=found / (found + wrong) if found + wrong else None,
            precision_low=low,
            precision_high=high,
            lead_p10=p10,
            lead_p50=p50,
            lead_p90=p90,
            visits_saved=found,
            visits_wasted=wrong,
            failing_with_signs=int(self.with_signs.sum()),
            found_with_signs=int((self.with_signs & found_drives).sum()),
            failing_without_signs=int(self.without_signs.sum()),
            found_without_signs=int((self.without_signs & found_drives).sum()),
        )

    def threshold(self, scores: Floats, budget: float) -> float:
        """The lowest score to be above so that no more than ``budget`` per 1,000 drives a month are false.

        Drives with the same score are above it together or not at all. NaN is no score.
        """
        peaks = np.full(len(self.history.serials), -np.inf)
        known = self.rows[~np.isnan(scores[self.rows])]
        np.maximum.at(peaks, self.history.drives[known], scores[known])
        ranked = np.sort(peaks[self.good])[::-1]
        allowed = int(budget * self.drive_months / 1000)
        return float(ranked[allowed]) if allowed < len(ranked) else -np.inf

    def cut(self, scores: Floats, budgets: Sequence[float] = BUDGETS) -> list[Outcome]:
        """A ranking's outcome at each budget, its threshold taken from this same period."""
        return [self.outcome(self.first_flagged(scores > self.threshold(scores, budget))) for budget in budgets]


def wilson(hits: int, tries: int) -> tuple[float | None, float | None]:
    """Wilson's score interval, 95 %."""
    if not tries:
        return None, None
    z = _CONFIDENCE_95
    share = hits / tries
    middle = share + z * z / (2 * tries)
    spread = z * float(np.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries)))
    scale = 1 + z * z / tries
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
