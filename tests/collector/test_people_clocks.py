"""When an answer and a remedy are due, by hand."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.people.calendars import ALWAYS, OpenHours
from forewarn_collector.people.clocks import Clock, Moment, Target, clocks
from forewarn_collector.tickets.life import (
    ACKNOWLEDGED,
    CLOSED,
    FALSE_ALARM,
    IN_PROGRESS,
    OPEN,
    RESOLVED,
    WAITING,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MONDAY = 1_793_577_600.0
"""2026-11-02 00:00 UTC"""
TARGETS = {"critical": Target(30 * MINUTE, 4 * HOUR), "warning": Target(4 * HOUR, 18 * HOUR)}
NINE_TO_SIX = OpenHours(ZoneInfo("UTC"), dict.fromkeys(range(5), ((9 * 3600, 18 * 3600),)))


def history(*moments: Any, severity: str = "critical") -> list[Moment]:
    """(hours since the ticket was opened, state[, severity])"""
    return [Moment(MONDAY + HOUR * at, state, *(more or [severity])) for at, state, *more in moments]


def both(found: list[Clock]) -> tuple[Clock, Clock]:
    assert [clock.kind for clock in found] == ["respond", "resolve"]
    return found[0], found[1]


def test_nothing_promised_is_no_clock() -> None:
    assert clocks(history((0, OPEN)), {}, MONDAY) == []
    assert clocks(history((0, OPEN), severity="watch"), TARGETS, MONDAY) == []


def test_an_open_ticket_runs() -> None:
    respond, resolve = both(clocks(history((0, OPEN)), TARGETS, MONDAY + 10 * MINUTE))
    assert (respond.state, respond.due_at, respond.left_seconds) == ("running", MONDAY + 30 * MINUTE, 20 * MINUTE)
    assert (resolve.state, resolve.due_at) == ("running", MONDAY + 4 * HOUR)


@pytest.mark.parametrize("state", [ACKNOWLEDGED, IN_PROGRESS, WAITING])
def test_whatever_shows_that_somebody_has_taken_it_stops_the_first(state: str) -> None:
    respond, _ = both(clocks(history((0, OPEN), (0.25, state)), TARGETS, MONDAY + DAY))
    assert (respond.state, respond.stopped_at) == ("met", MONDAY + 15 * MINUTE)


def test_too_late_is_missed_and_not_yet_is_overdue() -> None:
    respond, resolve = both(clocks(history((0, OPEN), (1, ACKNOWLEDGED)), TARGETS, MONDAY + 5 * HOUR))
    assert (respond.state, respond.left_seconds) == ("missed", -30 * MINUTE)
    assert (resolve.state, resolve.left_seconds) == ("overdue", -1 * HOUR)


def test_waiting_stops_the_second_until_it_is_over() -> None:
    moments = [(0, OPEN), (0.25, ACKNOWLEDGED), (1, WAITING), (25, IN_PROGRESS)]
    _, waiting = both(clocks(history(*moments[:3]), TARGETS, MONDAY + 20 * HOUR))
    assert (waiting.state, waiting.due_at, waiting.left_seconds) == ("paused", None, 3 * HOUR)
    _, after = both(clocks(history(*moments), TARGETS, MONDAY + 26 * HOUR))
    assert (after.state, after.due_at, after.left_seconds) == ("running", MONDAY + 28 * HOUR, 2 * HOUR)


def test_what_is_over_stays_over_though_it_waits() -> None:
    _, resolve = both(clocks(history((0, OPEN), (5, WAITING)), TARGETS, MONDAY + 9 * HOUR))
    assert (resolve.state, resolve.due_at) == ("overdue", MONDAY + 4 * HOUR)


def test_resolved_in_time_though_closed_days_later() -> None:
    moments = history((0, OPEN), (0.25, ACKNOWLEDGED), (3, RESOLVED), (99, CLOSED))
    _, resolve = both(clocks(moments, TARGETS, MONDAY + 200 * HOUR))
    assert (resolve.state, resolve.stopped_at) == ("met", MONDAY + 3 * HOUR)


def test_a_ticket_that_ends_unseen_stops_both() -> None:
    for state in (RESOLVED, CLOSED, FALSE_ALARM):
        respond, resolve = both(clocks(history((0, OPEN), (1, state)), TARGETS, MONDAY + 9 * HOUR))
        assert (respond.state, resolve.state) == ("missed", "met")


def test_a_ticket_that_comes_back_goes_on_where_it_stood() -> None:
    moments = history((0, OPEN), (0.25, RESOLVED), (48, OPEN))
    respond, resolve = both(clocks(moments, TARGETS, MONDAY + 48 * HOUR + 5 * MINUTE))
    assert (respond.state, respond.due_at) == ("running", MONDAY + 48 * HOUR + 15 * MINUTE)
    assert (resolve.state, resolve.left_seconds) == ("running", 3 * HOUR + 40 * MINUTE)


def test_one_that_rises_gets_the_shorter_of_both_promises() -> None:
    moments = history((0, OPEN, "warning"), (1, OPEN, "critical"))
    respond, resolve = both(clocks(moments, TARGETS, MONDAY + HOUR))
    assert (respond.due_at, resolve.due_at) == (MONDAY + 1.5 * HOUR, MONDAY + 5 * HOUR)
    late = history((0, OPEN, "warning"), (3.9, OPEN, "critical"), (17, OPEN, "critical"))
    respond, resolve = both(clocks(late, TARGETS, MONDAY + 3.9 * HOUR))
    assert respond.due_at == MONDAY + 4 * HOUR, "what was promised first is not put off"


def test_a_calendar_stands_still_at_night() -> None:
    targets = {"critical": Target(30 * MINUTE, 4 * HOUR, NINE_TO_SIX)}
    moments = history((17.75, OPEN))
    respond, resolve = both(clocks(moments, targets, MONDAY + 20 * HOUR))
    assert respond.due_at == MONDAY + DAY + 9.25 * HOUR
    assert respond.left_seconds == 15 * MINUTE
    assert resolve.due_at == MONDAY + DAY + 12.75 * HOUR


def test_a_pause_over_night_costs_nothing_outside_of_the_calendar() -> None:
    targets = {"critical": Target(30 * MINUTE, 4 * HOUR, NINE_TO_SIX)}
    moments = history((16, OPEN), (16.25, WAITING), (34, IN_PROGRESS))
    _, resolve = both(clocks(moments, targets, MONDAY + 34.5 * HOUR))
    assert resolve.due_at == MONDAY + (24 + 10 + 3.75) * HOUR


# Against a count of minutes, whatever a ticket goes through, in zones whose clocks change

STATES = [OPEN, ACKNOWLEDGED, IN_PROGRESS, WAITING, RESOLVED, CLOSED]


@st.composite
def pasts(draw: st.DrawFn) -> list[Moment]:
    """A ticket that is opened shortly before the clocks change and goes through up to five states within two days."""
    at = draw(st.sampled_from([1_774_656_000, 1_792_886_400, 1_772_841_600])) + 60 * draw(st.integers(0, 1200))
    found = [Moment(at, OPEN, draw(st.sampled_from(["warning", "critical"])))]
    for minutes, state in draw(st.lists(st.tuples(st.integers(1, 900), st.sampled_from(STATES)), max_size=5)):
        at += 60 * minutes
        severity = "critical" if found[-1].severity == "critical" else draw(st.sampled_from(["warning", "critical"]))
        found.append(Moment(at, state, severity))
    return found


@st.composite
def promises(draw: st.DrawFn) -> dict[str, Target]:
    zone = ZoneInfo(draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])))
    opens, closes = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=2, unique=True)))
    hours = OpenHours(zone, dict.fromkeys(draw(st.sets(st.integers(0, 6), min_size=5)), ((opens * 60, closes * 60),)))
    minutes = st.integers(1, 1500)
    return {
        level: Target(60 * draw(minutes), 60 * draw(minutes), draw(st.sampled_from([hours, ALWAYS])))
        for level in ("critical", "warning")
    }


def is_open(hours: OpenHours, at: int) -> bool:
    wall = datetime.fromtimestamp(at, hours.zone)
    second = wall.hour * 3600 + wall.minute * 60
    return any(opens <= second < closes for opens, closes in hours.week.get(wall.weekday(), ()))


def by_minutes(past: list[Moment], targets: dict[str, Target], kind: str, now: int) -> tuple[int | None, float]:
    """(when the clock ran out by now, seconds left) by looking at every minute up to now or to its stop."""
    taken = next((m.at for m in past if m.state in (ACKNOWLEDGED, IN_PROGRESS, WAITING)), None)
    ends = [m.state in (RESOLVED, CLOSED) for m in past]
    over = past[len(ends) - ends[::-1].index(False)].at if ends[-1] else None
    stop = over if kind == "resolve" or taken is None else taken
    last = int(now if stop is None else min(now, stop))
    still = (RESOLVED, CLOSED, WAITING) if kind == "resolve" else (RESOLVED, CLOSED)
    begun: dict[str, int] = {}
    counts: dict[str, int] = {}
    ran_out: list[int] = []
    for at in range(int(past[0].at), last + 1, 60):
        current = [m for m in past if m.at <= at][-1]
        for moment in past:
            if moment.at == at and moment.at <= last:
                begun.setdefault(moment.severity, at)
        for level in begun:
            limit = getattr(targets[level], kind)
            counts.setdefault(level, 0)
            if at < last and current.state not in still and is_open(targets[level].hours, at):
                counts[level] += 60
                if counts[level] == limit:
                    ran_out.append(at + 60)
    left = min(getattr(targets[level], kind) - counted for level, counted in counts.items())
    return min(ran_out, default=None), left


@settings(deadline=None, max_examples=60)
@given(past=pasts(), targets=promises(), more=st.integers(0, 600))
def test_every_clock_is_what_a_count_by_minutes_finds(
    past: list[Moment], targets: dict[str, Target], more: int
) -> None:
    now = int(past[-1].at) + 60 * more
    for clock in both(clocks(past, targets, now)):
        ran_out, left = by_minutes(past, targets, clock.kind, now)
        assert clock.left_seconds == left
        if clock.state in ("overdue", "missed"):
            assert ran_out == clock.due_at
        else:
            assert ran_out is None or ran_out in (now, clock.stopped_at)
