"""What the page of a device says about its parts other than disks and file systems. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import RenderableType

from forewarn_collector.api.views import SeriesView
from forewarn_collector.cli.format import ABSENT, quantity
from forewarn_collector.cli.tables import cell, folding, heading, pairs, right, table
from forewarn_rules import find_metric


class Part(NamedTuple):
    """One table: metrics begin with ``prefix``; ``columns`` are the rest of a metric's name and its header."""

    title: str
    prefix: str
    part: str
    columns: tuple[tuple[str, str], ...]


PARTS = (
    Part("Fans", "fan", "fan", (("rpm", "now"), ("minimum_rpm", "least"), ("pwm_percent", "told"), ("alarm", "alarm"))),
    Part(
        "Voltages", "voltage", "supply",
        (("volts", "now"), ("minimum_volts", "least"), ("maximum_volts", "most"), ("alarm", "alarm")),
    ),
    Part(
        "Graphics processors", "gpu", "processor",
        (
            ("celsius", "now"), ("fan_percent", "fan"), ("used_percent", "used"), ("too_hot", "too hot"),
            ("uncorrected_errors", "errors"),
        ),
    ),
    Part(
        "Memory modules", "dimm", "module",
        (("corrected_errors", "corrected errors"), ("uncorrected_errors", "uncorrected")),
    ),
    Part(
        "Batteries", "battery", "battery",
        (
            ("full_percent_of_design", "holds"), ("design_watt_hours", "design Wh"),
            ("design_ampere_hours", "design Ah"),
            ("charge_percent", "charge"), ("cycles", "cycles"),
        ),
    ),
    Part(
        "Network", "network", "interface",
        (
            ("receive_errors", "errors in"), ("transmit_errors", "out"), ("receive_dropped", "dropped in"),
            ("transmit_dropped", "out"),
        ),
    ),
)  # fmt: skip
MACHINE = ("pressure", "throttling", "log")
# What a table's header says already.
_COUNTED = frozenset({"errors", "packets", "cycles", "messages", "events", "rpm", "watt-hours", "ampere-hours"})


def part_tables(series: SeriesView, age: str) -> Iterator[RenderableType]:
    """A table for each kind of part that the newest load report has."""
    for part in PARTS:
        names = instances(series, part.prefix)
        columns = [(name, header) for name, header in part.columns if _is_told(series, part.prefix, name)]
        if not names or not columns:
            continue
        yield heading(f"{part.title}, {age}")
        shown = table(folding(part.part, least=8), *(right(header) for _, header in columns))
        for instance in names:
            values = [_shown(series, f"{part.prefix}.{name}", instance) for name, _ in columns]
            shown.add_row(cell(instance), *map(cell, values))
        yield shown


def machine_table(series: SeriesView, age: str) -> Iterator[RenderableType]:
    """Pressure, throttling and the system's log of the machine; what is zero is calm and left out."""
    there = [field for field in series.values if field.partition(".")[0] in MACHINE]
    if not there:
        return
    rows = [(field, _shown(series, field, "")) for field in there if series.values[field] != 0]
    yield heading(f"Pressure, throttling, system log, {age}")
    yield pairs(rows) if rows else cell("nothing to tell")


def disk_log_table(series: SeriesView, age: str) -> Iterator[RenderableType]:
    """What the system's log has of each disk since it is counted."""
    disks = instances(series, "disk_log")
    if not disks:
        return
    yield heading(f"System log of disks, {age}")
    shown = table(folding("disk", least=8), folding("counted"))
    for disk in disks:
        found = {
            field.partition("|")[0].removeprefix("disk_log."): value
            for field, value in series.values.items()
            if field.startswith("disk_log.") and field.endswith(f"|{disk}")
        }
        told = [f"{name.replace('_', ' ')} {value:,.0f}" for name, value in found.items() if value]
        shown.add_row(cell(disk), cell(", ".join(told) or "nothing"))
    yield shown


def instances(series: SeriesView, prefix: str) -> list[str]:
    """Mounts, sensors and other parts of a report, in its order."""
    fields = (field.partition("|") for field in series.values)
    return list(dict.fromkeys(part for metric, _, part in fields if metric.startswith(f"{prefix}.")))


def _is_told(series: SeriesView, prefix: str, name: str) -> bool:
    return any(field.startswith(f"{prefix}.{name}|") for field in series.values)


def _shown(series: SeriesView, metric: str, instance: str) -> str:
    field = f"{metric}|{instance}" if instance else metric
    if field not in series.values:
        return ABSENT
    known = find_metric(metric)
    unit = known.unit if known else ""
    return quantity(series.values[field], "" if unit in _COUNTED and instance else unit)
