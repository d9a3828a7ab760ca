"""What the history says of a component's counters: the first and the newest measured value of each."""

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

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
    return "smart" if kind is Kind.DISK else "load"


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
