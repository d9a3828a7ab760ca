"""Numbers, times and courses of values as they are shown."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from forewarn_collector.api.people_views import TicketView
from forewarn_collector.api.views import DeviceLine, SeriesData
from forewarn_collector.cli.clock_words import colour, sentence, urgency
from forewarn_collector.cli.devices import build_table, disks, worst_first
from forewarn_collector.cli.engineer import build_table as work_table
from forewarn_collector.cli.format import GAP, Times, bucketed, quantity, segments, sparkline
from forewarn_collector.cli.plot import draw
from forewarn_collector.cli.series import to_csv
from forewarn_collector.cli.tickets import build_table as ticket_table
from forewarn_collector.people.clocks import Clock

NOW = 1_700_000_000.0
TIMES = Times(NOW, utc=True)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "now"), (1.9, "now"), (45.0, "45 s ago"), (180.0, "3 min ago"), (7 * 3600.0, "7 h ago"),
        (12 * 86_400.0, "12 days ago"), (-300.0, "in 5 min"),
    ],
)  # fmt: skip
def test_ages(seconds: float, shown: str) -> None:
    assert TIMES.age(NOW - seconds) == shown


def test_moments_in_utc_and_in_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    assert TIMES.moment(NOW) == "2023-11-14 22:13 UTC"
    assert TIMES.iso(NOW + 0.25) == "2023-11-14T22:13:20.250+00:00"
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert Times(NOW).both(NOW - 180) == "2023-11-15 06:10 (3 min ago)"
        assert Times(NOW).iso(NOW) == "2023-11-15T06:13:20.000+08:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_beyond_the_calendar_is_still_shown() -> None:
    assert TIMES.moment(1e18) == "1000000000000000000 s"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "percent", "?"), (math.nan, "celsius", "?"), (math.inf, "hours", "?"), (0.0, "percent", "0 %"),
        (0.4, "percent", "0.4 %"), (97.6, "percent", "98 %"), (48.2, "celsius", "48 °C"),
        (4_000_787_030_016.0, "bytes", "4.0 TB"), (31_204.0, "hours", "31,204 h"), (90_000.0, "seconds", "25 h"),
        (1.0, "yes/no", "yes"), (0.0, "yes/no", "no"), (8.0, "errors", "8 errors"), (0.25, "", "0.25"),
        (356.0, "decoded raw value", "356"), (97.0, "normalised value", "97"),
    ],
)  # fmt: skip
def test_quantities_have_units_and_unknown_is_not_zero(value: float | None, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([0.0, 50.0, 100.0], "▁▅█"),
        ([0.0, None, 0.0], "▁ ▁"),
        ([None, None], ""),
        ([], ""),
        ([7.0, 7.0], "▁▁"),
    ],
)
def test_sparklines(values: list[float | None], bars: str) -> None:
    assert sparkline(values) == bars


def test_a_sparkline_with_a_scale_of_its_own() -> None:
    assert sparkline([50.0, 50.0], 0.0, 100.0) == "▅▅"
    assert sparkline([150.0, 0.0], 0.0, 100.0) == "█▁"


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=50))
def test_a_sparkline_has_a_gap_exactly_where_a_value_is_unknown(values: list[float | None]) -> None:
    bars = sparkline(values)
    if any(value is not None for value in values):
        assert [bar == GAP for bar in bars] == [value is None for value in values]


def test_a_span_names_a_day_once() -> None:
    times = Times(0.0, utc=True)
    assert times.span(1_795_000_000, 1_795_000_900) == "2026-11-18 11:06-11:21 UTC"
    assert times.span(1_795_000_000, 1_795_086_400) == "2026-11-18 11:06 UTC - 2026-11-19 11:06 UTC"


def test_buckets_keep_the_greatest_and_leave_gaps() -> None:
    at = [0.0, 1.0, 2.0, 8.0, 10.0, 11.0]
    assert bucketed(at, [1.0, 5.0, None, None, 3.0, 9.0], 0.0, 10.0, 5) == [5.0, None, None, None, 3.0]
    assert bucketed([], [], 5.0, 5.0, 2) == [None, None]


def test_a_course_is_cut_where_it_is_unknown_and_where_reports_stayed_away() -> None:
    at = [0.0, 1.0, 2.0, 3.0, 4.0, 60.0, 61.0]
    values: list[float | None] = [1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0]
    assert segments(at, values) == [([0.0, 1.0], [1.0, 2.0]), ([3.0, 4.0], [4.0, 5.0]), ([60.0, 61.0], [6.0, 7.0])]
    assert segments([], []) == []
    assert segments([1.0], [None]) == []


def data(at: list[float], values: list[float | None]) -> SeriesData:
    return SeriesData(
        device="d", kind="load", part="", metric="cpu.used_percent", unit="percent", at=at, values=values
    )  # fmt: skip


def test_a_plot_has_a_gap_where_nothing_is_known() -> None:
    at = [NOW + minute * 60 for minute in range(60)]
    values: list[float | None] = [None if 20 <= minute < 40 else 50.0 for minute in range(60)]
    drawn = draw(data(at, values), TIMES, 80, 10)
    (line,) = [row for row in drawn.splitlines() if row.startswith("50 %")]
    left, middle, right = line[8:28], line[36:50], line[58:76]
    assert " " not in left
    assert middle.strip() == ""
    assert " " not in right
    assert max(map(len, drawn.splitlines())) <= 80


def test_a_plot_of_one_value_and_of_none() -> None:
    assert "50 %" in draw(data([NOW], [50.0]), TIMES, 80, 10)
    assert draw(data([NOW], [None]), TIMES, 80, 10) == "nothing to draw: no value could be measured"


def test_csv_leaves_the_unknown_empty() -> None:
    assert to_csv([data([NOW, NOW + 60], [0.0, None])], TIMES).splitlines() == [
        "device,metric,part,unit,time,value",
        "d,cpu.used_percent,,percent,2023-11-14T22:13:20.000+00:00,0.0",
        "d,cpu.used_percent,,percent,2023-11-14T22:14:20.000+00:00,",
    ]


def line(name: str, **known: object) -> DeviceLine:
    nothing = {
        "customer": "unassigned", "site": "", "online": None, "online_since": None, "last_received": NOW,
        "reports": 1, "hostname": None, "chassis": None, "cpu_used_percent": None, "memory_used_percent": None,
        "fullest_percent": None, "fullest_mount": None, "hottest_celsius": None, "disks": 0, "disks_unknown": 0,
        "level": "none", "tickets": 0,
    }  # fmt: skip
    return DeviceLine(name=name, **{**nothing, **known})  # type: ignore[arg-type]


def test_the_worst_device_comes_first() -> None:
    lines = [line("a"), line("off", online=False), line("b", level="watch"), line("c", level="critical"),
             line("d", level="watch", tickets=1)]  # fmt: skip
    assert [item.name for item in worst_first(lines)] == ["c", "d", "b", "off", "a"]


def test_disks_that_could_not_be_read_are_counted_apart() -> None:
    assert disks(line("a")) == "-"
    assert disks(line("a", disks=2)) == "2"
    assert disks(line("a", disks=3, disks_unknown=2)) == "1+2?"


def test_the_table_of_devices_shows_every_column_in_80_columns_however_long_the_names() -> None:
    worst = line(
        "a" * 63, customer="Vereinigte Maschinenfabriken", site="Werk Oberhausen Nord", online=False,
        last_received=NOW - 99 * 86_400, cpu_used_percent=100.0, memory_used_percent=100.0, fullest_percent=100.0,
        fullest_mount="/srv/backup/2026/november", hottest_celsius=104.0, disks=212, disks_unknown=101,
        level="critical", tickets=99,
    )  # fmt: skip
    screen = Console(width=80)
    with screen.capture() as captured:
        screen.print(build_table([worst], TIMES))
    rows = captured.get().splitlines()
    (first,) = [row for row in rows if "critical" in row]
    assert max(map(len, rows)) <= 80
    for piece in ("off, 99 days", " 100 ", "104", "111+101?", "critical", " 99"):
        assert piece in first
    assert sum(row.split()[0].count("a") for row in rows if row.startswith("a")) == 63


def worst_ticket(*clocks: Clock) -> TicketView:
    return TicketView(
        number=12345, customer="Vereinigte Maschinenfabriken", site="Werk Nord", engineer="Li Wei", device="a" * 63,
        device_serial="s", part_serial="p", fault="disk-failure", queue="storage", state="acknowledged",
        severity="critical", title="The disk is reallocating sectors", explanation={}, probability=None,
        within_seconds=None, opened_at=NOW - 99 * 86_400, recorded_at=NOW, updated_at=NOW, acknowledged_at=NOW,
        resolved_at=None, closed_at=None, owner="", waiting_for="", outcome=None, clocks=list(clocks),
    )  # fmt: skip


def first_row(shown: Table) -> str:
    screen = Console(width=80)
    with screen.capture() as captured:
        screen.print(shown)
    rows = captured.get().splitlines()
    assert max(map(len, rows)) <= 80
    (first,) = [row for row in rows if "critical" in row]
    return first.rstrip()


MET = Clock(kind="respond", state="met", due_at=NOW, left_seconds=60.0, target_seconds=600.0, stopped_at=NOW)
OVERDUE = Clock(kind="resolve", state="overdue", due_at=NOW - 99 * 86_400, left_seconds=-9.0, target_seconds=600.0)
PAUSED = Clock(kind="resolve", state="paused", due_at=None, left_seconds=7200.0, target_seconds=14_400.0)
RUNNING = Clock(kind="resolve", state="running", due_at=NOW + 1200, left_seconds=1200.0, target_seconds=14_400.0)


@pytest.mark.parametrize(
    ("clocks", "said"),
    [((), "99 days"), ((MET, OVERDUE), "99 days ago"), ((MET, PAUSED), "paused"), ((MET, RUNNING), "in 20 min")],
)
def test_the_table_of_tickets_shows_every_column_in_80_columns_however_long_the_names(
    clocks: tuple[Clock, ...], said: str
) -> None:
    first = first_row(ticket_table([worst_ticket(*clocks)], TIMES))
    assert first.split()[:3] == ["12345", "critical", "acknowledged"]
    assert first.endswith(said)


def test_an_engineer_s_table_fits_too() -> None:
    first = first_row(work_table([worst_ticket(MET, OVERDUE)], TIMES))
    assert first.split()[:7] == ["12345", "critical", "acknowledged", "resolve", "99", "days", "ago"]


def test_what_runs_out_first_comes_first() -> None:
    tickets = [worst_ticket(MET, PAUSED), worst_ticket(MET, RUNNING), worst_ticket(), worst_ticket(MET, OVERDUE)]
    in_order = [ticket.clocks[-1].state if ticket.clocks else "" for ticket in sorted(tickets, key=urgency)]
    assert in_order == ["overdue", "running", "paused", ""]


def test_a_clock_in_words() -> None:
    assert sentence(PAUSED, TIMES) == "paused, 2 h left of 4 h"
    assert sentence(RUNNING, TIMES).startswith("due ")
    assert sentence(RUNNING, TIMES).endswith("(in 20 min)")
    assert sentence(OVERDUE, TIMES).endswith("(99 days ago)")
    assert sentence(MET, TIMES).startswith("met ")
    assert (colour([MET, RUNNING]), colour([MET, OVERDUE]), colour([PAUSED]), colour([])) == ("yellow", "red", "", "")
