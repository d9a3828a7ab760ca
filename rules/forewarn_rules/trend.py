"""How fast the last values change, how long until they get there, and how likely that is by a given time.

Nothing here is random. What is likely is read off the component's own past: from every point of the first half of the
history, how long did it then take to come as far as is missing now? Where it did not come that far, it is taken to go
on at the pace it had from there to the end. The quantiles of these times are the band, and the share of them that is
short enough is the likelihood. So noise, jumps and a wandering pace count as much as they did before. The spread of
slopes alone, or the confidence interval of the median slope (Sen 1968), were tried and were far too narrow: they say
how well the past is known, not what comes next. Measured in tests/rules/test_trend.py.
"""

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
    for start in range(0, times.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        slopes[part] = median(np.ascontiguousarray(_slopes(times[:, part], values[:, part]).T))
    return slopes


def _slopes(times: Floats, values: Floats) -> Floats:
    """Between all pairs of points [pair, series]; NaN where one is missing or both have one time. All pairs that are
    equally many points apart lie together, because picking them one by one takes twice as long."""
    points, series = times.shape
    pairs = points * (points - 1) // 2
    rise, apart = np.empty((pairs, series)), np.empty((pairs, series))
    end = 0
    for distance in range(1, points):
        start, end = end, end + points - distance
        np.subtract(values[distance:], values[:-distance], out=rise[start:end])
        np.subtract(times[distance:], times[:-distance], out=apart[start:end])
    apart[apart == 0] = np.nan
    rise /= apart
    return rise


def median(table: Floats) -> Floats:
    """Of each row, NaN aside; NaN for an empty row."""
    ordered = np.sort(table, axis=1)  # NaN sorts last
    count = (~np.isnan(ordered)).sum(axis=1)
    rows = np.arange(len(table))
    lower, upper = np.maximum(count - 1, 0) // 2, count // 2
    return np.where(count > 0, (ordered[rows, lower] + ordered[rows, upper]) / 2, np.nan)


def arrivals(times: Floats, values: Floats, missing: Floats) -> Iterator[tuple[slice, Floats]]:
    """How long it took, from each point of the first half of the history, to rise by ``missing``: seconds [series,
    point], infinite where it neither did nor was on the way, NaN for other points. Some series at a time."""
    chunk = max(1, _CHUNK * _CHUNK // times.shape[0] ** 2)
    for start in range(0, times.shape[1], chunk):
        part = slice(start, start + chunk)
        what, need = values[:, part].T, missing[part, np.newaxis]
        when = np.where(np.isnan(what), np.nan, times[:, part].T)
        later = when[:, np.newaxis, :] - when[:, :, np.newaxis]
        came = (what[:, np.newaxis, :] - what[:, :, np.newaxis] >= need[:, :, np.newaxis]) & (later > 0)
        took = np.where(came, later, np.inf).min(axis=2)
        end = np.nanargmax(when, axis=1)
        rows = np.arange(len(when))
        left = when[rows, end, np.newaxis] - when
        risen = what[rows, end, np.newaxis] - what
        on_the_way = np.where(risen > 0, need * left / np.where(risen > 0, risen, 1.0), np.inf)
        first_half = 2 * left >= np.nanmax(left, axis=1, keepdims=True)
        yield part, np.where(first_half, np.where(np.isinf(took), on_the_way, took), np.nan)


def by_share(table: Floats, share: float) -> Floats:
    """The least value of each row that at least ``share`` of the row's values do not exceed, NaN aside."""
    ordered = np.sort(table, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)
    place = np.clip(np.ceil(count * share - 1e-9).astype(np.intp) - 1, 0, None)
    found: Floats = np.where(count > 0, ordered[np.arange(len(table)), place], np.nan)
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

    The share of the arrivals (see above) that came in time; 1 when it is there. NaN with too little history.
    """
    known = enough(times, values, min_span, min_points, bin_width) & ~np.isnan(now) & ~np.isnan(reach)
    likely = np.full(times.shape[1], np.nan)
    there = np.flatnonzero(known)
    if there.size:
        found = np.empty(there.size)
        sign = 1 if up else -1
        for part, took in arrivals(times[:, there], sign * values[:, there], sign * (reach - now)[there]):
            found[part] = (took <= horizon).sum(axis=1) / (~np.isnan(took)).sum(axis=1)
        likely[there] = found
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

    0.5 is the Theil-Sen slope; other shares take that quantile of the arrivals (see above), and never one on the wrong
    side of the Theil-Sen slope. NaN with too little history, infinite when it is not approaching (or not within
    FARTHEST windows), 0 when it is there.
    """
    held = ~np.isnan(values)
    known = enough(times, values, min_span, min_points, bin_width) & ~np.isnan(now) & ~np.isnan(reach)
    hours = np.where(known, np.inf, np.nan)
    lowest, highest = np.where(held, values, np.inf).min(axis=0), np.where(held, values, -np.inf).max(axis=0)
    moving = np.flatnonzero(known & (lowest < highest))
    if moving.size:
        when, what, left = times[:, moving], values[:, moving], (reach - now)[moving]
        slope = theil_sen(_held_times(when, what), what)
        toward = slope > 0 if up else slope < 0
        seconds = np.where(toward, left / np.where(toward, slope, 1.0), np.inf)
        if share != 0.5:
            sign = 1 if up else -1
            for part, took in arrivals(when, sign * what, sign * left):
                outer = by_share(took, share)
                seconds[part] = (np.minimum if share < 0.5 else np.maximum)(outer, seconds[part])
        hours[moving] = np.where(seconds <= FARTHEST * window, seconds / 3600, np.inf)
    there = known & ((now >= reach) if up else (now <= reach))
    hours[there] = 0.0
    return hours
