"""The parts of a device on its page: from a load report as it is on the wire to lines of 80 columns."""

import io
import math
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from forewarn_collector.api.views import SeriesView
from forewarn_collector.cli.parts_page import disk_log_table, machine_table, part_tables
from forewarn_collector.ingest.load_shape import load_point
from forewarn_wire import LoadReport, decode

RELEASED = Path(__file__).parents[1] / "data" / "wire" / "v1"


def series_of(name: str) -> SeriesView:
    report = decode("load", (RELEASED / f"{name}.json").read_bytes())
    assert isinstance(report, LoadReport)
    point = load_point(report)
    values = {
        field: None if math.isnan(value) else value for field, value in zip(point.fields, point.values, strict=True)
    }
    return SeriesView(kind="load", part="", at=point.at, values=values, facts={})


def shown(series: SeriesView, columns: int = 80) -> str:
    console = Console(file=io.StringIO(), width=columns, force_terminal=False)
    for show in (part_tables, machine_table, disk_log_table):
        for block in show(series, "now"):
            console.print(block)
    text = console.file.getvalue()
    assert max(map(cell_len, text.splitlines()), default=0) <= columns
    return text


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_part_of_a_machine_has_its_row_where_no_rule_speaks() -> None:
    lines = squeezed(shown(series_of("load-machine")))
    for expected in (
        "fan now least told alarm",
        "nct6798 fan2 (nct6775.656) 1,124 300 40 % no",
        "nct6798 AVCC (nct6775.656) 3.392 volts 2.976 volts 3.632 volts no",
        "mc0 dimm0 CPU_SrcID#0_MC#0_Chan#0_DIMM#0 4 0",
        "BAT0 76 % 50 - 84 % 412",
        "eno1 3 0 17 0",
        "pressure.cpu_some_percent 1.1 %",
        "throttling.package_events 12 events",
    ):
        assert any(expected in line for line in lines), (expected, lines)


def test_the_log_and_graphics_processors_are_shown() -> None:
    lines = squeezed(shown(series_of("load-log")))
    assert "Tesla T4 (00000000:02:00.0) 45 °C 98 % no 0" in lines
    assert "log.hardware_errors_corrected 3 messages" in lines
    assert not any("log.hung_tasks" in line for line in lines), "what is zero is left out"
    assert "Z305XXXX io errors 4, medium errors 1, resets 2, filesystem errors 1, read only remounts 1" in " ".join(
        lines
    )


def test_what_could_not_be_measured_is_no_zero() -> None:
    series = series_of("load-log")
    lines = squeezed(shown(series))
    assert any(line.startswith("log.crashes") and "0" not in line for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_long_names_fold(columns: int) -> None:
    series = series_of("load-machine")
    series.values |= {f"fan.rpm|{'a very long name of a fan ' * 5}": 900.0}
    shown(series, columns)


def test_a_machine_without_parts_has_no_tables() -> None:
    assert shown(SeriesView(kind="load", part="", at=0.0, values={"cpu.used_percent": 1.0}, facts={})) == ""
