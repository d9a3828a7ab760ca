"""The simulated machines of the demonstration: openly made up, seeded, each with a story or none. Pure.

What a story does to a disk follows the public descriptions of how such parts age; nothing here is a measurement.
"""

import math
from dataclasses import dataclass, field
from random import Random

from forewarn_wire import (
    Attribute,
    Cpu,
    Disk,
    Filesystem,
    Inventory,
    LoadReport,
    Memory,
    NvmeHealth,
    Outcome,
    SmartReport,
    StatusReport,
    Temperature,
    Uptime,
)

DAY = 86_400.0
HOUR = 3_600.0
TERABYTE = 10**12


@dataclass
class Machine:
    """One device. ``story`` is what happens to it; its numbers come from ``chance``, its own seeded generator."""

    name: str
    chassis: str
    disk: Disk
    story: str = ""
    chance: Random = field(default_factory=Random)
    seq: int = 0
    pending: int = 0
    uncorrected: int = 0
    crc: int = 0

    def silent_since(self) -> float:
        """Day of the demonstration from which nothing is sent."""
        return 45.0 if self.story == "silent laptop" else math.inf

    def birth(self, boot: str, now: float) -> StatusReport:
        inventory = Inventory(
            hostname=self.name,
            serial=f"SIM-{self.name}",
            vendor="Simulated",
            chassis=self.chassis,
            operating_system="simulated",
            agent_version="demo",
            load_interval_seconds=HOUR,
            smart_interval_seconds=6 * HOUR,
            disks=[self.disk],
        )
        return StatusReport(
            device=self.name, boot=boot, seq=1, sampled_at=now, state="online", session=1, inventory=inventory
        )

    def load(self, boot: str, now: float, day: float) -> LoadReport:
        self.seq += 1
        working = 0.35 if 8 <= (now / HOUR) % 24 < 20 else 0.05
        busy = min(100.0, max(0.5, 100 * working + self.chance.gauss(0, 6)))
        used = self._data_used(day)
        size = 4 * TERABYTE
        return LoadReport(
            device=self.name,
            boot=boot,
            seq=self.seq,
            sampled_at=now,
            cpu=Cpu(used_percent=round(busy, 1), load_average_1m=round(busy / 25, 2)),
            memory=Memory(total_bytes=16 * 2**30, used_percent=round(35 + busy / 4, 1)),
            filesystems=[
                Filesystem(mount="/", fstype="ext4", source="/dev/sda1", used_percent=41.0, inodes_used_percent=6.0),
                Filesystem(
                    mount="/data", fstype="ext4", source="/dev/sda2", total_bytes=size,
                    free_bytes=int(size * (1 - used / 100)), used_percent=round(used, 2), inodes_used_percent=3.0,
                ),
            ],
            temperatures=[Temperature(sensor="coretemp Package id 0", celsius=round(38 + busy / 3), high_celsius=84)],
            uptime=Uptime(seconds=day * DAY + 1000, unexpected_reboots=0),
        )  # fmt: skip

    def _data_used(self, day: float) -> float:
        if self.story != "filling file system":
            return 55.0 + 2 * math.sin(day / 5)
        return min(99.6, 52.0 + 0.62 * day + 0.8 * math.sin(2 * math.pi * day))

    def smart(self, boot: str, now: float, day: float) -> SmartReport:
        self.seq += 1
        outcome, detail = self._outcome(now)
        report = SmartReport(
            device=self.name, boot=boot, seq=self.seq, sampled_at=now, disk=self.disk, outcome=outcome, detail=detail
        )
        if outcome is not Outcome.MEASURED:
            return report
        report.passed = True
        report.temperature_celsius = round(34 + self.chance.gauss(0, 1))
        report.power_on_hours = 9000.0 + round(24 * day)
        if self.disk.kind == "nvme":
            self._fill_nvme(report, day)
        else:
            self._fill_ata(report, day)
        return report

    def _outcome(self, now: float) -> tuple[Outcome, str]:
        if self.story == "virtual disk":
            return Outcome.VIRTUAL, "a virtual disk has no SMART of its own"
        if self.story == "bridge hides SMART":
            return Outcome.BRIDGE_HIDES_SMART, "the USB bridge passes no SMART commands"
        if self.story == "sleeping disk" and not 9 <= (now / HOUR) % 24 < 11:
            return Outcome.STANDBY, "asleep, not woken"
        return Outcome.MEASURED, ""

    def _fill_ata(self, report: SmartReport, day: float) -> None:
        if self.story == "growing pending sectors" and day > 30 and self.chance.random() < 0.15 + (day - 30) / 120:
            self.pending += self.chance.choice((1, 2, 8))
            self.uncorrected += self.chance.random() < 0.4
        if self.story == "flaky cable" and day > 20 and self.chance.random() < 0.25:
            self.crc += self.chance.randint(1, 9)
        rows = {4: 120, 5: 0, 9: int(report.power_on_hours or 0), 12: 80, 187: self.uncorrected,
                188: 0, 194: int(report.temperature_celsius or 0), 197: self.pending, 198: self.pending,
                199: self.crc}  # fmt: skip
        report.attributes = [Attribute(number, 100, 100, 0, raw) for number, raw in rows.items()]
        if self.disk.kind == "ssd":
            report.endurance_used_percent = self._wear(day)

    def _fill_nvme(self, report: SmartReport, day: float) -> None:
        report.endurance_used_percent = self._wear(day)
        report.nvme = NvmeHealth(
            critical_warning=0, available_spare=100, available_spare_threshold=10,
            percentage_used=int(self._wear(day)), media_errors=0, num_err_log_entries=int(day),
            unsafe_shutdowns=3, power_cycles=90,
        )  # fmt: skip

    def _wear(self, day: float) -> float:
        return float(int(72 + 0.33 * day)) if self.story == "SSD wearing out" else float(int(4 + day / 60))
