"""What a store found of one series, field by field, put together into rows again. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store.external.interface import Sample, SeriesName
from forewarn_collector.store.external.lines import REPORTED, UNKNOWN
from forewarn_collector.store.model import Floats, Latest
from forewarn_collector.store.rollups import ROLLUPS, in_order
from forewarn_collector.store.sampling import Aggregate, thin_out

Times = NDArray[np.int64]
Column = tuple[Times, Floats]
Found = Mapping[str, Column]
"""Times (milliseconds, in any order) and values by the field's whole name, ``metric|instance``; `REPORTED` and
``metric.unknown|instance`` among them."""

_STRETCH = 30 * 86_400_000
"""Milliseconds that are asked for at once, so that whole rows of years take no more memory than those of a month."""


def asked_of(fields: Sequence[str]) -> list[str]:
    """What a store is asked for so that `table` can be made, instances left out."""
    metrics = dict.fromkeys(field.partition("|")[0] for field in fields)
    return [REPORTED, *metrics, *(metric + UNKNOWN for metric in metrics)]


def stretches(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The time from first to last (both included) in pieces."""
    for begin in range(first, last + 1, _STRETCH):
        yield begin, min(begin + _STRETCH - 1, last)


def gathered(parts: Iterable[tuple[tuple[str, str], Column]]) -> Found:
    """Pieces of columns by metric and instance."""
    pieces: dict[str, list[Column]] = {}
    for (metric, instance), column in parts:
        pieces.setdefault(f"{metric}|{instance}" if instance else metric, []).append(column)
    return {
        field: (np.concatenate([times for times, _ in found]), np.concatenate([values for _, values in found]))
        for field, found in pieces.items()
    }


def table(
    found: Found, fields: Sequence[str], first: int, last: int, max_points: int | None, aggregate: Aggregate
) -> tuple[Floats, dict[str, Floats]]:
    """As `history.History.read` gives it; first and last are milliseconds."""
    times, columns = columns_of(found, fields)
    if max_points is not None:
        times, columns = thin_out(times, columns, first, last, max_points, aggregate)
    return times / 1000, dict(zip(fields, columns, strict=True))


def latest_of(series: SeriesName, found: Found) -> Latest | None:
    """The newest row of what was found."""
    rows = list(samples_of(series, found))
    if not rows:
        return None
    newest = rows[-1]
    return Latest(newest.at / 1000, None, dict(zip(newest.fields, newest.values, strict=True)))


def columns_of(found: Found, fields: Sequence[str]) -> tuple[Times, list[Floats]]:
    """A table of the wanted fields with a row for each time that there is anything of; nan where there is no value."""
    times = _times(found)
    return times, [_spread(times, _once(*found[field])) if field in found else _absent(times) for field in fields]


def samples_of(series: SeriesName, found: Found) -> Iterator[Sample]:
    """Whole rows in time order."""
    times = _times(found)
    names = {_plain(field) for field in found} - {REPORTED}
    fields = in_order(names) if series.kind in ROLLUPS else sorted(names)
    values = np.array(columns_of(found, fields)[1]).reshape(len(fields), len(times))
    there = ~np.isnan(values)
    for number, field in enumerate(fields):
        unknown = found.get(_unknown(field))
        if unknown is not None:
            there[number, np.searchsorted(times, unknown[0])] = True
    layouts: dict[bytes, tuple[str, ...]] = {}
    for row, at in enumerate(times.tolist()):
        present = there[:, row]
        layout = layouts.get(key := present.tobytes())
        if layout is None:
            layout = layouts[key] = tuple(field for field, is_there in zip(fields, present, strict=True) if is_there)
        yield Sample(series, at, layout, values[present, row].tolist())


def _times(found: Found) -> Times:
    return np.unique(np.concatenate([times for times, _ in found.values()])) if found else np.empty(0, np.int64)


def _once(times: Times, values: Floats) -> Column:
    """In order, one value a time: of several the greatest, as VictoriaMetrics keeps it when it puts them together."""
    order = np.lexsort((values, times))
    times, values = times[order], values[order]
    newest = np.append(times[1:] != times[:-1], True) if len(times) else np.empty(0, np.bool_)
    return times[newest], values[newest]


def _spread(times: Times, column: Column) -> Floats:
    spread = _absent(times)
    spread[np.searchsorted(times, column[0])] = column[1]
    return spread


def _absent(times: Times) -> Floats:
    return np.full(len(times), np.nan)


def _plain(field: str) -> str:
    metric, bar, instance = field.partition("|")
    return metric.removesuffix(UNKNOWN) + bar + instance


def _unknown(field: str) -> str:
    metric, bar, instance = field.partition("|")
    return metric + UNKNOWN + bar + instance
