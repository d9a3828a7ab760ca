"""Wire messages to rows of numbers: which field of which series each value becomes. Pure.

A field is a metric of ``forewarn_rules.metrics``, with ``|instance`` behind it where one report carries several
(``filesystem.used_percent|/data``). Numbers go to the series; what is text or changes rarely (limits, models,
outcomes and their reasons) goes to the series' facts.
"""

from functools import lru_cache
from math import nan
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

from forewarn_collector.store.model import Point
from forewarn_wire import EventReport, LoadReport, Outcome, SmartReport
from forewarn_wire.messages import Disk

_ENCODER = msgspec.json.Encoder(order="deterministic")
_NO_FACTS = _ENCODER.encode({})
_CPU = ("used_percent", "load_average_1m", "load_average_5m", "load_average_15m")
_MEMORY = ("total_bytes", "available_bytes", "used_percent", "swap_total_bytes", "swap_used_percent")
_FILESYSTEM = ("total_bytes", "free_bytes", "used_percent", "inodes_used_percent")
_TEMPERATURE = ("celsius", "high_celsius", "critical_celsius")
_UPTIME = ("seconds", "unexpected_reboots")
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

    def take(self, prefix: str, source: Any, names: tuple[str, ...], instance: str = "") -> None:
        """The values of a struct whose last fields are ``names``."""
        if source is UNSET or source is None:
            return
        fields: tuple[str, ...] = _fields(prefix, names, instance)
        values: tuple[Any, ...] = astuple(source)[-len(names) :]
        if UNSET in values:
            fields = tuple(field for field, value in zip(fields, values, strict=True) if value is not UNSET)
            values = tuple(value for value in values if value is not UNSET)
        self.fields += fields
        self.values += [nan if value is None else value for value in values] if None in values else values

    def add(self, field: str, value: float | None) -> None:
        self.fields.append(field)
        self.values.append(nan if value is None else float(value))


@lru_cache(maxsize=65536)
def _fields(prefix: str, names: tuple[str, ...], instance: str) -> tuple[str, ...]:
    return tuple(_field(prefix, name, instance) for name in names)


@lru_cache(maxsize=65536)
def _field(prefix: str, name: str, instance: str) -> str:
    return f"{prefix}.{name}|{instance}" if instance else f"{prefix}.{name}"


class Layout(NamedTuple):
    """``fields`` is the same tuple object for the same layout, so that later look-ups are cheap. ``columns`` says
    which values belong to them when the report named one field twice, and is None when it did not."""

    fields: tuple[str, ...]
    columns: tuple[int, ...] | None


@lru_cache(maxsize=2048)
def _layout(fields: tuple[str, ...]) -> Layout:
    """A report that names a mount or a sensor twice is garbled, or two have one name: the first one counts."""
    first: dict[str, int] = {}
    for column, field in enumerate(fields):
        first.setdefault(field, column)
    return Layout(fields, None) if len(first) == len(fields) else Layout(tuple(first), tuple(first.values()))


@lru_cache(maxsize=2048)
def _load_facts(filesystems: tuple[tuple[str, str, str], ...]) -> bytes:
    mounts: dict[str, dict[str, str]] = {}
    for mount, fstype, source in filesystems:
        mounts.setdefault(mount, {"fstype": fstype, "source": source})
    return _ENCODER.encode({"filesystems": mounts})


def disk_key(disk: Disk) -> str:
    """What identifies a disk over time: its serial number, or where it sits when it does not tell one."""
    return disk.serial or f"slot:{disk.slot}"


def load_point(report: LoadReport) -> Point:
    columns = Columns()
    columns.take("cpu", report.cpu, _CPU)
    columns.take("memory", report.memory, _MEMORY)
    columns.take("uptime", report.uptime, _UPTIME)
    facts = _NO_FACTS
    if report.filesystems is not UNSET:
        for filesystem in report.filesystems:
            columns.take("filesystem", filesystem, _FILESYSTEM, filesystem.mount)
        facts = _load_facts(tuple([(f.mount, f.fstype, f.source) for f in report.filesystems]))
    if report.temperatures is not UNSET:
        for temperature in report.temperatures:
            columns.take("temperature", temperature, _TEMPERATURE, temperature.sensor)
    if report.unread:
        facts = _ENCODER.encode(msgspec.json.decode(facts) | {"unread": report.unread})
    return _point(report, "load", "", columns, facts)


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
    return _point(report, "smart", disk_key(report.disk), columns, _ENCODER.encode(facts))


def _add_health(columns: Columns, report: SmartReport) -> None:
    if report.passed is not UNSET:
        columns.add("disk.passed", report.passed)
    for name in _DISK:
        if (value := getattr(report, name)) is not UNSET:
            columns.add(_field("disk", name, ""), value)
    if report.self_test is not UNSET and report.self_test is not None:
        columns.add("disk.self_test_passed", report.self_test.passed)
    columns.take("nvme", report.nvme, _NVME)
    columns.take("scsi", report.scsi, _SCSI)


def _add_attributes(columns: Columns, report: SmartReport, facts: dict[str, Any]) -> None:
    if report.attributes is UNSET:
        return
    thresholds: dict[str, int] = {}
    seen: set[int] = set()
    for attribute in report.attributes:
        if attribute.id in seen:
            continue  # a garbled table may repeat a row; the first one counts
        seen.add(attribute.id)
        columns.add(_field("ata", str(attribute.id), "") + ".raw", attribute.raw)
        if attribute.value is not None:
            columns.add(_field("ata", str(attribute.id), "") + ".value", attribute.value)
        if attribute.threshold:
            thresholds[str(attribute.id)] = attribute.threshold
    failed = {} if report.attributes_failed is UNSET else report.attributes_failed
    columns.add("disk.attributes_failed_now", sum(1 for when in failed.values() if when == "now"))
    if report.attribute_names is not UNSET:
        facts["attribute_names"] = _text_keys(report.attribute_names)
    if thresholds:
        facts["thresholds"] = thresholds
    if failed:
        facts["attributes_failed"] = _text_keys(failed)


def _text_keys(found: dict[int, str]) -> dict[str, str]:
    """JSON has text keys only, and the encoder orders no others."""
    return {str(key): value for key, value in found.items()}


def event_point(report: EventReport) -> Point:
    columns = Columns()
    columns.add(_field("event", report.event, report.part), report.count)
    return _point(report, "event", report.event, columns, _NO_FACTS)


def _point(
    report: LoadReport | SmartReport | EventReport, kind: str, part: str, columns: Columns, facts: bytes
) -> Point:
    fields, chosen = _layout(tuple(columns.fields))
    values = tuple(columns.values)
    if chosen is not None:
        values = tuple([values[column] for column in chosen])
    return Point(report.device, kind, part, report.sampled_at, fields, values, facts)
