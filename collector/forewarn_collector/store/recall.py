"""What the journal knows of boots, series and devices, asked of it for many at a time.

A writer that remembers nothing, because another collector has committed, would else ask several times for each report.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from forewarn_collector.store.holes import Hole
from forewarn_collector.store.place import Connection
from forewarn_collector.store.ranges import Ranges

_BOOTS = """
    SELECT device, boot, ranges, first_received, last_received, last_sampled, reports FROM intake
    WHERE (device, boot) IN (VALUES {keys})"""
_HOLES = """
    SELECT device, boot, first, last, after, before, found FROM gap WHERE (device, boot) IN (VALUES {keys})
    ORDER BY first"""
_SERIES = """
    SELECT device, kind, part, id, facts, facts_at,
        (SELECT at FROM head WHERE head.series = series.id ORDER BY at DESC LIMIT 1),
        (SELECT received FROM head WHERE head.series = series.id ORDER BY at DESC LIMIT 1)
    FROM series WHERE (device, kind, part) IN (VALUES {keys})"""
_CLOCKS = """
    SELECT name, clock_offset, clock_at, birth, birth_received FROM device WHERE name IN (VALUES {keys})"""


class Boot:
    """What was received of one (device, boot). Times are Unix milliseconds."""

    __slots__ = ("first_received", "holes", "last_received", "last_sampled", "ranges", "reports")

    def __init__(
        self, holes: list[Hole], ranges: str, first_received: int, last_received: int, last_sampled: int, reports: int
    ) -> None:
        self.holes = holes
        self.ranges = Ranges.parse(ranges)
        self.first_received = first_received
        self.last_received = last_received
        self.last_sampled = last_sampled
        self.reports = reports


class Series:
    """``facts_time`` is that of the newest report, or when the facts changed."""

    __slots__ = ("facts", "facts_time", "id")

    def __init__(self, id_: int, facts: bytes, facts_time: int) -> None:
        self.id = id_
        self.facts = facts
        self.facts_time = facts_time


class KnownClock(NamedTuple):
    device: str
    offset: int | None
    told_at: int | None
    birth: bytes | None
    birth_received: int | None


def boots(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Boot]:
    """Those of (device, boot) of which anything was received."""
    holes: defaultdict[tuple[str, str], list[Hole]] = defaultdict(list)
    for device, boot, *hole in _found(connection, _HOLES, keys):
        holes[device, boot].append(Hole(*hole))
    found = _found(connection, _BOOTS, keys)
    return {(device, boot): Boot(holes[device, boot], *known) for device, boot, *known in found}


def series(connection: Connection, keys: Collection[tuple[str, str, str]]) -> dict[tuple[str, str, str], Series]:
    """Those of (device, kind, part) that are there. The newest report of a series outlives a restart in the head, so
    older facts cannot replace newer ones."""
    known = {}
    for device, kind, part, id_, facts, facts_at, at, received in _found(connection, _SERIES, keys):
        facts_time = facts_at if at is None else max(facts_at, min(at, received))
        known[device, kind, part] = Series(id_, facts, facts_time)
    return known


def clocks(connection: Connection, devices: Collection[str]) -> Iterator[KnownClock]:
    for known in _found(connection, _CLOCKS, [(device,) for device in devices]):
        yield KnownClock(*known)


def _found(connection: Connection, statement: str, keys: Collection[tuple[str, ...]]) -> Iterator[Any]:
    if keys:
        marks = ", ".join([f"({', '.join('?' * len(key))})" for key in keys])
        yield from connection.execute(statement.format(keys=marks), [word for key in keys for word in key]).fetchall()
