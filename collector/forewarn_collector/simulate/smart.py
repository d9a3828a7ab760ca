"""What the disks of a simulated device say of themselves at a moment. Pure."""

import math

from forewarn_collector.simulate.chance import counted, draw, wander
from forewarn_collector.simulate.climate import DAY, HOUR, busy, room_celsius
from forewarn_collector.simulate.fleet import Fleet, SimulatedDevice
from forewarn_collector.simulate.hardware import SimulatedDisk
from forewarn_wire import Attribute, NvmeHealth, Outcome, SmartReport

_YEAR = 365.25 * DAY
# How much of its endurance a disk with the fault has used when it begins, at about 0.3 % a day.
_WORN_AT_FIRST = 62.0


def smart(device: SimulatedDevice, disk: SimulatedDisk, fleet: Fleet, boot: str, seq: int, at: float) -> SmartReport:
    work = busy(device.shape, at, device.utc_offset)
    room = room_celsius(at, device.utc_offset) + 2 * draw(device.seed, 8)
    celsius = room + disk.model.warmer + 6 * work + wander(disk.seed, at, 2 * HOUR)
    hours = disk.hours + (at - fleet.start) / HOUR
    failed = device.has("drive-says-failed", disk.serial)
    report = SmartReport(
        device=device.name,
        boot=boot,
        seq=seq,
        sampled_at=at,
        disk=disk.described(),
        outcome=Outcome.MEASURED,
        passed=failed is None or at < failed.begins_at,
        temperature_celsius=float(round(celsius)),
        temperature_limit_celsius=disk.model.limit_celsius,
        power_on_hours=float(int(hours)),
    )
    if disk.model.kind == "nvme":
        _fill_nvme(report, device, disk, hours, at)
    else:
        _fill_ata(report, device, disk, hours, at)
    return report


def _fill_ata(report: SmartReport, device: SimulatedDevice, disk: SimulatedDisk, hours: float, at: float) -> None:
    pending, reallocated, uncorrected = _bad_sectors(device, disk, at)
    cable = device.has("flaky-cable", disk.serial)
    crc = counted(disk.seed + 3, 24 / DAY, at - cable.begins_at) if cable is not None else 0
    celsius = int(report.temperature_celsius or 0)
    starts = 20 + int(hours / 700)
    rows = {5: reallocated, 9: int(hours), 12: starts, 187: uncorrected, 188: 0, 194: celsius, 197: pending,
            198: pending, 199: crc}  # fmt: skip
    if disk.model.kind == "hdd":
        rows |= {4: starts, 10: 0, 192: starts // 3, 193: int(hours / 3)}
    else:
        used = _worn(device, disk, hours, at)
        rows |= {241: int(used * 5e7)}
        report.endurance_used_percent = float(int(used))
    report.attributes = [Attribute(number, 100, 100, 0, raw) for number, raw in sorted(rows.items())]


def _bad_sectors(device: SimulatedDevice, disk: SimulatedDisk, at: float) -> tuple[int, int, int]:
    """Pending, reallocated and reported uncorrectable. They come ever faster."""
    fault = device.fault
    if fault is None or fault.part != disk.serial or at < fault.begins_at:
        return 0, 0, 0
    days = (at - fault.begins_at) / DAY
    grown = math.expm1(days / 6)
    if fault.kind == "pending-sectors":
        return 8 * int(4 * grown), int(grown), int(3 * grown)
    if fault.kind == "reallocated-sectors":
        return 0, 8 * int(5 * grown), int(2 * grown)
    return 0, 0, 0


def _fill_nvme(report: SmartReport, device: SimulatedDevice, disk: SimulatedDisk, hours: float, at: float) -> None:
    used = int(_worn(device, disk, hours, at))
    report.endurance_used_percent = float(used)
    report.nvme = NvmeHealth(
        critical_warning=0,
        available_spare=100,
        available_spare_threshold=10,
        percentage_used=used,
        media_errors=0,
        num_err_log_entries=int(hours / 50),
        unsafe_shutdowns=3,
        power_cycles=20 + int(hours / 30),
    )


def _worn(device: SimulatedDevice, disk: SimulatedDisk, hours: float, at: float) -> float:
    """Percent of the rated endurance."""
    fault = device.has("ssd-wear", disk.serial)
    if fault is not None:
        return _WORN_AT_FIRST + (100 - _WORN_AT_FIRST) * fault.progress(at)
    return min(60.0, hours * HOUR / _YEAR * disk.model.wears * (0.5 + draw(disk.seed, 5)))
