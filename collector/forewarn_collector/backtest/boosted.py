"""Gradient-boosted trees as a baseline: what a model without any of our own makes of the same days. The only module
that knows scikit-learn.

Thirty features: 5, 187, 188, 197 and 198, each as it is and as growth within 1, 3, 7, 14 and 30 days. They are trained
on the days before the judged ones that were settled by then: a row whose horizon reaches beyond that eve is left out,
and a drive that fails later counts as well.
"""

import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import DAY, NEVER, Floats, History, Integers, Period
from forewarn_rules.risk import Feature, Unknown
from forewarn_rules.scorer import FeatureWindows

ATTRIBUTES = (5, 187, 188, 197, 198)
WINDOWS = (0, 1, 3, 7, 14, 30)
_SILENT_SHARE = 0.05
"""Of the days without any sign that are learned from; each stands for those that are left out."""

FEWEST_FAILURES = 5


class NoTreesError(Exception):
    """The baseline cannot be had; the text says why."""


def features() -> tuple[Feature, ...]:
    nothing = Unknown(0.0, 0.0, 0.0)
    return tuple(
        Feature(f"{number} within {days}", (f"ata.{number}.raw",), days, (0.0,), (0.0,), nothing)
        for number in ATTRIBUTES
        for days in WINDOWS
    )


def boosted(history: History, period: Period, horizon: int, seed: int = 1) -> Floats:
    """The trees' score of every row of the period (NaN for others). Raise NoTreesError with the reason."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ModuleNotFoundError:
        raise NoTreesError("they need scikit-learn: pip install 'forewarn[train]'") from None
    settled, failing = _known_before(history, period.first, horizon)
    if len(np.unique(history.drives[settled & failing])) < FEWEST_FAILURES:
        raise NoTreesError(
            f"they learn from the days before --from, of which {horizon} are not settled by then, and need"
            f" {FEWEST_FAILURES} failures there"
        )
    seen = _look(history)
    seen = seen[~np.isnan(seen[:, settled]).all(axis=1)]  # the library takes no feature that nobody reports
    loud: npt.NDArray[np.bool_] = np.logical_or.reduce(np.nan_to_num(seen) > 0, axis=0)
    kept = settled & (loud | failing | (np.random.default_rng(seed).random(history.rows) < _SILENT_SHARE))
    weight = np.where(loud | failing, 1.0, 1.0 / _SILENT_SHARE)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=150, max_leaf_nodes=15, l2_regularization=5.0, random_state=seed
    )
    trees.fit(seen[:, kept].T, failing[kept], sample_weight=weight[kept])
    judged = np.flatnonzero(history.within(period))
    asked, alike = _without_repeats(seen[:, judged], loud[judged])
    scores = np.full(history.rows, np.nan)
    scores[judged] = trees.predict_proba(seen[:, judged[asked]].T)[:, 1][alike]
    return scores


def _without_repeats(seen: npt.NDArray[np.float32], loud: npt.NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Which rows to ask the trees about, and the place of each row's answer among theirs: nearly all show nothing, and
    of those that know the same attributes one is asked."""
    kinds = 2.0 ** np.arange(len(seen)) @ np.isnan(seen)
    kinds[loud] = -1.0 - np.arange(np.count_nonzero(loud))
    _, asked, alike = np.unique(kinds, return_index=True, return_inverse=True)
    return asked, alike


def _known_before(history: History, day: int, horizon: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Rows whose outcome was known on the eve of the day, and which of them fail within the horizon."""
    failed = history.failed_on[history.drives]
    failed = np.where(failed < day, failed, NEVER)
    ahead = np.where(failed == NEVER, NEVER, failed - history.days)
    settled = (history.days < day - horizon) & (ahead > 0)
    return settled, (ahead > 0) & (ahead <= horizon)


def _look(history: History) -> npt.NDArray[np.float32]:
    looked = features()
    windows = FeatureWindows(looked, len(history.serials))
    found = np.empty((len(looked), history.rows), dtype=np.float32)
    for day, rows in history.rounds():
        drives = history.drives[rows]
        metrics = {name: history.metrics[name][rows] for name in windows.metrics if name in history.metrics}
        found[:, rows] = windows.observe(drives, np.full(len(drives), day * DAY), metrics)
    return found
