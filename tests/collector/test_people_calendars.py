"""Open hours against a naive count, minute by minute on the clock on the wall, clock changes included."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forewarn_collector.people.calendars import ALWAYS, OpenHours, counted, open_seconds, open_spans, reached

MINUTE, HOUR = 60, 3600
# Clocks that change by an hour, by half an hour, at midnight, never; a place that left a whole day out (2011-12-30).
ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "America/Sao_Paulo",
    "Asia/Shanghai", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia", "UTC",
]  # fmt: skip
CHANGES = [
    datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC),
    datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC), datetime(2018, 11, 3, tzinfo=UTC),
    datetime(2018, 2, 17, tzinfo=UTC), datetime(2011, 12, 29, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC),
]  # fmt: skip


def naive(hours: OpenHours, start: float, end: float) -> int:
    """Minutes that are open, looked up one by one."""
    found = 0
    for at in range(int(start), int(end), MINUTE):
        wall = datetime.fromtimestamp(at, hours.zone)
        second = wall.hour * HOUR + wall.minute * MINUTE
        if wall.date() not in hours.holidays:
            found += any(opens <= second < closes for opens, closes in hours.week.get(wall.weekday(), ()))
    return found


@st.composite
def stretches(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """Of one day, in whole minutes, in order and apart."""
    edges = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=6, unique=True)))
    return tuple((a * MINUTE, b * MINUTE) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> OpenHours:
    week = draw(st.dictionaries(st.integers(0, 6), stretches(), min_size=1))
    holidays = draw(st.frozensets(st.dates(date(2026, 3, 27), date(2026, 3, 31)), max_size=2))
    return OpenHours(ZoneInfo(draw(st.sampled_from(ZONES))), week, holidays)


@st.composite
def moments(draw: st.DrawFn) -> int:
    """A whole minute within three days around a change of clocks."""
    return int(draw(st.sampled_from(CHANGES)).timestamp()) + MINUTE * draw(st.integers(-1440, 2880))


BERLIN_NIGHTS = OpenHours(ZoneInfo("Europe/Berlin"), dict.fromkeys(range(7), ((HOUR, 2 * HOUR + 1800),)))


@settings(deadline=None, max_examples=150)
@given(hours=calendars(), start=moments(), minutes=st.integers(0, 2 * 1440))
@example(hours=BERLIN_NIGHTS, start=int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()), minutes=600)
@example(hours=BERLIN_NIGHTS, start=int(datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp()), minutes=600)
def test_open_time_is_what_a_count_by_minutes_finds(hours: OpenHours, start: int, minutes: int) -> None:
    end = start + minutes * MINUTE
    assert open_seconds(hours, start, end) == naive(hours, start, end) * MINUTE
    spans = list(open_spans(hours, start, end))
    assert spans == sorted(spans)
    assert all(opens < closes for opens, closes in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


@settings(deadline=None, max_examples=100)
@given(
    hours=calendars(), start=moments(), seconds=st.integers(1, 40 * HOUR),
    pause=st.tuples(st.integers(0, 2880), st.integers(0, 2880)),
)  # fmt: skip
def test_when_a_clock_has_run_out_is_when_so_much_was_counted_and_no_second_earlier(
    hours: OpenHours, start: int, seconds: int, pause: tuple[int, int]
) -> None:
    pauses = [(start + pause[0] * MINUTE, start + (pause[0] + pause[1]) * MINUTE)]
    at = reached(hours, start, seconds, pauses)
    if at is None:
        assert not any(hours.week.values())
        return
    assert counted(hours, start, at, pauses) == pytest.approx(seconds)
    assert counted(hours, start, at - 1, pauses) == pytest.approx(seconds - 1)
    paused = sum(naive(hours, *span) for span in pauses) * MINUTE
    assert open_seconds(hours, start, max(at, pauses[0][1])) >= paused


@pytest.mark.parametrize(
    ("night", "open_minutes"),
    [(datetime(2026, 3, 28, 22, tzinfo=UTC), 60), (datetime(2026, 10, 24, 22, tzinfo=UTC), 120)],
)
def test_an_hour_that_is_left_out_is_not_open_and_one_that_comes_twice_is_so_twice(
    night: datetime, open_minutes: int
) -> None:
    """Open from 1:00 to 2:30 in Berlin. In spring 2:00 is followed by 3:00; in autumn 2:00 to 3:00 comes twice."""
    start = night.timestamp()
    assert open_seconds(BERLIN_NIGHTS, start, start + 8 * HOUR) == open_minutes * MINUTE


def test_a_clock_that_is_paused_without_an_end_runs_out_never_unless_it_had_before() -> None:
    assert reached(ALWAYS, 0, 100, [(50, float("inf"))]) is None
    assert reached(ALWAYS, 0, 50, [(50, float("inf"))]) == 50
    assert reached(ALWAYS, 7, 0, []) == 7


def test_a_promise_over_a_weekend_and_a_holiday() -> None:
    """Friday 16:00 and four hours, open 9 to 18 on weekdays, Monday is a holiday: Tuesday 11:00."""
    shanghai = ZoneInfo("Asia/Shanghai")
    hours = OpenHours(shanghai, dict.fromkeys(range(5), ((9 * HOUR, 18 * HOUR),)), frozenset([date(2026, 11, 16)]))
    friday = datetime(2026, 11, 13, 16, tzinfo=shanghai)
    due = reached(hours, friday.timestamp(), 4 * HOUR)
    assert due is not None
    assert datetime.fromtimestamp(due, shanghai) == friday + timedelta(days=3, hours=19)
