"""How long until a line through the last values gets there."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FARTHEST = 100
"""A trend is not followed farther than this many times its window: beyond that it says nothing."""

_CHUNK = 1024


def theil_sen(times: Floats, values: Floats) -> Floats:
    """The median of the slopes between all pairs of points, per column; NaN with fewer than two points.

    ``times`` and ``values`` are [point, series], NaN where there is no point. (Theil 1950, Sen 1968.)
    """
    slopes = np.empty(times.shape[1])
    one, two = np.triu_indices(times.shape[0], k=1)
    for start in range(0, times.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        apart = times[two, part] - times[one, part]
        apart[apart == 0] = np.nan
        slopes[part] = _median((values[two, part] - values[one, part]) / apart)
    return slopes


def _median(table: Floats) -> Floats:
    ordered = np.sort(table, axis=0)  # NaN sorts last
    count = (~np.isnan(ordered)).sum(axis=0)
    columns = np.arange(table.shape[1])
    lower, upper = np.maximum(count - 1, 0) // 2, count // 2
    return np.where(count > 0, (ordered[lower, columns] + ordered[upper, columns]) / 2, np.nan)


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
    times = np.where(held, times, np.nan)
    low, high = np.fmin.reduce(times, axis=0), np.fmax.reduce(times, axis=0)
    enough = (held.sum(axis=0) >= min_points) & (high - low + bin_width >= min_span) & ~np.isnan(now) & ~np.isnan(reach)
    hours = np.where(enough, np.inf, np.nan)
    moving = np.flatnonzero(enough & (np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0)))
    if moving.size:
        slope = theil_sen(times[:, moving], values[:, moving])
        left = (reach - now)[moving]
        toward = slope > 0 if up else slope < 0
        seconds = np.where(toward, left / np.where(toward, slope, 1.0), np.inf)
        hours[moving] = np.where(seconds <= FARTHEST * window, seconds / 3600, np.inf)
    there = enough & ((now >= reach) if up else (now <= reach))
    hours[there] = 0.0
    return hours
