"""How good the service of a month was, from what became of its tickets. Pure."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from forewarn_collector.tickets import life

REAL = ("failed", "replaced-in-time", "cleaned", "configuration")
"""Outcomes that say that there was a fault."""
PREVENTED = ("replaced-in-time", "cleaned", "configuration")
"""Those that say that it was dealt with before it did harm."""


class Served(NamedTuple):
    """A ticket as far as quality is concerned. ``ends``: every time it ended, in order; ``came_back``: for each,
    whether it was opened again or followed by another ticket. Times are Unix seconds."""

    number: int
    customer: str
    engineer: str
    found_by: str
    recorded_at: float
    acknowledged_at: float | None
    ends: Sequence[tuple[float, str | None]]
    came_back: Sequence[bool]
    stars: int | None = None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the report. ``opened``, ``found_by_us`` and ``reported_by_customer``: tickets recorded in the month.
    Everything else is about tickets that ended in it. Shares are 0 to 1, times seconds (medians); null: there is
    nothing to count them from. ``prevented``: of real faults, those that we found and dealt with in time."""

    who: str
    opened: int
    found_by_us: int
    reported_by_customer: int
    ended: int
    prevented: float | None
    first_time_fix: float | None
    seconds_to_acknowledge: float | None
    seconds_to_resolve: float | None
    ratings: int
    stars: float | None


class QualityReport(msgspec.Struct, frozen=True, kw_only=True):
    """``since`` and ``until``: the month, Unix seconds."""

    month: str
    zone: str
    since: float
    until: float
    total: Quality
    customers: list[Quality]
    engineers: list[Quality]


def month_of(month: str, zone: str) -> tuple[float, float]:
    """First and last instant of ``2026-10`` there, Unix seconds. Raise ValueError."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(zone))
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start.timestamp(), end.timestamp()


def report(served: Sequence[Served], month: str, zone: str) -> QualityReport:
    """Raise ValueError for a month or a zone that is none."""
    since, until = month_of(month, zone)

    def by(name: Callable[[Served], str]) -> list[Quality]:
        groups: dict[str, list[Served]] = {}
        for one in served:
            groups.setdefault(name(one), []).append(one)
        rows = [quality(who, groups[who], since, until) for who in sorted(groups)]
        return [row for row in rows if row.opened or row.ended]

    return QualityReport(
        month=month, zone=zone, since=since, until=until, total=quality("all", served, since, until),
        customers=by(lambda one: one.customer), engineers=by(lambda one: one.engineer or "nobody"),
    )  # fmt: skip


class _End(NamedTuple):
    """The last end of a ticket within the month."""

    ticket: Served
    at: float
    outcome: str | None
    came_back: bool


def quality(who: str, served: Iterable[Served], since: float, until: float) -> Quality:
    served = list(served)
    opened = [one for one in served if since <= one.recorded_at < until]
    ends = [end for one in served if (end := _last_end(one, since, until)) is not None]
    real = [end for end in ends if end.outcome in REAL]
    ours = [end for end in real if end.ticket.found_by == life.US and end.outcome in PREVENTED]
    fixed = [end for end in real if not end.came_back and not _before(end)]
    acknowledged = [end for end in ends if end.ticket.acknowledged_at is not None]
    waits = [(end.ticket.acknowledged_at or 0.0) - end.ticket.recorded_at for end in acknowledged]
    stars = [end.ticket.stars for end in ends if end.ticket.stars is not None]
    return Quality(
        who=who,
        opened=len(opened),
        found_by_us=sum(one.found_by == life.US for one in opened),
        reported_by_customer=sum(one.found_by == life.CUSTOMER for one in opened),
        ended=len(ends),
        prevented=len(ours) / len(real) if real else None,
        first_time_fix=len(fixed) / len(real) if real else None,
        seconds_to_acknowledge=_median(waits),
        seconds_to_resolve=_median([end.at - end.ticket.recorded_at for end in acknowledged]),
        ratings=len(stars),
        stars=statistics.fmean(stars) if stars else None,
    )


def _last_end(one: Served, since: float, until: float) -> _End | None:
    pairs = zip(one.ends, one.came_back, strict=True)
    found = [_End(one, at, outcome, back) for (at, outcome), back in pairs if since <= at < until]
    return found[-1] if found else None


def _before(end: _End) -> bool:
    """Whether it had ended with a fix before: what is fixed the second time is no first-time fix."""
    return any(at < end.at and outcome in REAL for at, outcome in end.ticket.ends)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
