"""Rows of an hour put together: least, greatest, sum, number and last of what was measured. Pure; in milliseconds.

Of ``filesystem.used_percent|/data`` a rollup has ``filesystem.used_percent.min|/data`` and so on. A field that a row of
the hour carries and that was never measured in it has the count 0 and no value; what no row carries is absent.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store.model import Floats

HOUR = 3_600_000
KIND_OF = {"load": "load.hour", "smart": "smart.hour"}
"""The kind of series that holds the rollups of another kind."""
ROLLUPS = tuple(KIND_OF.values())
AGGREGATES = ("min", "max", "sum", "count", "last")
_MIN, _MAX, _SUM, _COUNT, _LAST = range(len(AGGREGATES))
# Measured values are decimals, and what is a decimal adds up to one: without this, sums would end in noise.
_THOUSANDTHS = 1000.0
_EXACT = 2.0**53


class Table(NamedTuple):
    """Rows of one layout, by time."""

    fields: tuple[str, ...]
    times: NDArray[np.int64]
    columns: Sequence[Floats]


class Rollup(NamedTuple):
    """``values``: the aggregates of the first field, then those of the second, ..."""

    hour: int
    """when it began"""
    fields: tuple[str, ...]
    """of the rows that it stands for"""
    values: Floats


def rolled_up_field(field: str, aggregate: str) -> str:
    """The name of a field in the rollups."""
    metric, bar, part = field.partition("|")
    return f"{metric}.{aggregate}{bar}{part}"


@lru_cache(maxsize=8192)
def rolled_up_fields(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rolled_up_field(field, aggregate) for field in fields for aggregate in AGGREGATES)


@lru_cache(maxsize=8192)
def original_fields(fields: tuple[str, ...]) -> tuple[str, ...]:
    """What `rolled_up_fields` was made of."""
    found = []
    for field in fields:
        metric, bar, part = field.partition("|")
        if metric.endswith(f".{AGGREGATES[0]}"):
            found.append(f"{metric.removesuffix(f'.{AGGREGATES[0]}')}{bar}{part}")
    return tuple(found)


def in_order(fields: Iterable[str]) -> list[str]:
    """Fields of rollups as `rolled_up_fields` gives them, in whichever order they come back from a store."""

    def place(field: str) -> tuple[str, str, int]:
        metric, _, part = field.partition("|")
        original, _, aggregate = metric.rpartition(".")
        return original, part, AGGREGATES.index(aggregate)

    return sorted(fields, key=place)


def hours_of(times: Iterable[int]) -> set[int]:
    return {time // HOUR * HOUR for time in times}


def roll_up(tables: Sequence[Table], hours: Collection[int]) -> Iterator[Rollup]:
    """A rollup for each of the hours in which there are rows. No two rows of one time."""
    carried: dict[int, tuple[int, ...]] = {}
    for number, table in enumerate(tables):
        for hour in hours_of(table.times.tolist()) & set(hours):
            carried[hour] = (*carried.get(hour, ()), number)
    for numbers in dict.fromkeys(carried.values()):
        alike = sorted(hour for hour, found in carried.items() if found == numbers)
        yield from _roll_up([tables[number] for number in numbers], alike)


def _roll_up(tables: list[Table], hours: list[int]) -> Iterator[Rollup]:
    """Of hours in which rows of all these tables lie."""
    fields = tuple(dict.fromkeys(field for table in tables for field in table.fields))
    chosen = [np.isin(table.times // HOUR * HOUR, hours) for table in tables]
    times = np.concatenate([table.times[rows] for table, rows in zip(tables, chosen, strict=True)])
    values = np.full((len(times), len(fields)), np.nan)
    start = 0
    for table, rows in zip(tables, chosen, strict=True):
        end = start + int(rows.sum())
        for field, column in zip(table.fields, table.columns, strict=True):
            values[start:end, fields.index(field)] = column[rows]
        start = end
    order = np.argsort(times)
    times, values = times[order], values[order]
    starts = np.flatnonzero(np.diff(times // HOUR, prepend=-1))
    found = _aggregated(values, starts)
    for row, first in enumerate(starts.tolist()):
        yield Rollup(int(times[first]) // HOUR * HOUR, fields, found[row].reshape(-1))


def _aggregated(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Rows to stretches that begin at ``starts``: [stretch, field, aggregate]."""
    found = np.empty((len(starts), values.shape[1], len(AGGREGATES)))
    if not values.shape[1]:
        return found
    measured = ~np.isnan(values)
    with np.errstate(all="ignore"):
        found[:, :, _MIN] = np.fmin.reduceat(values, starts)
        found[:, :, _MAX] = np.fmax.reduceat(values, starts)
        count = found[:, :, _COUNT] = np.add.reduceat(measured.astype(np.float64), starts)
        found[:, :, _SUM] = np.where(count, _sums(np.where(measured, values, 0.0), starts), np.nan)
    rows = np.where(measured, np.arange(len(values))[:, None], -1)
    newest = np.maximum.reduceat(rows, starts)
    found[:, :, _LAST] = np.where(newest < 0, np.nan, np.take_along_axis(values, np.maximum(newest, 0), axis=0))
    return found


def _sums(values: Floats, starts: NDArray[np.intp]) -> Floats:
    sums: Floats = np.add.reduceat(values, starts)
    scaled = np.rint(values * _THOUSANDTHS)
    decimal = (scaled / _THOUSANDTHS == values).all(axis=0) & (np.abs(scaled).sum(axis=0) < _EXACT)
    exact = np.add.reduceat(np.where(decimal, scaled, 0.0), starts) / _THOUSANDTHS
    sums = np.where(decimal, exact, sums)
    sums[~np.isfinite(sums)] = np.nan
    return sums


def combined(old: Rollup, more: Rollup) -> Rollup:
    """A rollup whose rows are gone, with rows that came late and are not in it. Which was the last of both is not
    known any more: the old one's stays."""
    fields = tuple(dict.fromkeys((*old.fields, *more.fields)))
    parts = [_of_field(rollup) for rollup in (old, more)]
    values = []
    for field in fields:
        one, other = (part.get(field) for part in parts)
        if one is None or other is None:
            values.append(one if other is None else other)
            continue
        both = np.empty(len(AGGREGATES))
        both[_MIN], both[_MAX] = np.fmin(one, other)[_MIN], np.fmax(one, other)[_MAX]
        both[_SUM] = np.nansum((one[_SUM], other[_SUM])) if one[_COUNT] or other[_COUNT] else np.nan
        both[_COUNT] = one[_COUNT] + other[_COUNT]
        both[_LAST] = other[_LAST] if np.isnan(one[_LAST]) else one[_LAST]
        values.append(both)
    return Rollup(old.hour, fields, np.concatenate([value for value in values if value is not None] or [np.empty(0)]))


def _of_field(rollup: Rollup) -> dict[str, Floats]:
    return dict(zip(rollup.fields, rollup.values.reshape(-1, len(AGGREGATES)), strict=True))
