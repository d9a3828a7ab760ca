"""Wire messages to rows of numbers: which field of which series each value becomes. Pure.

A field is a metric of ``forewarn_rules.metrics``, with ``|instance`` behind it where one report carries several
(``filesystem.used_percent|/data``). Numbers go to the series; what is text or changes rarely (limits, models,
outcomes and their reasons) goes to the series' facts. For load reports, see `load_shape`.
"""

from math import nan
from typing import Any

from msgspec import UNSET

from forewarn_collector.ingest.fields import FACTS, NO_FACTS, field_name, shared
from forewarn_collector.ingest.power import power_losses
from forewarn_collector.ingest.wear import wear_metrics
from forewarn_collector.store.model import Point
from forewarn_wire import EventReport, Outcome, SmartReport
from forewarn_wire.attributes import all_attributes, sent_names
from forewarn_wire.messages import Disk

_DISK = ("temperature_celsius", "temperature_limit_celsius", "power_on_hours", "endurance_used_percent")
_NVME = (
    "critical_warning", "available_spare", "available_spare_threshold", "percentage_used", "media_errors",
    "num_err_log_entries", "unsafe_shutdowns", "power_cycles", "data_units_written", "warning_temp_time",
    "critical_comp_time",
)  # fmt: skip
_SCSI = (
    "grown_defect_list", "read_total_uncorrected_errors", "write_total_uncorrected_errors",
    "verify_total_uncorrected_errors",
)  # fmt: skip


class Columns:
    """Collects one report's fields and values; a value that is absent is left out, null becomes nan."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self.values: list[float] = []

    def take(self, prefix: str, source: Any, names: tuple[str, ...]) -> None:
        if source is UNSET or source is None:
            return
        for name in names:
            value = getattr(source, name)
            if value is not UNSET:
                self.add(field_name(prefix, name, ""), value)

    def add(self, field: str, value: float | None) -> None:
        self.fields.append(field)
        self.values.append(nan if value is None else float(value))


def disk_key(disk: Disk) -> str:
    """What identifies a disk over time: its serial number, or where it sits when it does not tell one."""
    return disk.serial or f"slot:{disk.slot}"


def smart_point(report: SmartReport) -> Point:
    columns = Columns()
    measured = report.outcome is Outcome.MEASURED
    facts: dict[str, Any] = {"disk": report.disk, "outcome": report.outcome}
    if report.detail:
        facts["detail"] = report.detail
    columns.add("disk.measured", float(measured))
    if measured:
        _add_health(columns, report)
        _add_attributes(columns, report, facts)
    return _point(report, "smart", disk_key(report.disk), columns, FACTS.encode(facts))


def _add_health(columns: Columns, report: SmartReport) -> None:
    if report.passed is not UNSET:
        columns.add("disk.passed", report.passed)
    columns.take("disk", report, _DISK)
    if report.self_test is not UNSET and report.self_test is not None:
        columns.add("disk.self_test_passed", report.self_test.passed)
    columns.take("nvme", report.nvme, _NVME)
    columns.take("scsi", report.scsi, _SCSI)
    losses = power_losses(report)
    if losses is not None:
        columns.add("disk.power_losses", losses)


def _add_attributes(columns: Columns, report: SmartReport, facts: dict[str, Any]) -> None:
    if report.attributes is UNSET and report.usual_attributes is UNSET:
        return
    attributes = all_attributes(report)
    if report.usual_attributes is not UNSET:
        # An attribute that is no longer like the others must not change the row's layout.
        attributes.sort(key=lambda attribute: attribute.id)
    thresholds: dict[str, int] = {}
    seen: set[int] = set()
    for attribute in attributes:
        if attribute.id in seen:
            continue  # a garbled table may repeat a row; the first one counts
        seen.add(attribute.id)
        columns.add(field_name("ata", str(attribute.id), "") + ".raw", attribute.raw)
        if attribute.value is not None:
            columns.add(field_name("ata", str(attribute.id), "") + ".value", attribute.value)
        if attribute.threshold:
            thresholds[str(attribute.id)] = attribute.threshold
    failed = {} if report.attributes_failed is UNSET else report.attributes_failed
    columns.add("disk.attributes_failed_now", sum(1 for when in failed.values() if when == "now"))
    names = sent_names(report)
    if names:  # all that tells wear is named by the report: none of it is among the well known
        for metric, value in wear_metrics(attributes, names).items():
            columns.add(metric, value)
    if names:
        facts["attribute_names"] = _text_keys(names)
    if thresholds:
        facts["thresholds"] = thresholds
    if failed:
        facts["attributes_failed"] = _text_keys(failed)


def _text_keys(found: dict[int, str]) -> dict[str, str]:
    """JSON has text keys only, and the encoder orders no others."""
    return {str(key): value for key, value in found.items()}


def event_point(report: EventReport) -> Point:
    columns = Columns()
    columns.add(field_name("event", report.event, report.part), report.count)
    return _point(report, "event", report.event, columns, NO_FACTS)


def _point(report: SmartReport | EventReport, kind: str, part: str, columns: Columns, facts: bytes) -> Point:
    fields, values = shared(tuple(columns.fields)), tuple(columns.values)
    return Point(report.device, kind, part, report.sampled_at, fields, values, facts)
