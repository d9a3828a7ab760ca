"""How long until a line through the last values gets there."""

import functools

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FARTHEST = 100
"""A trend is not followed farther than this many times its window: beyond that it says nothing."""

_CHUNK = 1024


def theil_sen(times: Floats, values: Floats) -> Floats:
    """The median of the slopes between all pairs of points, per column; NaN with fewer than two points.

    ``times`` and ``values`` are [point, series]; a value is NaN where there is no point. (Theil 1950, Sen 1968.)
    """
    slopes = np.empty(times.shape[1])
    one, two = _pairs(times.shape[0])
    for start in range(0, times.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        when, what = times[:, part].T, values[:, part].T
        apart = when[:, two] - when[:, one]
        apart[~(np.abs(apart) > 0)] = np.nan
        slopes[part] = _median((what[:, two] - what[:, one]) / apart)
    return slopes


@functools.cache
def _pairs(points: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(points, k=1)


def _median(table: Floats) -> Floats:
    """Of each row, NaN aside."""
    ordered = np.sort(table, axis=1)  # NaN sorts last
    count = (~np.isnan(ordered)).sum(axis=1)
    rows = np.arange(len(table))
    lower, upper = np.maximum(count - 1, 0) // 2, count // 2
    return np.where(count > 0, (ordered[rows, lower] + ordered[rows, upper]) / 2, np.nan)


def hours_until(
    times: Floats,
    values: Floats,
    now: Floats,
    reach: Floats,
    *,
    up: bool,
    min_span: float,
    min_points: int,
    window: float,
    bin_width: float,
) -> Floats:
    """Hours until each series, now at ``now``, gets to ``reach`` at its Theil-Sen slope.

    A point stands for its bin, so history spans from the first bin's beginning. NaN with too little history, infinite
    when it is not approaching (or not within FARTHEST windows), 0 when it is there.
    """
    held = ~np.isnan(values)
    low, high = np.where(held, times, np.inf).min(axis=0), np.where(held, times, -np.inf).max(axis=0)
    enough = (held.sum(axis=0) >= min_points) & (high - low + bin_width >= min_span) & ~np.isnan(now) & ~np.isnan(reach)
    hours = np.where(enough, np.inf, np.nan)
    lowest, highest = np.where(held, values, np.inf).min(axis=0), np.where(held, values, -np.inf).max(axis=0)
    moving = np.flatnonzero(enough & (lowest < highest))
    if moving.size:
        slope = theil_sen(np.where(held, times, np.nan)[:, moving], values[:, moving])
        left = (reach - now)[moving]
        toward = slope > 0 if up else slope < 0
        seconds = np.where(toward, left / np.where(toward, slope, 1.0), np.inf)
        hours[moving] = np.where(seconds <= FARTHEST * window, seconds / 3600, np.inf)
    there = enough & ((now >= reach) if up else (now <= reach))
    hours[there] = 0.0
    return hours
