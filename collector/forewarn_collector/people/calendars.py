"""Open hours in a time zone as stretches of Unix time. Pure.

By the clock on the wall: an hour that the clocks leave out in spring is open in no calendar, one that comes twice in
autumn counts twice.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400
HORIZON_DAYS = 3660
"""A calendar that does not open within ten years never does."""

Span = tuple[float, float]


class OpenHours(NamedTuple):
    """``week``: by weekday (Monday is 0) the stretches of a day in seconds since midnight, in order and apart."""

    zone: ZoneInfo
    week: Mapping[int, Sequence[tuple[int, int]]]
    holidays: frozenset[date] = frozenset()


ALWAYS = OpenHours(ZoneInfo("UTC"), dict.fromkeys(range(7), ((0, DAY),)))


def open_spans(hours: OpenHours, start: float, end: float) -> Iterator[Span]:
    """When it is open between two moments, in order."""
    if start >= end:
        return
    if hours is ALWAYS:
        yield start, end
        return
    for opens, closes in _days(hours, start):
        if opens >= end:
            return
        if closes > start:
            yield max(opens, start), min(closes, end)


def open_seconds(hours: OpenHours, start: float, end: float) -> float:
    return sum(closes - opens for opens, closes in open_spans(hours, start, end))


def without(spans: Iterable[Span], pauses: Sequence[Span]) -> Iterator[Span]:
    """The spans less the pauses; both are in order, pauses do not overlap."""
    ends = [end for _, end in pauses]
    for opens, closes in spans:
        at = opens
        for pause_start, pause_end in pauses[bisect_right(ends, opens) :]:
            if pause_start >= closes:
                break
            if pause_start > at:
                yield at, pause_start
            at = max(at, min(pause_end, closes))
        if at < closes:
            yield at, closes


def reached(hours: OpenHours, start: float, seconds: float, pauses: Sequence[Span] = ()) -> float | None:
    """When a clock that runs in open hours and stands still in the pauses has counted so many seconds; None: never, or
    not while the last pause lasts."""
    if seconds <= 0:
        return start
    left = seconds
    for opens, closes in without(open_spans(hours, start, start + HORIZON_DAYS * DAY), pauses):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    return None


def counted(hours: OpenHours, start: float, end: float, pauses: Sequence[Span] = ()) -> float:
    """Seconds that such a clock has counted."""
    return sum(closes - opens for opens, closes in without(open_spans(hours, start, end), pauses))


def _days(hours: OpenHours, start: float) -> Iterator[Span]:
    """Every open stretch from the local day of ``start`` on, for ten years. Neighbours may touch."""
    day = datetime.fromtimestamp(start, hours.zone).date() - timedelta(days=1)
    for _ in range(HORIZON_DAYS):
        if day not in hours.holidays and (stretches := hours.week.get(day.weekday())):
            found = [span for part in _even_parts(day, hours.zone) for span in _within(part, day, stretches)]
            yield from sorted(found)
        day += timedelta(days=1)


def _within(part: tuple[float, float, float], day: date, stretches: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """Where the wall shows this day and these times while the zone keeps one distance from UTC."""
    begins, ends, offset = part
    midnight = datetime.combine(day, datetime.min.time(), UTC).timestamp() - offset
    for opens, closes in stretches:
        first, last = max(begins, midnight + opens), min(ends, midnight + closes)
        if first < last:
            yield first, last


@lru_cache(maxsize=10_000)
def _even_parts(day: date, zone: ZoneInfo) -> tuple[tuple[float, float, float], ...]:
    """(start, end, distance from UTC in seconds) of each stretch around a local day in which the distance is one."""
    found = []
    midnight = datetime.combine(day, datetime.min.time(), UTC).timestamp()
    begins, ends = midnight - DAY, midnight + 2 * DAY
    at = begins
    while at < ends:
        offset, until = _offset(zone, at), min(at + DAY / 2, ends)
        while until < ends and _offset(zone, until) == offset:
            until = min(until + DAY / 2, ends)
        if _offset(zone, until) != offset:
            until = _change_between(zone, max(at, until - DAY / 2), until)
        found.append((at, until, offset))
        at = until
    return tuple(found)


def _change_between(zone: ZoneInfo, before: float, after: float) -> float:
    """The second at which the distance from UTC becomes another one."""
    known = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == known:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, at: float) -> float:
    distance = datetime.fromtimestamp(at, zone).utcoffset()
    assert distance is not None
    return distance.total_seconds()
