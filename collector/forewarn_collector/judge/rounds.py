"""Stored rows to the columns that the engine observes. Pure.

A round holds each component at most once; rows of one component keep their order over several rounds.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from forewarn_collector.store.history import History
from forewarn_collector.store.model import Floats, Latest, Row, Series
from forewarn_collector.store.rollups import ROLLUPS
from forewarn_rules import Key, Kind, Observation

# Which kinds of component a series of the store carries; the metric's first word tells them apart.
KIND_OF_PREFIX = {
    "ambient": Kind.DEVICE,
    "cpu": Kind.DEVICE,
    "memory": Kind.DEVICE,
    "uptime": Kind.DEVICE,
    "filesystem": Kind.FILESYSTEM,
    "throttling": Kind.DEVICE,
    "pressure": Kind.DEVICE,
    "temperature": Kind.SENSOR,
    "array": Kind.ARRAY,
    "fan": Kind.SENSOR,
    "voltage": Kind.SENSOR,
    "dimm": Kind.DIMM,
    "battery": Kind.BATTERY,
    "network": Kind.INTERFACE,
    "gpu": Kind.SENSOR,
    "log": Kind.DEVICE,
    "disk_log": Kind.DISK_LOG,
    "disk": Kind.DISK,
    "ata": Kind.DISK,
    "nvme": Kind.DISK,
    "scsi": Kind.DISK,
    "wear": Kind.DISK,
}


Wanted = tuple[tuple[Kind, frozenset[str]], ...]
"""The metrics that some rule looks at, by kind. Everything else is stored and not judged."""


class Batch(NamedTuple):
    """One round of one kind: ``metrics[name][i]`` belongs to ``keys[i]`` at ``at[i]``."""

    kind: Kind
    keys: list[Key]
    at: Floats
    metrics: dict[str, Floats]


class Slice(NamedTuple):
    """Where one component's values stand in a row: ``columns[j]`` of the row is metric ``metrics[j]``."""

    kind: Kind
    instance: str
    metrics: tuple[str, ...]
    columns: tuple[int, ...]


@lru_cache(maxsize=8192)
def slices(fields: tuple[str, ...], wanted: Wanted) -> tuple[Slice, ...]:
    """Take a layout apart: one slice per component in it, with the metrics that some rule wants.

    A component of which none of them was measured has a slice too (a disk that sleeps): unknown stops timers. What a
    rule wants to know of the device beside a part of it (a processor's load) is in the part's slice.
    """
    of_kind = dict(wanted)
    found: dict[tuple[Kind, str], list[tuple[str, int]]] = {}
    of_device: list[tuple[str, int]] = []
    for column, field in enumerate(fields):
        metric, _, instance = field.partition("|")
        kind = KIND_OF_PREFIX.get(metric.split(".", 1)[0])
        if kind is Kind.DEVICE:
            of_device.append((metric, column))
        if kind is not None and of_kind.get(kind):
            pairs = found.setdefault((kind, instance), [])
            if metric in of_kind[kind]:
                pairs.append((metric, column))
    for (kind, _), pairs in found.items():
        if kind is not Kind.DEVICE:
            pairs += [(metric, column) for metric, column in of_device if metric in of_kind[kind]]
    return tuple(
        Slice(kind, instance, tuple(m for m, _ in pairs), tuple(c for _, c in pairs))
        for (kind, instance), pairs in found.items()
    )


def keys_of(piece: Slice, whose: Iterable[Series]) -> list[Key]:
    return [(series.device, piece.instance or series.part) for series in whose]


def observation(latest: Latest, kind: Kind, key: Key) -> Observation | None:
    """A component's part of the newest row of its series, with what the row says of the device itself; None where the
    row does not carry such components."""
    if kind not in KIND_OF_PREFIX.values():
        return None
    values = {}
    for field, value in latest.values.items():
        metric, _, instance = field.partition("|")
        if KIND_OF_PREFIX.get(metric.split(".", 1)[0]) in (kind, Kind.DEVICE) and instance in ("", key[1]):
            values[metric] = value
    return Observation(latest.at, values)


class _Block(NamedTuple):
    """The same slice of several rows, one below the other."""

    piece: Slice
    keys: list[Key]
    at: Floats
    values: Floats


def rounds(rows: Sequence[Row], series: Mapping[int, Series], wanted: Wanted) -> Iterator[list[Batch]]:
    """Group rows by their turn (first row of each series, second row, ...) and each turn by kind; rollups are left
    out."""
    rows = [row for row in rows if series[row.series].kind not in ROLLUPS]
    names = {kind: sorted(metrics) for kind, metrics in wanted}
    for turn in _turns(rows):
        blocks: dict[Kind, list[_Block]] = {}
        for alike in _by_layout(turn):
            at = np.array([row.at for row in alike])
            values = _values(alike)
            whose = [series[row.series] for row in alike]
            for piece in slices(alike[0].fields, wanted):
                block = _Block(piece, keys_of(piece, whose), at, values[:, piece.columns])
                blocks.setdefault(piece.kind, []).append(block)
        yield [_batch(kind, found, names[kind]) for kind, found in blocks.items()]


def _by_layout(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """The store gives one tuple object for one layout; comparing long tuples would cost more than all the rest."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(id(row.fields), []).append(row)
    return found.values()


def _values(alike: Sequence[Row]) -> Floats:
    """[row, field]. Raise ValueError where a row has not as many values as fields."""
    packed = [row.packed for row in alike]
    fields = len(alike[0].fields)
    if {8 * fields} != set(map(len, packed)):
        raise ValueError(f"a row of {fields} fields has another number of values")
    return np.frombuffer(b"".join(packed), "<f8").reshape(len(packed), fields)


def _turns(rows: Iterable[Row]) -> list[list[Row]]:
    turns: list[list[Row]] = []
    seen: dict[int, int] = {}
    for row in rows:
        turn = seen.get(row.series, 0)
        seen[row.series] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(row)
    return turns


def _batch(kind: Kind, blocks: list[_Block], names: list[str]) -> Batch:
    place = {name: column for column, name in enumerate(names)}
    keys = [key for block in blocks for key in block.keys]
    table = np.full((len(keys), len(names)), np.nan)
    start = 0
    for block in blocks:
        end = start + len(block.keys)
        table[start:end, [place[name] for name in block.piece.metrics]] = block.values
        start = end
    at = np.concatenate([block.at for block in blocks])
    return Batch(kind, keys, at, {name: table[:, place[name]] for name in names})


class Past(NamedTuple):
    """One component's stored observations, oldest first."""

    kind: Kind
    key: Key
    at: Floats
    metrics: dict[str, Floats]


def past(history: History, series: Series, at: float, reach: float, judged: int, wanted: Wanted) -> Iterator[Past]:
    """What was judged of each component that a series carries, as far as rules look back from ``at``.

    That is ``reach`` seconds and the newest row before them, because growth over a time in which the machine was off
    counts from how it was left. Rows beyond the position ``judged`` are still to come and are left out.
    """
    start = at - reach
    older = history.before(series, start, judged)
    start = start if older is None else min(start, older)
    fields = history.fields(series, start, judged)
    pieces = slices(fields, wanted)
    names = [fields[column] for piece in pieces for column in piece.columns]
    times, values = history.read(series.device, series.kind, series.part, names, start, math.inf, up_to=judged)
    if len(times):
        for piece in pieces:
            (key,) = keys_of(piece, [series])
            pairs = zip(piece.metrics, piece.columns, strict=True)
            yield Past(piece.kind, key, times, {name: values[fields[column]] for name, column in pairs})
