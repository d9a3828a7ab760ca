"""Who is on call. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from forewarn_collector.people.schema import Override, Schedule, Shift

FORM = "%Y-%m-%d %H:%M"


class StandIn(NamedTuple):
    """An override that was made without the file. ``number``: by which it can be taken back."""

    number: int
    schedule: str
    engineer: str
    start: float
    end: float
    actor: str


class OnCall(NamedTuple):
    """``until``: when it may be somebody else, None when nothing is planned to change. ``engineer`` is "" in a gap."""

    schedule: str
    engineer: str
    since: str
    until: float | None


def moment(text: str, zone: ZoneInfo) -> float:
    """Unix time of a local moment; one that comes twice is the first, one that is left out the hour after."""
    return _wall(text).replace(tzinfo=zone).astimezone(UTC).timestamp()


def on_call(schedule: Schedule, stand_ins: Iterable[StandIn], at: float) -> OnCall:
    """Stand-ins go first (the newest of them), then overrides of the file, then shifts."""
    zone = ZoneInfo(schedule.time_zone)
    theirs = sorted((one for one in stand_ins if one.schedule == schedule.name), key=lambda one: -one.number)
    layers = [
        *((one.engineer, f"override {one.number} by {one.actor}", one.start, one.end) for one in theirs),
        *((one.engineer, "override", *_ends(one, zone)) for one in schedule.overrides),
        *((one.engineer, "shift", start, end) for one in schedule.shifts for start, end in _turns(one, zone, at)),
    ]
    edges = [edge for _, _, start, end in layers for edge in (start, end) if edge > at]
    for place, (engineer, why, start, end) in enumerate(layers):
        if start <= at < end:
            above = [begins for _, _, begins, _ in layers[:place] if at < begins < end]
            return OnCall(schedule.name, engineer, why, min([end, *above]))
    return OnCall(schedule.name, "", "nobody", min(edges, default=None))


def next_to_come(schedule: Schedule, stand_ins: Iterable[StandIn], at: float, many: int) -> list[tuple[float, OnCall]]:
    """Who is on call from when on: now, and after each change to come."""
    found: list[tuple[float, OnCall]] = []
    known = list(stand_ins)
    when: float | None = at
    while when is not None and len(found) < many:
        current = on_call(schedule, known, when)
        found.append((when, current))
        when = current.until
    return found


def _ends(one: Override | Shift, zone: ZoneInfo) -> tuple[float, float]:
    return moment(one.start, zone), moment(one.end, zone)


def _turns(shift: Shift, zone: ZoneInfo, at: float) -> Iterator[tuple[float, float]]:
    """The turns of a shift that are not over yet, up to the first that is to come; each at the same local times as the
    first of all."""
    first, last = (_wall(text) for text in (shift.start, shift.end))
    if not shift.repeat_weeks:
        yield _ends(shift, zone)
        return
    every = timedelta(weeks=shift.repeat_weeks)
    here = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
    turn = max(0, (here - last) // every)
    while True:
        start, end = ((wall + turn * every).replace(tzinfo=zone).astimezone(UTC).timestamp() for wall in (first, last))
        yield start, end
        if start > at:
            return
        turn += 1


def _wall(text: str) -> datetime:
    """What the clock on the wall shows, without a zone: so it can be counted in weeks."""
    return datetime.strptime(text, FORM)  # noqa: DTZ007
