"""What became of one smartctl run. Pure: exit status, messages and values in, an outcome out."""

import re
from typing import Any

from forewarn_agent.smart_json import count, dig, messages, number, text
from forewarn_wire import Outcome

# Asked for with ``-n standby,3``: smartctl's own 2 would be the same as "could not open".
STANDBY_EXIT_STATUS = 3

# smartctl(8), EXIT STATUS. Bits 0 to 2 say that the run was not complete; bits 3 to 7 are findings about the disk.
COMMAND_LINE, OPEN_FAILED, COMMAND_FAILED, DISK_FAILING = 1, 2, 4, 8

_PATTERNS: tuple[tuple[re.Pattern[str], Outcome], ...] = (
    (re.compile(r"device is in .*(standby|sleep).* mode", re.I), Outcome.STANDBY),
    (re.compile(r"permission denied|operation not permitted|access is denied|error=5\b", re.I), Outcome.NO_ACCESS),
    (re.compile(r"unknown usb bridge|unsupported usb", re.I), Outcome.BRIDGE_HIDES_SMART),
    (re.compile(r"unrecognized option|unknown device type|invalid argument to -", re.I), Outcome.UNREADABLE),
    (
        re.compile(
            r"does not support smart|unable to detect device type|lacks smart capability|inappropriate ioctl"
            r"|unsupported scsi opcode|smart support is: +unavailable",
            re.I,
        ),
        Outcome.UNSUPPORTED,
    ),
)
_BANNER = re.compile(r"smartctl (version )?(pre-)?\d|copyright|home page|===", re.I)
_VIRTUAL = re.compile(r"\b(QEMU|VMware|VBOX|VirtualBox|Virtual[_ ]?(disk|hd|drive)|Msft Virtual|Xen|virtio)\b", re.I)


def looks_virtual(*names: str | None) -> bool:
    """Whether a vendor or model name is one that hypervisors give their disks."""
    return any(_VIRTUAL.search(name) for name in names if name)


def classify_text(lines: list[str]) -> tuple[Outcome, str] | None:
    """The outcome that a line of smartctl's states, with that line."""
    for pattern, outcome in _PATTERNS:
        for line in lines:
            if pattern.search(line):
                return outcome, line
    return None


def has_health(document: dict[str, Any]) -> bool:
    """Whether there is anything in it about the state of the disk, beyond its name."""
    table = dig(document, "ata_smart_attributes", "table")
    if table or dig(document, "nvme_smart_health_information_log"):
        return True
    if dig(document, "smart_support", "available") is False or dig(document, "smart_support", "enabled") is False:
        return False
    return (
        isinstance(dig(document, "smart_status", "passed"), bool)
        or number(dig(document, "temperature", "current"), -60, 200) is not None
        or count(dig(document, "power_on_time", "hours")) is not None
        or count(dig(document, "scsi_grown_defect_list")) is not None
        or isinstance(dig(document, "scsi_error_counter_log"), dict)
    )


def decide(document: dict[str, Any] | None, output: bytes, exit_status: int | None) -> tuple[Outcome, str]:
    """Outcome and detail of one run. ``exit_status`` is the process's own; None where it is not known."""
    if document is None:
        return _without_json(output, exit_status)
    if exit_status is None:
        exit_status = count(dig(document, "smartctl", "exit_status")) or 0
    said = messages(document)
    if has_health(document):
        incomplete = exit_status & (OPEN_FAILED | COMMAND_FAILED)
        if incomplete and not said:
            said = ["smartctl could not read all of it: a SMART command failed"]
        return Outcome.MEASURED, "; ".join(said)[:1000]
    if exit_status == STANDBY_EXIT_STATUS:
        return Outcome.STANDBY, said[0] if said else "the disk sleeps and was not woken"
    if (recognised := classify_text(said)) is not None:
        return recognised
    return _without_values(document, said, exit_status)


def _without_values(document: dict[str, Any], said: list[str], exit_status: int) -> tuple[Outcome, str]:
    names = [text(dig(document, key)) for key in ("model_name", "scsi_model_name", "scsi_vendor", "vendor", "product")]
    if looks_virtual(*names):
        return Outcome.VIRTUAL, f"{next(name for name in names if name)}: a virtual disk, it has no SMART of its own"
    if dig(document, "smart_support", "available") is False:
        return Outcome.UNSUPPORTED, "the disk says that it has no SMART"
    if dig(document, "smart_support", "enabled") is False:
        return Outcome.UNSUPPORTED, "SMART is switched off in the disk: smartctl -s on switches it on"
    if exit_status & DISK_FAILING:
        return Outcome.MEASURED, "smartctl gave no values, but says that the disk is failing"
    if said:
        return Outcome.UNREADABLE, "; ".join(said)[:1000]
    return Outcome.UNREADABLE, f"smartctl gave no SMART values, exit status {exit_status}"


def _without_json(output: bytes, exit_status: int | None) -> tuple[Outcome, str]:
    lines = [line.strip()[:300] for line in output.decode("utf-8", errors="replace").splitlines() if line.strip()]
    if (recognised := classify_text(lines)) is not None:
        return recognised
    if exit_status == STANDBY_EXIT_STATUS:
        return Outcome.STANDBY, "the disk sleeps and was not woken"
    if exit_status is not None and exit_status & DISK_FAILING:
        return Outcome.MEASURED, "smartctl's output is cut off, but its exit status says that the disk is failing"
    if not lines:
        return Outcome.UNREADABLE, f"smartctl printed nothing, exit status {exit_status}"
    telling = next((line for line in lines if not _BANNER.match(line)), lines[0])
    return Outcome.UNREADABLE, f"smartctl's output is not whole JSON (smartctl 7.0 or newer?): {text(telling, 200)}"
