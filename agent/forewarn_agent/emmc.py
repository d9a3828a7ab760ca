"""eMMC's own view of its wear, from /sys/block/mmcblk*/device, without smartctl.

JESD84-B51, extended CSD: DEVICE_LIFE_TIME_EST_TYP_A and _B count in steps of ten percent (0x01 is 0 to 10 % of the life
used, 0x0B beyond it); PRE_EOL_INFO is 0x01 normal, 0x02 with 80 % of the reserved blocks used, 0x03 with 90 % (urgent).
"""

import re
from pathlib import Path

from msgspec import UNSET

from forewarn_wire import Outcome, SmartReport

_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,2}")
_NOT_DEFINED, _BEYOND, _URGENT = 0, 0x0B, 3
_PRE_EOL = {1: "normal", 2: "warning: 80 % of the reserved blocks are used", 3: "urgent: 90 % of them are used"}


def fill_emmc(report: SmartReport, device: Path) -> None:
    """Put into ``report`` what ``device`` (the card's directory in sysfs) says; SD cards say nothing."""
    steps = [step for step in parse_numbers(_text(device / "life_time")) if _NOT_DEFINED < step <= _BEYOND]
    pre_eol = next(iter(parse_numbers(_text(device / "pre_eol_info"))), _NOT_DEFINED)
    if not steps and pre_eol not in _PRE_EOL:
        report.outcome = Outcome.UNSUPPORTED
        report.detail = "SD cards and old eMMC do not tell their wear"
        return
    report.outcome = Outcome.MEASURED
    # The lower end of the step: so much of the life is used for certain.
    report.endurance_used_percent = (max(steps) - 1) * 10.0 if steps else UNSET
    report.passed = pre_eol != _URGENT if pre_eol in _PRE_EOL else UNSET
    report.detail = f"reserved blocks: {_PRE_EOL[pre_eol]}" if pre_eol > 1 and pre_eol in _PRE_EOL else ""


def parse_numbers(text: str) -> list[int]:
    """``0x01 0x02`` as numbers; [] where the text holds anything else."""
    words = text.split()
    return [int(word, 16) for word in words] if all(_HEXADECIMAL.fullmatch(word) for word in words) else []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
