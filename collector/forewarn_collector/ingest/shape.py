"""Wire messages to rows of numbers: which field of which series each value becomes. Pure.

A field is a metric of ``forewarn_rules.metrics``, with ``|instance`` behind it where one report carries several
(``filesystem.used_percent|/data``). Numbers go to the series; what is text or changes rarely (limits, models,
outcomes and their reasons) goes to the series' facts.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import nan
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple

from forewarn_collector.ingest.ambient import ambient_celsius
from forewarn_collector.ingest.power import power_losses
from forewarn_collector.ingest.wear import wear_metrics
from forewarn_collector.store.model import Point
from forewarn_wire import (
    Array,
    Battery,
    Cpu,
    Dimm,
    DiskLog,
    EventReport,
    Fan,
    Filesystem,
    Gpu,
    Interface,
    LoadReport,
    MachineLog,
    Memory,
    Outcome,
    Pressure,
    SmartReport,
    Temperature,
    Throttling,
    Uptime,
    Voltage,
)
from forewarn_wire.attributes import all_attributes, sent_names
from forewarn_wire.messages import Disk

_ENCODER = msgspec.json.Encoder(order="deterministic")
_NO_FACTS = _ENCODER.encode({})
_ARRAY = (
    "degraded", "members_missing", "rebuilding", "action_percent", "mismatches", "errors", "read_errors",
    "write_errors", "checksum_errors",
)  # fmt: skip
_LOAD: dict[type[msgspec.Struct], tuple[str, tuple[str, ...]]] = {
    Cpu: ("cpu", ("used_percent", "load_average_1m", "load_average_5m", "load_average_15m")),
    Memory: (
        "memory",
        (
            "total_bytes", "available_bytes", "used_percent", "swap_total_bytes", "swap_used_percent",
            "swap_in_bytes", "swap_out_bytes",
        ),
    ),
    Uptime: ("uptime", ("seconds", "unexpected_reboots")),
    Filesystem: ("filesystem", ("total_bytes", "free_bytes", "used_percent", "inodes_used_percent", "read_only")),
    Array: ("array", _ARRAY),
    Temperature: ("temperature", ("celsius", "high_celsius", "critical_celsius")),
    Fan: ("fan", ("rpm", "minimum_rpm", "pwm_percent", "alarm")),
    Voltage: ("voltage", ("volts", "minimum_volts", "maximum_volts", "alarm")),
    Dimm: ("dimm", ("corrected_errors", "uncorrected_errors")),
    Battery: (
        "battery", ("full_percent_of_design", "design_watt_hours", "design_ampere_hours", "charge_percent", "cycles"),
    ),
    Throttling: ("throttling", ("core_events", "package_events")),
    Pressure: (
        "pressure",
        ("cpu_some_percent", "memory_some_percent", "memory_full_percent", "io_some_percent", "io_full_percent"),
    ),
    Interface: ("network", ("receive_errors", "transmit_errors", "receive_dropped", "transmit_dropped")),
    Gpu: ("gpu", ("celsius", "fan_percent", "used_percent", "too_hot", "corrected_errors", "uncorrected_errors")),
    MachineLog: ("log", MachineLog.__struct_fields__),
    DiskLog: ("disk_log", DiskLog.__struct_fields__[1:]),
}  # fmt: skip
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
                self.add(_field(prefix, name, ""), value)

    def add(self, field: str, value: float | None) -> None:
        self.fields.append(field)
        self.values.append(nan if value is None else float(value))


@lru_cache(maxsize=65536)
def _field(prefix: str, name: str, instance: str) -> str:
    return f"{prefix}.{name}|{instance}" if instance else f"{prefix}.{name}"


@lru_cache(maxsize=4096)
def _shared(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple object for the same layout, so that later look-ups are cheap."""
    return fields


def disk_key(disk: Disk) -> str:
    """What identifies a disk over time: its serial number, or where it sits when it does not tell one."""
    return disk.serial or f"slot:{disk.slot}"


class Layout(NamedTuple):
    """``fields`` is one tuple object for one layout; ``pick`` takes their values from where they stand."""

    fields: tuple[str, ...]
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]


@lru_cache(maxsize=2048)
def _load_layout(parts: tuple[tuple[type[msgspec.Struct], str], ...], absent: tuple[int, ...]) -> Layout:
    """What the values of a report's parts, strung together, are called. A mount or sensor that is named twice is
    garbled, or two have one name: the first one counts."""
    found: dict[str, int] = {}
    start = 0
    for type_, instance in parts:
        prefix, names = _LOAD[type_]
        for name in names:
            found.setdefault(_field(prefix, name, instance), start + type_.__struct_fields__.index(name))
        start += len(type_.__struct_fields__)
    kept = {field: column for field, column in found.items() if column not in absent}
    return Layout(_shared(tuple(kept)), _picker(*kept.values()))


def _picker(*columns: int) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """itemgetter gives a tuple only for two and more."""
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda values: tuple(values[column] for column in columns)


@lru_cache(maxsize=2048)
def _load_facts(filesystems: tuple[tuple[str, str, str], ...]) -> bytes:
    mounts: dict[str, dict[str, str]] = {}
    for mount, fstype, source in filesystems:
        mounts.setdefault(mount, {"fstype": fstype, "source": source})
    return _ENCODER.encode({"filesystems": mounts})


def _array_facts(arrays: list[Array]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for array in arrays:
        texts = {
            "array_type": array.type,
            "array_level": array.level,
            "array_state": array.state,
            "members": ", ".join(array.members),
            "failed_members": ", ".join(array.failed_members),
        }
        found.setdefault(array.name, {name: text for name, text in texts.items() if text})
    return found


@lru_cache(maxsize=4096)
def _with_ambient(fields: tuple[str, ...]) -> tuple[str, ...]:
    return _shared((*fields, "ambient.celsius"))


def load_point(report: LoadReport) -> Point:
    """Most of a fleet's reports come through here, so what is the same from report to report is remembered."""
    parts: list[tuple[type[msgspec.Struct], str]] = []
    strung: list[Any] = []
    facts = _NO_FACTS
    for part in (report.cpu, report.memory, report.uptime, report.throttling, report.pressure, report.machine_log):
        if part is not UNSET:
            parts.append((type(part), ""))
            strung += astuple(part)
    for several in (
        report.filesystems, report.temperatures, report.fans, report.voltages, report.dimms, report.batteries,
        report.interfaces, report.arrays, report.gpus, report.disk_logs,
    ):  # fmt: skip
        if several is not UNSET:
            for one in several:
                values = astuple(one)
                parts.append((type(one), values[0]))  # its first field names it
                strung += values
    if report.filesystems is not UNSET:
        facts = _load_facts(tuple([(f.mount, f.fstype, f.source) for f in report.filesystems]))
    if report.arrays is not UNSET:
        facts = _ENCODER.encode(msgspec.json.decode(facts) | {"arrays": _array_facts(report.arrays)})
    if report.unread:
        facts = _ENCODER.encode(msgspec.json.decode(facts) | {"unread": report.unread})
    absent = tuple([column for column, value in enumerate(strung) if value is UNSET])
    fields, pick = _load_layout(tuple(parts), absent)
    row = pick(strung)
    if None in row:
        row = tuple([nan if value is None else value for value in row])
    ambient = None if report.temperatures is UNSET else ambient_celsius(report.temperatures)
    if ambient is not None:
        fields, row = _with_ambient(fields), (*row, ambient)
    return Point(report.device, "load", "", report.sampled_at, fields, row, facts)


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
        columns.add(_field("ata", str(attribute.id), "") + ".raw", attribute.raw)
        if attribute.value is not None:
            columns.add(_field("ata", str(attribute.id), "") + ".value", attribute.value)
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
    columns.add(_field("event", report.event, report.part), report.count)
    return _point(report, "event", report.event, columns, _NO_FACTS)


def _point(report: SmartReport | EventReport, kind: str, part: str, columns: Columns, facts: bytes) -> Point:
    fields, values = _shared(tuple(columns.fields)), tuple(columns.values)
    return Point(report.device, kind, part, report.sampled_at, fields, values, facts)
