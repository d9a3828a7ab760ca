"""Monotone additive logistic regression. The only module that knows scipy.

Every feature adds a line of pieces over log(1 + value) that never falls: more of a bad sign is never better. Pieces
are drawn towards each other, so that only what the data insists on bends the line.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_collector.backtest.history import Floats, Integers

KNOTS = np.array([0.0, 1, 3, 7, 15, 31, 63, 127, 255, 1023, 4095])
"""Values between which a feature's line is straight over log(1 + value)."""

SMOOTH, SHRINK = 300.0, 5.0
"""Penalties of slopes that differ from their neighbour, and of any slope, in drive-months of evidence."""

ROUNDS = 3
"""Of choosing each stretch's worst row anew."""

_LOG_KNOTS = np.log1p(KNOTS)


class NoFitError(Exception):
    """scipy is not installed; the text says how to get it."""


class Fit(NamedTuple):
    """``intercept`` and each feature's log-odds at ``KNOTS`` [feature, knot]; the first is 0."""

    intercept: float
    log_odds: Floats

    def odds(self, features: npt.ArrayLike) -> Floats:
        """Log-odds of [feature, row]; an unknown feature adds nothing."""
        values = np.log1p(np.maximum(np.nan_to_num(np.asarray(features, dtype=np.float64)), 0))
        added = (np.interp(row, _LOG_KNOTS, line) for row, line in zip(values, self.log_odds, strict=True))
        return sum(added, np.full(values.shape[1], self.intercept))


def fit(features: npt.NDArray[np.float32], failing: npt.NDArray[np.bool_], weight: Floats) -> Fit:
    """Fit rows [feature, row]. ``weight`` is the evidence of a row; drive-days of one drive are not independent, so it
    should be in drive-months. Raise NoFitError without scipy."""
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError:
        raise NoFitError("training needs scipy; install it with: pip install 'forewarn[train]'") from None
    design, hits, rows = _condensed(features, failing, weight)
    pieces = len(KNOTS) - 1
    shape = (len(features), pieces)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slopes = parameters[:-1].reshape(shape)
        odds = design @ parameters[:-1] + parameters[-1]
        bend = np.diff(slopes, axis=1)
        pull = SHRINK * slopes
        pull[:, 1:] += SMOOTH * bend
        pull[:, :-1] -= SMOOTH * bend
        value = (rows * np.logaddexp(0, odds) - hits * odds).sum()
        value += 0.5 * (SHRINK * (slopes**2).sum() + SMOOTH * (bend**2).sum())
        error = rows / (1 + np.exp(-odds)) - hits
        return float(value), np.append(design.T @ error + pull.ravel(), error.sum())

    share = hits.sum() / rows.sum()
    start = np.append(np.full(shape[0] * pieces, 0.05), np.log(share / (1 - share)))
    bounds = [(0.0, None)] * (shape[0] * pieces) + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300})
    slopes = found.x[:-1].reshape(shape)
    log_odds = np.concatenate([np.zeros((shape[0], 1)), np.cumsum(slopes * np.diff(_LOG_KNOTS), axis=1)], axis=1)
    return Fit(float(found.x[-1]), log_odds)


def fit_peaks(
    features: npt.NDArray[np.float32], failing: npt.NDArray[np.bool_], weight: Floats, stretches: Integers
) -> Fit:
    """As ``fit``, of the worst row of each stretch: a drive has one ticket, however many days it deserves it, so what
    tells drives apart on their worst days is what counts. Which days those are follows from the fit before."""
    evidence = np.bincount(stretches, weights=weight).astype(np.float64)
    worst = np.log1p(np.maximum(np.nan_to_num(features), 0)).sum(axis=0)
    for _ in range(ROUNDS):
        order = np.lexsort((worst, stretches))
        ends = np.flatnonzero(np.diff(stretches[order], append=-1))
        rows = order[ends]
        found = fit(features[:, rows], failing[rows], evidence[stretches[rows]])
        worst = found.odds(features)
    return found


def _condensed(
    features: npt.NDArray[np.float32], failing: npt.NDArray[np.bool_], weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """Equal rows as one: what each piece of each line adds [row, piece], weight of the failing, weight of all."""
    values = np.maximum(np.nan_to_num(features), 0)
    loud = np.flatnonzero((values > 0).any(axis=0))  # nearly all rows are all zeros: they need no sorting
    distinct, where = np.unique(values[:, loud], axis=1, return_inverse=True)
    distinct = np.concatenate([np.zeros((len(values), 1), dtype=values.dtype), distinct], axis=1)
    place = np.zeros(values.shape[1], dtype=np.intp)
    place[loud] = where.ravel() + 1
    hits = np.bincount(place, weights=weight * failing, minlength=distinct.shape[1]).astype(np.float64)
    rows = np.bincount(place, weights=weight, minlength=distinct.shape[1]).astype(np.float64)
    logs = np.log1p(distinct.astype(np.float64))
    steps = np.diff(_LOG_KNOTS)
    parts = np.clip(logs[:, :, np.newaxis] - _LOG_KNOTS[:-1], 0, steps)
    return np.ascontiguousarray(parts.transpose(1, 0, 2).reshape(distinct.shape[1], -1)), hits, rows


def calibrate(odds: Floats, failing: npt.NDArray[np.bool_], weight: Floats, firmness: float) -> tuple[float, float]:
    """(shift, slope) that turn log-odds into ones that fit these rows; ``firmness`` draws the slope to 1."""
    shift, slope = 0.0, 1.0
    for _ in range(30):
        now = 1 / (1 + np.exp(-(shift + slope * odds)))
        error, curve = weight * (now - failing), weight * now * (1 - now)
        gradient = np.array([error.sum(), (error * odds).sum() + firmness * (slope - 1)])
        mixed = (curve * odds).sum()
        hessian = np.array([[curve.sum(), mixed], [mixed, (curve * odds**2).sum() + firmness]])
        step = np.linalg.solve(hessian + 1e-9 * np.eye(2), gradient)
        shift, slope = shift - float(step[0]), max(0.2, slope - float(step[1]))
        if np.abs(step).max() < 1e-8:
            break
    return shift, slope
