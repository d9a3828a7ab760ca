"""What the page of a device says about one disk. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from forewarn_collector.api.views import SeriesView
from forewarn_collector.cli.format import Times, quantity
from forewarn_collector.cli.tables import pairs
from forewarn_collector.cli.text import clean
from forewarn_rules import find_metric
from forewarn_wire.attributes import attribute_name

# Counters that say something about a disk's end. They are shown when they are not zero.
WATCHED = (
    "ata.5.raw", "ata.184.raw", "ata.187.raw", "ata.188.raw", "ata.197.raw", "ata.198.raw", "ata.199.raw",
    "nvme.critical_warning", "nvme.media_errors", "nvme.unsafe_shutdowns", "scsi.grown_defect_list",
    "scsi.read_total_uncorrected_errors", "scsi.write_total_uncorrected_errors",
    "scsi.verify_total_uncorrected_errors", "disk.attributes_failed_now",
)  # fmt: skip
HOURS_PER_YEAR = 8766


def disk_metrics(all_series: Sequence[SeriesView]) -> list[str]:
    """The metrics whose course is drawn: temperature, and the watched counters that are not zero somewhere."""
    disks = [series.values for series in all_series if series.kind == "smart"]
    wanted = ["disk.temperature_celsius"] if any("disk.temperature_celsius" in values for values in disks) else []
    return wanted + [metric for metric in WATCHED if any(values.get(metric) for values in disks)]


def disk_blocks(series: SeriesView, times: Times, courses: Mapping[tuple[str, str], str]) -> Iterator[RenderableType]:
    disk: dict[str, Any] = series.facts.get("disk", {})
    capacity = disk.get("capacity_bytes")
    words = [disk.get("slot"), disk.get("kind"), disk.get("model"), disk.get("firmware")]
    words += [f"serial {disk['serial']}"] if disk.get("serial") else ["no serial number"]
    words += [quantity(float(capacity), "bytes")] if capacity else []
    yield Text("  ".join(clean(str(word)) for word in words if word), style="bold", overflow="fold")
    yield Padding(pairs([*_health(series, times, courses), *_counters(series, courses)]), (0, 0, 0, 2))


def _health(series: SeriesView, times: Times, courses: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    outcome = str(series.facts.get("outcome", "unknown"))
    detail = series.facts.get("detail")
    if outcome != "measured":
        yield "could not be read", f"{outcome}{f': {detail}' if detail else ''} ({times.age(series.at)})"
        return
    yield "read", times.both(series.at)
    values = series.values
    passed = values.get("disk.passed", None)
    yield "own health check", "unknown" if passed is None else "passed" if passed else "FAILED"
    if "disk.self_test_passed" in values:
        test = values["disk.self_test_passed"]
        yield "last self-test", "no result" if test is None else "passed" if test else "FAILED"
    if "disk.temperature_celsius" in values:
        limit = values.get("disk.temperature_limit_celsius")
        shown = quantity(values["disk.temperature_celsius"], "celsius")
        shown += f" (limit {limit:.0f} °C)" if limit is not None else ""
        yield "temperature", f"{shown}  {courses.get(('disk.temperature_celsius', series.part), '')}".rstrip()
    hours = values.get("disk.power_on_hours")
    if hours is not None:
        yield "under power", f"{hours:,.0f} h ({hours / HOURS_PER_YEAR:.1f} years)"
    endurance = values.get("disk.endurance_used_percent", values.get("nvme.percentage_used"))
    if endurance is not None:
        yield "endurance used", quantity(endurance, "percent")
    spare = values.get("nvme.available_spare")
    if spare is not None:
        threshold = values.get("nvme.available_spare_threshold")
        yield "spare", quantity(spare, "percent") + (f" (limit {threshold:.0f} %)" if threshold is not None else "")


def _counters(series: SeriesView, courses: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    failed: dict[str, Any] = series.facts.get("attributes_failed", {})
    for number, when in failed.items():
        yield f"attribute {number}", f"at or below its threshold: {when}"
    for metric in WATCHED:
        value = series.values.get(metric)
        if value or (metric in series.values and value is None):
            known = find_metric(metric)
            unit = known.unit if known and not metric.startswith("ata.") else ""
            yield (
                counter_name(metric, series.facts),
                (f"{quantity(value, unit)}  {courses.get((metric, series.part), '')}".rstrip()),
            )


def counter_name(metric: str, facts: Mapping[str, Any]) -> str:
    """``5 Reallocated_Sector_Ct`` for ``ata.5.raw``, otherwise the metric's own name."""
    prefix, _, rest = metric.partition(".")
    if prefix != "ata":
        return metric
    number = int(rest.split(".")[0])
    names = {int(key): str(name) for key, name in facts.get("attribute_names", {}).items()}
    return f"{number} {attribute_name(number, names)}"
