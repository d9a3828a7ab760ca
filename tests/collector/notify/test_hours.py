"""Quiet hours and digest hours by the clock on the engineer's wall."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from forewarn_collector.notify.config import read_hours, read_time
from forewarn_collector.notify.hours import next_time, quiet_until


def moment(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


QUIET = """
hours       | zone             | now              | quiet until
22:00-07:00 | Asia/Shanghai    | 2026-11-26 21:59 | -
22:00-07:00 | Asia/Shanghai    | 2026-11-26 22:00 | 2026-11-27 07:00
22:00-07:00 | Asia/Shanghai    | 2026-11-27 00:00 | 2026-11-27 07:00
22:00-07:00 | Asia/Shanghai    | 2026-11-27 06:59 | 2026-11-27 07:00
22:00-07:00 | Asia/Shanghai    | 2026-11-27 07:00 | -
12:00-13:30 | America/New_York | 2026-11-26 13:29 | 2026-11-26 13:30
12:00-13:30 | America/New_York | 2026-11-26 11:59 | -
12:00-13:30 | America/New_York | 2026-11-26 23:00 | -
22:00-00:00 | UTC              | 2026-12-31 23:59 | 2027-01-01 00:00
22:00-00:00 | UTC              | 2026-12-31 00:00 | -
22:00-02:30 | Europe/Berlin    | 2026-03-28 23:00 | 2026-03-29 03:30
22:00-02:30 | Europe/Berlin    | 2026-10-24 23:00 | 2026-10-25 02:30
"""


def rows(table: str) -> list[list[str]]:
    _, *found = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return found


@pytest.mark.parametrize(("hours", "zone", "now", "until"), rows(QUIET))
def test_quiet_hours(hours: str, zone: str, now: str, until: str) -> None:
    found = quiet_until(read_hours(hours), zone, moment(now, zone))
    assert found == (None if until == "-" else moment(until, zone))


def test_the_same_moment_is_quiet_in_shanghai_and_not_in_berlin() -> None:
    now = moment("2026-11-26 23:00", "Asia/Shanghai")
    hours = read_hours("22:00-07:00")
    assert quiet_until(hours, "Asia/Shanghai", now) == moment("2026-11-27 07:00", "Asia/Shanghai")
    assert quiet_until(hours, "Europe/Berlin", now) is None
    assert quiet_until(None, "Asia/Shanghai", now) is None


NEXT = """
hour  | after            | comes
08:30 | 2026-11-26 08:29 | 2026-11-26 08:30
08:30 | 2026-11-26 08:30 | 2026-11-27 08:30
08:30 | 2026-11-26 23:00 | 2026-11-27 08:30
"""


@pytest.mark.parametrize(("hour", "after", "comes"), rows(NEXT))
def test_the_next_digest(hour: str, after: str, comes: str) -> None:
    zone = "Asia/Shanghai"
    assert next_time(read_time(hour), zone, moment(after, zone)) == moment(comes, zone)


def test_every_moment_of_a_year_lies_in_quiet_hours_exactly_when_the_clock_says_so() -> None:
    hours, zone = read_hours("22:30-06:15"), "Europe/Berlin"
    start = moment("2026-01-01 00:00", zone)
    for step in range(0, 365 * 86_400, 1777):
        now = start + step
        clock = datetime.fromtimestamp(now, ZoneInfo(zone)).strftime("%H:%M")
        until = quiet_until(hours, zone, now)
        assert (until is not None) == (clock >= "22:30" or clock < "06:15")
        if until is not None:
            assert datetime.fromtimestamp(until, ZoneInfo(zone)).strftime("%H:%M") == "06:15"
            assert now < until <= now + 9 * 3600


@pytest.mark.parametrize("text", ["", "22:00", "22-7", "25:00-07:00", "07:00-07:00", "22:00-07:00:00"])
def test_what_is_no_stretch_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_hours(text)
