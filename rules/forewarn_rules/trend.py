"""How fast the last values change, how long until they get there, and how likely that is by a given time.

Nothing here is random. The band around a forecast is made of the slopes between points that lie at least half of the
history apart. Over such a distance a slope holds both what noise does to a reading and how the pace itself wanders,
which is what the time to come will do again; slopes between neighbours would say mostly noise, and the confidence
interval of the median slope (Sen 1968) only how well the past is known. Measured: tests/rules/test_trend.py.
"""

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FARTHEST = 100
"""A trend is not followed farther than this many times its window: beyond that it says nothing."""

DAY = 86400.0
_CHUNK = 1024


def theil_sen(times: Floats, values: Floats) -> Floats:
    """The median of the slopes between all pairs of points, per column; NaN with fewer than two points.

    ``times`` and ``values`` are [point, series]; a value is NaN where there is no point. (Theil 1950, Sen 1968.)
    """
    slopes = np.empty(times.shape[1])
    for part, found in _slopes(times, values):
        slopes[part] = quantile(found, 0.5)
    return slopes


def wide_slopes(times: Floats, values: Floats, share: float) -> Floats:
    """The quantile ``share`` (0 to 1) of the slopes between points at least half of the history apart, per column."""
    slopes = np.empty(times.shape[1])
    for part, found in _slopes(times, values, wide=True):
        slopes[part] = quantile(found, share)
    return slopes


def slope_share(times: Floats, values: Floats, needed: Floats, *, up: bool) -> Floats:
    """Of the slopes between points at least half of the history apart, the share that is as steep as ``needed``."""
    shares = np.empty(times.shape[1])
    for part, found in _slopes(times, values, wide=True):
        limit = needed[part, np.newaxis]
        steep = (found >= limit) if up else (found <= limit)
        count = (~np.isnan(found)).sum(axis=1)
        shares[part] = steep.sum(axis=1) / np.where(count > 0, count, np.nan)
    return shares


def _slopes(times: Floats, values: Floats, *, wide: bool = False) -> Iterator[tuple[slice, Floats]]:
    """The slopes between all pairs of points [series, pair], some series at a time; NaN where there is no pair."""
    one, two = _pairs(times.shape[0])
    for start in range(0, times.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        when, what = times[:, part].T, values[:, part].T
        apart = when[:, two] - when[:, one]
        rise = what[:, two] - what[:, one]
        least = np.zeros((len(apart), 1))
        if wide:
            pairs = np.where(np.isnan(rise), 0.0, np.abs(apart))
            least = np.nanmax(pairs, axis=1, initial=0.0, keepdims=True) / 2
        apart[~((np.abs(apart) > 0) & (np.abs(apart) >= least))] = np.nan
        yield part, rise / apart


@functools.cache
def _pairs(points: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(points, k=1)


def quantile(table: Floats, share: float) -> Floats:
    """The quantile ``share`` (0 to 1) of each row, NaN aside, between neighbours in proportion; NaN for an empty row.

    NumPy's nanquantile says the same and is far slower where rows have gaps.
    """
    if table.shape[1] == 0:
        return np.full(len(table), np.nan)
    ordered = np.sort(table, axis=1)  # NaN sorts last
    count = (~np.isnan(ordered)).sum(axis=1)
    rows = np.arange(len(table))
    place = np.maximum(count - 1, 0) * share
    lower = np.floor(place).astype(np.intp)
    upper = np.minimum(lower + 1, np.maximum(count - 1, 0))
    low, high = ordered[rows, lower], ordered[rows, upper]
    found: Floats = np.where(count > 0, low + (high - low) * (place - lower), np.nan)
    return found


def enough(times: Floats, values: Floats, min_span: float, min_points: int, bin_width: float) -> npt.NDArray[np.bool_]:
    """Which series have points enough. A point stands for its bin, so history spans from the first bin's beginning."""
    held = ~np.isnan(values)
    low, high = np.where(held, times, np.inf).min(axis=0), np.where(held, times, -np.inf).max(axis=0)
    there: npt.NDArray[np.bool_] = (held.sum(axis=0) >= min_points) & (high - low + bin_width >= min_span)
    return there


def slope_per_day(times: Floats, values: Floats, *, min_span: float, min_points: int, bin_width: float) -> Floats:
    """The Theil-Sen slope of each series, per day; NaN with too little history."""
    slopes = np.full(times.shape[1], np.nan)
    there = np.flatnonzero(enough(times, values, min_span, min_points, bin_width))
    if there.size:
        slopes[there] = theil_sen(_held_times(times, values)[:, there], values[:, there]) * DAY
    return slopes


def crossing(
    times: Floats,
    values: Floats,
    now: Floats,
    reach: Floats,
    *,
    horizon: float,
    up: bool,
    min_span: float,
    min_points: int,
    bin_width: float,
) -> Floats:
    """How likely each series, now at ``now``, gets to ``reach`` within ``horizon`` seconds: 0 to 1.

    The share of the wide slopes (see above) that lead there in time; 1 when it is there. NaN with too little history.
    """
    known = enough(times, values, min_span, min_points, bin_width) & ~np.isnan(now) & ~np.isnan(reach)
    likely = np.full(times.shape[1], np.nan)
    there = np.flatnonzero(known)
    if there.size:
        needed = (reach - now)[there] / horizon
        likely[there] = slope_share(_held_times(times, values)[:, there], values[:, there], needed, up=up)
    likely[known & ((now >= reach) if up else (now <= reach))] = 1.0
    return likely


def _held_times(times: Floats, values: Floats) -> Floats:
    return np.where(np.isnan(values), np.nan, times)


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
    share: float = 0.5,
) -> Floats:
    """Hours until each series, now at ``now``, gets to ``reach``: with the likelihood ``share`` it is there by then.

    0.5 is the Theil-Sen slope; other shares take that quantile of the wide slopes (see above), and never one that
    lies on the wrong side of the Theil-Sen slope. NaN with too little history, infinite when it is not approaching (or
    not within FARTHEST windows), 0 when it is there.
    """
    held = ~np.isnan(values)
    known = enough(times, values, min_span, min_points, bin_width) & ~np.isnan(now) & ~np.isnan(reach)
    hours = np.where(known, np.inf, np.nan)
    lowest, highest = np.where(held, values, np.inf).min(axis=0), np.where(held, values, -np.inf).max(axis=0)
    moving = np.flatnonzero(known & (lowest < highest))
    if moving.size:
        slope = _pace(_held_times(times, values)[:, moving], values[:, moving], share if up else 1 - share)
        left = (reach - now)[moving]
        toward = slope > 0 if up else slope < 0
        seconds = np.where(toward, left / np.where(toward, slope, 1.0), np.inf)
        hours[moving] = np.where(seconds <= FARTHEST * window, seconds / 3600, np.inf)
    there = known & ((now >= reach) if up else (now <= reach))
    hours[there] = 0.0
    return hours


def _pace(times: Floats, values: Floats, share: float) -> Floats:
    """The slope that is exceeded with the likelihood ``share``."""
    middle = theil_sen(times, values)
    if share == 0.5:
        return middle
    outer = wide_slopes(times, values, 1 - share)
    found: Floats = np.maximum(outer, middle) if share < 0.5 else np.minimum(outer, middle)
    return found
