"""Fewer points for a picture: rows put together into equal stretches of time. Pure."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store.model import Floats

Aggregate = Literal["last", "mean", "min", "max"]


def thin_out(
    times: NDArray[np.int64], columns: list[Floats], start: int, end: int, max_points: int, aggregate: Aggregate
) -> tuple[NDArray[np.int64], list[Floats]]:
    """At most max_points rows (sorted, start <= time <= end) out of many; as they are if there are no more.

    Each new row stands for one of max_points equal stretches between start and end, has the time of the last row in
    it, and for each column the last, mean, least or greatest measured value; nan if none was measured.
    """
    if aggregate not in get_args(Aggregate):
        raise ValueError(f"aggregate {aggregate!r} is not one of {', '.join(get_args(Aggregate))}")
    if max_points < 1:
        raise ValueError(f"max_points {max_points} is not positive")
    if len(times) <= max_points:
        return times, columns
    stretches = ((times - start).astype(np.float64) / (end - start + 1) * max_points).astype(np.int64)
    starts = np.flatnonzero(np.diff(stretches, prepend=-1))
    lasts = np.append(starts[1:], len(times)) - 1
    combine = _COMBINE[aggregate]
    return times[lasts], [combine(column, starts) for column in columns]


def _last(values: Floats, starts: NDArray[np.intp]) -> Floats:
    measured = np.where(np.isnan(values), -1, np.arange(len(values)))
    newest = np.maximum.reduceat(measured, starts)
    return np.where(newest < 0, np.nan, values[newest])


def _mean(values: Floats, starts: NDArray[np.intp]) -> Floats:
    measured = ~np.isnan(values)
    total: Floats = np.add.reduceat(np.where(measured, values, 0.0), starts)
    number = np.add.reduceat(measured.astype(np.float64), starts)
    total[number == 0] = np.nan
    return total / np.maximum(number, 1.0)


def _min(values: Floats, starts: NDArray[np.intp]) -> Floats:
    return np.fmin.reduceat(values, starts)


def _max(values: Floats, starts: NDArray[np.intp]) -> Floats:
    return np.fmax.reduceat(values, starts)


_COMBINE: dict[str, Callable[[Floats, NDArray[np.intp]], Floats]] = {
    "last": _last,
    "mean": _mean,
    "min": _min,
    "max": _max,
}
