"""A drive's history as the reports of a virtual agent. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from forewarn_collector.replay.histories import Day
from forewarn_wire import Attribute, Disk, Inventory, Outcome, SmartReport, StatusReport

NOON = time(12, tzinfo=UTC)


def device_name(serial: str) -> str:
    """``drive-<serial>`` as a device name: lower case, and whatever a device name can't hold becomes a dash."""
    return ("drive-" + re.sub(r"[^a-z0-9]+", "-", serial.lower()).strip("-"))[:63]


def boot_token(files: Sequence[Path]) -> str:
    """The same files give the same token, so a repeated replay stores nothing twice."""
    names = "\n".join(sorted(f"{file.name} {file.stat().st_size}" for file in files))
    return "replay-" + hashlib.sha256(names.encode()).hexdigest()[:12]


def sampled_at(day: date) -> float:
    return datetime.combine(day, NOON).timestamp()


class Reporter:
    """Numbers each drive's reports from 1 in the order of its days."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self._seq: Counter[str] = Counter()

    def birth(self, day: Day, now: float) -> StatusReport:
        disk = Disk(slot="replayed", kind="hdd", serial=day.serial, model=day.model)
        inventory = Inventory(hostname=device_name(day.serial), agent_version="replay", disks=[disk])
        return StatusReport(
            device=device_name(day.serial),
            boot=self.boot,
            seq=1,
            sampled_at=now,
            state="online",
            session=1,
            inventory=inventory,
        )

    def is_new(self, serial: str) -> bool:
        return self._seq[serial] == 0

    def report(self, day: Day) -> SmartReport:
        self._seq[day.serial] += 1
        temperature = day.raw.get(194, day.raw.get(190))
        hours = day.raw.get(9)
        return SmartReport(
            device=device_name(day.serial),
            boot=self.boot,
            seq=self._seq[day.serial],
            sampled_at=sampled_at(day.date),
            disk=Disk(slot="replayed", kind="hdd", serial=day.serial, model=day.model),
            outcome=Outcome.MEASURED,
            temperature_celsius=None if temperature is None else float(temperature & 0xFF),
            power_on_hours=None if hours is None else float(hours),
            attributes=[
                Attribute(number, day.normalized.get(number), None, None, day.raw.get(number))
                for number in sorted(day.raw.keys() | day.normalized.keys())
                if 1 <= number <= 255
            ],
        )
