"""smartctl's output as a SMART report. Pure: bytes in, forewarn_wire.SmartReport out, never an exception."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from forewarn_agent.smart_json import count, dig, has, load_object, number, text
from forewarn_agent.smart_outcome import DISK_FAILING, decide
from forewarn_agent.smart_raw import decode_raw
from forewarn_agent.smart_selftest import newest_self_test
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import Attribute, Disk, NvmeHealth, Outcome, ScsiHealth, SmartReport
from forewarn_wire.attributes import UNKNOWN, WELL_KNOWN, vendor_number

_ATTRIBUTE_LIMIT = 128


def parse_report(slot: str, output: bytes, exit_status: int | None, sampled_at: float) -> SmartReport:
    """One disk's report. ``exit_status`` is that of the process; None takes the one in the JSON."""
    return shape_report(slot, load_object(output), output, exit_status, sampled_at)


def shape_report(
    slot: str, document: dict[str, Any] | None, output: bytes, exit_status: int | None, sampled_at: float
) -> SmartReport:
    """The same of an output that is decoded already."""
    outcome, detail = decide(document, output, exit_status)
    report = SmartReport(
        device=UNSTAMPED,
        boot=UNSTAMPED,
        seq=0,
        sampled_at=sampled_at,
        disk=parse_disk(slot, document or {}),
        outcome=outcome,
        detail=detail,
    )
    if outcome is Outcome.MEASURED:
        if exit_status is None:
            exit_status = count(dig(document, "smartctl", "exit_status"))
        _fill(report, document or {}, bool((exit_status or 0) & DISK_FAILING))
    return report


def parse_disk(slot: str, document: dict[str, Any]) -> Disk:
    """The disk's identity: everything that smartctl says it is."""
    vendor = text(dig(document, "scsi_vendor")) or text(dig(document, "vendor"))
    product = text(dig(document, "scsi_product")) or text(dig(document, "product"))
    model = text(dig(document, "model_name")) or text(dig(document, "scsi_model_name"))
    return Disk(
        slot=slot[:200],
        kind=_kind(document),
        serial=text(dig(document, "serial_number")),
        model=model or text(" ".join(part for part in (vendor, product) if part)),
        firmware=_first_text(document, "firmware_version", "scsi_revision", "revision"),
        capacity_bytes=_capacity(document),
    )


def _first_text(document: dict[str, Any], *keys: str) -> str | None:
    return next((found for key in keys if (found := text(dig(document, key)))), None)


def _capacity(document: dict[str, Any]) -> int | None:
    for path in (("user_capacity", "bytes"), ("user_capacity",), ("nvme_total_capacity",)):
        if found := count(dig(document, *path)):
            return found
    return count(dig(document, "nvme_namespaces", 0, "size", "bytes"))


def _kind(document: dict[str, Any]) -> str:
    protocol = str(dig(document, "device", "protocol") or "").lower()
    if protocol == "nvme" or has(document, "nvme_smart_health_information_log"):
        return "nvme"
    if (
        has(document, "scsi_error_counter_log")
        or "sas" in str(dig(document, "scsi_transport_protocol", "name")).lower()
    ):
        return "sas"
    rotation = number(dig(document, "rotation_rate"), 0, 100_000)
    if rotation is not None:
        return "hdd" if rotation else "ssd"
    return "ssd" if dig(document, "trim", "supported") is True else "unknown"


def _fill(report: SmartReport, document: dict[str, Any], failing: bool) -> None:
    passed = dig(document, "smart_status", "passed")
    # The verdict is always asked for, so its absence is "could not measure"; exit bit 3 states it on its own.
    report.passed = passed if isinstance(passed, bool) else (False if failing else None)
    report.temperature_celsius = _temperature(document)
    report.temperature_limit_celsius = _temperature_limit(document)
    if has(document, "power_on_time"):
        report.power_on_hours = count(dig(document, "power_on_time", "hours"))
    report.endurance_used_percent = _endurance(document)
    report.self_test = newest_self_test(document)
    _fill_attributes(report, document)
    if isinstance(log := dig(document, "nvme_smart_health_information_log"), dict):
        report.nvme = _counts(NvmeHealth(), log)
    report.scsi = _scsi(document)


def _temperature(document: dict[str, Any]) -> float | UnsetType | None:
    if not has(document, "temperature", "current"):
        return UNSET
    current = dig(document, "temperature", "current")
    # A SCSI disk without the log page answers with 0 for both.
    if current == 0 and dig(document, "temperature", "drive_trip") == 0:
        return UNSET
    return number(current, -60, 200)


def _temperature_limit(document: dict[str, Any]) -> float | UnsetType:
    """The highest temperature at which the maker lets the disk work."""
    for path in (
        ("temperature", "op_limit_max"),
        ("temperature", "drive_trip"),
        ("nvme_composite_temperature_threshold", "warning"),
    ):
        limit = number(dig(document, *path), 1, 150)
        if limit is not None:
            return limit
    return UNSET


def _endurance(document: dict[str, Any]) -> float | UnsetType:
    candidates = [
        dig(document, "endurance_used", "current_percent"),
        dig(document, "nvme_smart_health_information_log", "percentage_used"),
        dig(document, "scsi_percentage_used_endurance_indicator"),
    ]
    pages = dig(document, "ata_device_statistics", "pages")
    for page in pages if isinstance(pages, list) else ():
        table = dig(page, "table")
        rows = table if isinstance(table, list) else []
        candidates += [dig(row, "value") for row in rows if dig(row, "name") == "Percentage Used Endurance Indicator"]
    found = (number(candidate, 0, 255) for candidate in candidates)
    return next((percent for percent in found if percent is not None), UNSET)


def _fill_attributes(report: SmartReport, document: dict[str, Any]) -> None:
    table = dig(document, "ata_smart_attributes", "table")
    if not isinstance(table, list):
        return
    hours = count(dig(document, "power_on_time", "hours"))
    rows: dict[int, Attribute] = {}
    names: dict[int, str] = {}
    numbers: list[int] = []
    failed: dict[int, str] = {}
    for entry in table:
        attribute = count(dig(entry, "id"))
        if attribute is None or not 1 <= attribute <= 255 or attribute in rows or len(rows) >= _ATTRIBUTE_LIMIT:
            continue
        rows[attribute] = Attribute(
            id=attribute,
            value=count(dig(entry, "value")),
            worst=count(dig(entry, "worst")),
            threshold=count(dig(entry, "thresh")),
            raw=decode_raw(attribute, text(dig(entry, "raw", "string")), count(dig(entry, "raw", "value")), hours),
        )
        name = text(dig(entry, "name"))
        differs = bool(name) and name != WELL_KNOWN.get(attribute, UNKNOWN)
        numbers.append(vendor_number(name) if name and differs else 0)
        if name and differs and not numbers[-1]:
            names[attribute] = name
        if when := text(dig(entry, "when_failed")):
            failed[attribute] = when
    if rows:
        report.attributes = list(rows.values())
        report.attribute_names = names or UNSET
        report.attribute_name_numbers = numbers if any(numbers) else UNSET
        report.attributes_failed = failed or UNSET


def _counts(health: NvmeHealth, log: dict[str, Any]) -> NvmeHealth:
    for field in msgspec.structs.fields(NvmeHealth):
        if field.name in log:
            setattr(health, field.name, count(log[field.name]))
    return health


def _scsi(document: dict[str, Any]) -> ScsiHealth | UnsetType:
    health = ScsiHealth()
    if has(document, "scsi_grown_defect_list"):
        health.grown_defect_list = count(dig(document, "scsi_grown_defect_list"))
    log = dig(document, "scsi_error_counter_log")
    for operation in ("read", "write", "verify"):
        if has(log, operation, "total_uncorrected_errors"):
            errors = count(dig(log, operation, "total_uncorrected_errors"))
            setattr(health, f"{operation}_total_uncorrected_errors", errors)
    return health if health != ScsiHealth() else UNSET
