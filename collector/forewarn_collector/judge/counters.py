"""What the history says of a component's counters: the first and the newest measured value of each."""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from forewarn_collector.judge.facts import SERIES_KIND
from forewarn_collector.judge.rounds import KIND_OF_PREFIX
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Series
from forewarn_rules import Key, Kind


class Counter(NamedTuple):
    """One counter; times are the device's. What could not be measured is passed over, not taken for zero."""

    metric: str
    first: float
    first_at: float
    newest: float
    newest_at: float


def series_kind(kind: Kind) -> str:
    """The kind of series that carries components of a kind."""
    return SERIES_KIND.get(kind, "load")


def series_part(kind: Kind, key: Key) -> str:
    """The part of the series that carries a component: a load series carries many, and names its parts in fields."""
    return key[1] if kind in SERIES_KIND else ""


def components(history: History, series: Series, counted: Mapping[Kind, Collection[str]]) -> Iterator[tuple[Kind, str]]:
    """The disk or the machine that a series is of, and its parts that ever had a counter (``counted``, by kind)."""
    whole = {"smart": Kind.DISK, "load": Kind.DEVICE}.get(series.kind)
    if whole is None:
        return
    found = {(whole, series.part): None} if counted.get(whole) else {}
    for field in history.fields(series, 0.0):
        metric, _, instance = field.partition("|")
        kind = KIND_OF_PREFIX.get(metric.split(".", 1)[0])
        if kind is not None and metric in counted.get(kind, ()):
            found[kind, instance or series.part] = None
    yield from found


def counters(history: History, series: Series, kind: Kind, key: Key, counted: Collection[str]) -> Iterator[Counter]:
    """Every counter of the component that was ever measured, by name. ``counted``: the metrics that are counters."""
    fields = {}
    for field in history.fields(series, 0.0):
        metric, _, instance = field.partition("|")
        mine = KIND_OF_PREFIX.get(metric.split(".", 1)[0]) is kind and (instance or series.part) == key[1]
        if mine and metric in counted:
            fields[metric] = field
    times, columns = history.read(series.device, series.kind, series.part, sorted(fields.values()), 0.0, math.inf)
    for metric, field in sorted(fields.items()):
        there = np.flatnonzero(~np.isnan(columns[field]))
        if there.size:
            values = columns[field]
            first, last = int(there[0]), int(there[-1])
            yield Counter(metric, float(values[first]), float(times[first]), float(values[last]), float(times[last]))
