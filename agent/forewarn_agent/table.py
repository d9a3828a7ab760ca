"""Readings as rows for people: probe, part, quantity, value."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from forewarn_wire import LoadReport, Report, SmartReport
from forewarn_wire.attributes import attribute_name, sent_names

Row = tuple[str, str, str, str]
HEADER: Row = ("PROBE", "PART", "QUANTITY", "VALUE")
_PROBE_OF = {
    "cpu": "load",
    "filesystems": "filesystem",
    "temperatures": "temperature",
    "fans": "fan",
    "voltages": "voltage",
    "dimms": "ecc",
    "batteries": "battery",
    "interfaces": "network",
    "gpus": "gpu",
    "machine_log": "log",
    "disk_logs": "log",
}
_NO_READING = (*Report.__struct_fields__, "unread")
_PART_KEYS = ("mount", "sensor", "dimm", "battery", "interface", "name", "gpu", "disk")


def load_rows(report: LoadReport) -> list[Row]:
    rows: list[Row] = []
    for key in (field for field in report.__struct_fields__ if field not in _NO_READING):
        parts = getattr(report, key)
        for part in parts if isinstance(parts, list) else [] if parts is UNSET else [parts]:
            values = _values(part)
            name = next((str(values[label]) for label in _PART_KEYS if label in values), "")
            rows += _quantities(_PROBE_OF.get(key, key), name, values)
    rows += [(row.probe, row.part, row.outcome.value, row.detail) for row in report.unread]
    return rows


def smart_rows(report: SmartReport) -> list[Row]:
    slot = report.disk.slot
    identity = ", ".join(
        part
        for part in (report.disk.kind, report.disk.model, report.disk.serial and f"serial {report.disk.serial}")
        if part
    )
    rows: list[Row] = [
        ("smart", slot, "disk", identity),
        ("smart", slot, "outcome", " ".join(part for part in (report.outcome.value, report.detail) if part)),
    ]
    body = msgspec.to_builtins(report)
    simple = ("passed", "temperature_celsius", "temperature_limit_celsius", "power_on_hours", "endurance_used_percent")
    rows += _quantities("smart", slot, {key: body[key] for key in simple if key in body})
    for group in ("nvme", "scsi", "self_test"):
        if isinstance(body.get(group), dict):
            rows += _quantities("smart", slot, {f"{group} {key}": value for key, value in body[group].items()})
    names = sent_names(report)
    failed = report.attributes_failed or {}
    for attribute in report.attributes or []:
        note = f", failed {failed[attribute.id]}" if attribute.id in failed else ""
        normalised = f" (value {_shown(attribute.value)}, threshold {_shown(attribute.threshold)}{note})"
        quantity = f"{attribute.id} {attribute_name(attribute.id, names)}"
        rows.append(("smart", slot, quantity, _shown(attribute.raw) + normalised))
    return rows


def _values(part: msgspec.Struct) -> dict[str, Any]:
    """What was measured. Null in a row of a log is mostly what the platform does not write there."""
    values = msgspec.structs.asdict(part)
    left_out = (None, UNSET) if part.__struct_config__.array_like else (UNSET,)
    return {name: value for name, value in values.items() if not any(value is none for none in left_out)}


def _quantities(probe: str, part: str, values: dict[str, Any]) -> list[Row]:
    skipped = (*_PART_KEYS, "source")
    return [(probe, part, key, _shown(value)) for key, value in values.items() if key not in skipped]


def _shown(value: object) -> str:
    if value is None:
        return "could not be measured"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)


def align(rows: Iterable[Row]) -> str:
    """Rows below a header, each column as wide as its longest cell."""
    table = [HEADER, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in table
    )
