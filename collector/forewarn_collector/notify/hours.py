"""Quiet hours and digest hours: from the clock on an engineer's wall to moments. Pure.

A time that the clocks leave out in spring is an hour later by them; of one that comes twice in autumn the first counts.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from forewarn_collector.notify.model import Hours


def quiet_until(hours: Hours | None, time_zone: str, now: float) -> float | None:
    """When the quiet hours end that ``now`` lies in; None when it lies in none."""
    if hours is None:
        return None
    zone = ZoneInfo(time_zone)
    here = datetime.fromtimestamp(now, zone)
    if not _contains(hours, here.time()):
        return None
    return next_time(hours.end, time_zone, now)


def next_time(wanted: time, time_zone: str, after: float) -> float:
    """The first moment after ``after`` at which the clock there shows ``wanted``."""
    zone = ZoneInfo(time_zone)
    day = datetime.fromtimestamp(after, zone).date()
    while (moment := _moment(day, wanted, zone)) <= after:
        day += timedelta(days=1)
    return moment


def _contains(hours: Hours, moment: time) -> bool:
    if hours.start <= hours.end:
        return hours.start <= moment < hours.end
    return moment >= hours.start or moment < hours.end


def _moment(day: date, wanted: time, zone: ZoneInfo) -> float:
    return datetime.combine(day, wanted, zone).astimezone(UTC).timestamp()
