"""What a disk says of its self-tests: ATA standard or extended log, NVMe, SCSI. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from forewarn_agent.smart_json import count, dig, has, number, text
from forewarn_wire import SelfTest

# The same code in the ATA execution status (its high half) and in SCSI results.
_IN_PROGRESS = 15


def newest_self_test(document: dict[str, Any]) -> SelfTest | UnsetType | None:
    """The newest entry; absent where the log is empty or there is none, None where it cannot be understood."""
    for log in ("extended", "standard"):
        if has(document, "ata_smart_self_test_log", log, "table"):
            return _ata(dig(document, "ata_smart_self_test_log", log, "table", 0))
    if has(document, "nvme_self_test_log", "table"):
        return _nvme(dig(document, "nvme_self_test_log", "table", 0))
    if has(document, "scsi_self_test_0"):
        return _scsi(dig(document, "scsi_self_test_0"))
    return UNSET


def _ata(entry: object) -> SelfTest | None:
    code = count(dig(entry, "status", "value"))
    stated = dig(entry, "status", "passed")
    # The high half: 0 completed, 1 aborted, 2 interrupted, 3 to 8 failed, 15 in progress (ATA8-ACS, table 48).
    passed = stated if isinstance(stated, bool) else _verdict(None if code is None else code >> 4, range(3, 9))
    return _entry(entry, ("type", "string"), ("status", "string"), count(dig(entry, "lifetime_hours")), passed)


def _nvme(entry: object) -> SelfTest | None:
    # 0 completed, 1 to 4 aborted, 5 to 7 failed, 8 and 9 aborted (NVM Express base specification, log page 06h).
    passed = _verdict(count(dig(entry, "self_test_result", "value")), range(5, 8))
    hours = count(dig(entry, "power_on_hours"))
    if hours is None:
        hours = count(dig(entry, "power_on_time", "hours"))
    return _entry(entry, ("self_test_code", "string"), ("self_test_result", "string"), hours, passed)


def _scsi(entry: object) -> SelfTest | None:
    # 0 completed, 1 and 2 aborted, 3 unknown, 4 to 7 failed, 15 in progress (SPC-4, self-test results log).
    passed = _verdict(count(dig(entry, "result", "value")), range(4, 8))
    hours = count(dig(entry, "power_on_time", "hours"))
    return _entry(entry, ("code", "string"), ("result", "string"), hours, passed)


def _verdict(code: int | None, failed: range) -> bool | None:
    if code is None:
        return None
    if code == 0:
        return True
    return False if code in failed else None


def _entry(
    entry: object, type_: tuple[str, str], status: tuple[str, str], hours: int | None, passed: bool | None
) -> SelfTest | None:
    if not isinstance(entry, dict) or not has(entry, status[0]):
        return None
    return SelfTest(
        passed=passed,
        type=text(dig(entry, *type_)) or "",
        status=text(dig(entry, *status)) or "",
        power_on_hours=hours,
    )


@dataclass(frozen=True)
class PastTest:
    """A test that came to its end, at ``hours`` of the disk's power-on time (None where the log does not say)."""

    extended: bool
    hours: int | None


@dataclass(frozen=True)
class DiskTests:
    """What a disk says of its self-tests, read at ``read_at`` (Unix seconds).

    ``able`` is None where it does not say whether it has any. ``past`` is its log, newest first. The minutes are the
    disk's own estimate.
    """

    read_at: float
    able: bool | None = None
    running: bool = False
    past: tuple[PastTest, ...] = ()
    short_minutes: float | None = None
    extended_minutes: float | None = None


# Codes of the kinds of test: ATA8-ACS (bit 7 is captive), NVM Express log page 06h, SPC-4 (background and foreground).
_ATA_KINDS = {1: False, 2: True}
_NVME_KINDS = {1: False, 2: True}
_SCSI_KINDS = {1: False, 2: True, 5: False, 6: True}
_SCSI_ENTRIES = 20


def read_tests(document: dict[str, Any], read_at: float) -> DiskTests:
    """Of one disk's ``smartctl -x``: whether a test runs, and which were done."""
    if has(document, "nvme_self_test_log"):
        return _nvme_tests(dig(document, "nvme_self_test_log"), read_at)
    if has(document, "nvme_smart_health_information_log"):
        # smartctl before 7.4 neither shows the log nor starts a test, and says nothing about it.
        return DiskTests(read_at, able=False)
    if has(document, "scsi_self_test_0") or has(document, "scsi_extended_self_test_seconds"):
        return _scsi_tests(document, read_at)
    return _ata_tests(document, read_at)


def _ata_tests(document: dict[str, Any], read_at: float) -> DiskTests:
    state = dig(document, "ata_smart_data", "self_test")
    able = dig(document, "ata_smart_data", "capabilities", "self_tests_supported")
    status = count(dig(state, "status", "value"))
    logs = (dig(document, "ata_smart_self_test_log", log, "table") for log in ("extended", "standard"))
    table = next((log for log in logs if isinstance(log, list)), [])
    return DiskTests(
        read_at,
        able if isinstance(able, bool) else None,
        status is not None and status >> 4 == _IN_PROGRESS,
        _past(table, _ata, ("type", "value"), _ATA_KINDS, 0x7F),
        number(dig(state, "polling_minutes", "short"), 0, 10_000),
        number(dig(state, "polling_minutes", "extended"), 0, 100_000),
    )


def _nvme_tests(log: object, read_at: float) -> DiskTests:
    running = bool(count(dig(log, "current_self_test_operation", "value")))
    rows = dig(log, "table")
    past = _past(rows if isinstance(rows, list) else [], _nvme, ("self_test_code", "value"), _NVME_KINDS, 0xFF)
    return DiskTests(read_at, True, running, past)


def _scsi_tests(document: dict[str, Any], read_at: float) -> DiskTests:
    rows = [dig(document, f"scsi_self_test_{turn}") for turn in range(_SCSI_ENTRIES)]
    seconds = number(dig(document, "scsi_extended_self_test_seconds"), 0, 1e7)
    return DiskTests(
        read_at,
        True,
        any(count(dig(row, "result", "value")) == _IN_PROGRESS for row in rows),
        _past(rows, _scsi, ("code", "value"), _SCSI_KINDS, 0xFF),
        extended_minutes=None if seconds is None else seconds / 60,
    )


def _past(
    rows: list[Any],
    parse: Callable[[object], SelfTest | None],
    kind: tuple[str, str],
    kinds: Mapping[int, bool],
    mask: int,
) -> tuple[PastTest, ...]:
    found = []
    for row in rows:
        code, entry = count(dig(row, *kind)), parse(row)
        # An aborted test is none.
        if code is not None and code & mask in kinds and entry is not None and entry.passed is not None:
            found.append(PastTest(kinds[code & mask], entry.power_on_hours))
    return tuple(found)
