"""The newest entry of a disk's self-test log: ATA standard or extended, NVMe, SCSI."""

from typing import Any

from msgspec import UNSET, UnsetType

from forewarn_agent.smart_json import count, dig, has, text
from forewarn_wire import SelfTest


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
