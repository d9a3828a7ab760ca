"""Rows to InfluxDB's line protocol, and names back. Pure.

One measurement, ``forewarn``, with the tags ``device``, ``kind``, ``part`` and ``instance`` (what stands behind ``|``
in a field's name). A row is one line, and one more for each instance. VictoriaMetrics makes the metric
``forewarn_FIELD`` of each field.

Line protocol has no nan. A field that was not there to measure has no value; one that could not be measured has the
field ``NAME.unknown`` instead; and every row has ``reported``, so one without any value is a row too.

Source: the line protocol's reference in InfluxDB's documentation (1.8 and 2.x): escapes, and that a backslash cannot be
escaped before what separates.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from forewarn_collector.store.external.interface import Sample, SeriesName

MEASUREMENT = "forewarn"
REPORTED = "reported"
UNKNOWN = ".unknown"
LONGEST_NAME = 1000
"""Bytes. VictoriaMetrics cuts longer ones off, which would make two series one."""

_ODD = re.compile(r"[%\\\x00-\x1f\x7f\x85\u2028\u2029]")
_SEPARATES = re.compile("[,= ]")


class _Place(NamedTuple):
    """The values of one instance in a row: which columns, and what their fields are called in a line."""

    instance: str
    columns: tuple[int, ...]
    names: tuple[str, ...]


def written(name: str) -> str:
    """A name as it stands in a store: what is no plain character is percent-encoded, so ``C:\\`` becomes ``C:%5C``."""
    return _ODD.sub(lambda found: quote(found[0]), name)


def read_back(name: str) -> str:
    """What `written` was given."""
    return unquote(name)


def problem_of(sample: Sample) -> str | None:
    """Why a row cannot be written, or None. VictoriaMetrics says nothing of a line that it does not understand."""
    if len(sample.fields) != len(sample.values):
        return f"{len(sample.values)} values for {len(sample.fields)} fields"
    for name in (*sample.series, *sample.fields):
        if len(written(name).encode()) > LONGEST_NAME:
            return f"the name {name[:40]!r}... is longer than {LONGEST_NAME} bytes"
    for field in sample.fields:
        metric = field.partition("|")[0]
        if not metric or metric == REPORTED or metric.endswith(UNKNOWN):
            return f"the field {field!r} has a name that means something else here"
    return None


def lines_of(sample: Sample) -> list[str]:
    """The lines of a row, times in milliseconds. Values are floats always: a store refuses another type later."""
    before, after = _tags(sample.series)
    lines = []
    for place in _places(sample.fields):
        fields = [] if place.instance else [f"{REPORTED}=1"]
        for column, name in zip(place.columns, place.names, strict=True):
            value = float(sample.values[column])
            fields.append(f"{name}={value!r}" if value == value else f"{name}{UNKNOWN}=1")
        lines.append(f"{before}{place.instance}{after} {','.join(fields)} {sample.at}")
    return lines


@lru_cache(maxsize=65_536)
def _tags(series: SeriesName) -> tuple[str, str]:
    """Tags in the order of their names, as stores like them; an empty one is left out."""
    part = f",part={_escaped(series.part)}" if series.part else ""
    return f"{MEASUREMENT},device={_escaped(series.device)}", f",kind={_escaped(series.kind)}{part}"


@lru_cache(maxsize=4_096)
def _places(fields: tuple[str, ...]) -> Sequence[_Place]:
    found: dict[str, list[tuple[int, str]]] = {"": []}
    for column, field in enumerate(fields):
        metric, _, instance = field.partition("|")
        found.setdefault(instance, []).append((column, _escaped(metric)))
    return [
        _Place(
            f",instance={_escaped(instance)}" if instance else "",
            tuple(column for column, _ in columns),
            tuple(name for _, name in columns),
        )
        for instance, columns in found.items()
    ]


def _escaped(name: str) -> str:
    return _SEPARATES.sub(r"\\\g<0>", written(name))
