"""One field of a series however far back: rows where there are any, and before the first of them its rollups."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from forewarn_collector.store.model import LAST_TIME, Floats, Latest
from forewarn_collector.store.rollups import HOUR, KIND_OF, original_fields, rolled_up_field
from forewarn_collector.store.sampling import Aggregate, thin_out

_HOUR_SECONDS = HOUR / 1000


class Source(Protocol):
    """`History`, or what reads beyond it."""

    def read(
        self, device: str, kind: str, part: str, fields: Sequence[str], start: float, end: float, /
    ) -> tuple[Floats, dict[str, Floats]]: ...

    def latest(self, device: str, kind: str, part: str, /) -> Latest | None: ...


def fields_of(source: Source, device: str, kind: str, part: str) -> tuple[str, ...]:
    """What the newest row carries, or, where rows are gone, the newest rollup."""
    latest = source.latest(device, kind, part)
    if latest is not None or kind not in KIND_OF:
        return tuple(latest.values) if latest else ()
    rollup = source.latest(device, KIND_OF[kind], part)
    return original_fields(tuple(rollup.values)) if rollup else ()


def read_long(
    source: Source,
    device: str,
    kind: str,
    part: str,
    field: str,
    start: float,
    end: float,
    max_points: int | None,
    aggregate: Aggregate,
) -> tuple[Floats, Floats]:
    """Times and values as of `History.read`. A rollup stands at the beginning of its hour, with the last, mean, least
    or greatest value of it; when rows and hours are put together, each counts once."""
    times, columns = source.read(device, kind, part, [field], start, end)
    values = columns[field]
    until = float(times[0]) // _HOUR_SECONDS * _HOUR_SECONDS if len(times) else end
    if kind in KIND_OF and start < until:
        hours, rolled_up = _read_rollups(source, device, kind, part, field, start, until, aggregate)
        times, values = (
            np.concatenate([hours[hours < until], times]),
            np.concatenate([rolled_up[hours < until], values]),
        )
    if max_points is not None:
        first, last = (round(min(max(bound, -1.0), LAST_TIME) * 1000) for bound in (start, end))
        at = np.round(times * 1000).astype(np.int64)
        at, (values,) = thin_out(at, [values], first, last, max_points, aggregate)
        times = at / 1000
    return times, values


def _read_rollups(
    source: Source, device: str, kind: str, part: str, field: str, start: float, until: float, aggregate: Aggregate
) -> tuple[Floats, Floats]:
    wanted = ("sum", "count") if aggregate == "mean" else (aggregate, "count")
    names = [rolled_up_field(field, name) for name in wanted]
    hours, columns = source.read(device, KIND_OF[kind], part, names, start, until)
    values, counts = (columns[name] for name in names)
    if aggregate == "mean":
        values = values / np.where(counts, counts, np.nan)
    carried = ~np.isnan(counts)
    return hours[carried], values[carried]
