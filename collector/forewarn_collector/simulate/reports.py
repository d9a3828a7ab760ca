"""What a simulated device reports at a moment. Pure: the same moment gives the same numbers."""

from forewarn_collector.simulate.chance import counted, draw, wander
from forewarn_collector.simulate.climate import DAY, HOUR, busy, room_celsius
from forewarn_collector.simulate.fleet import FAN, PROCESSOR, Fleet, SimulatedDevice
from forewarn_collector.simulate.hardware import TERABYTE
from forewarn_wire import (
    Cpu,
    Dimm,
    Fan,
    Filesystem,
    Inventory,
    LoadReport,
    Memory,
    StatusReport,
    Temperature,
    Uptime,
)

PROCESSOR_CRITICAL = 100.0
FAN_RPM = 1100.0
# With what stands in /srv a server is fuller than with its system.
_USED = {"/": (22.0, 30.0), "/srv": (35.0, 25.0)}


def birth(device: SimulatedDevice, fleet: Fleet, boot: str, at: float) -> StatusReport:
    inventory = Inventory(
        hostname=device.name,
        serial=f"SIM-{device.name}",
        vendor="Simulated",
        chassis=device.chassis,
        operating_system="simulated",
        agent_version="simulated",
        load_interval_seconds=fleet.rhythm.load,
        smart_interval_seconds=fleet.rhythm.smart,
        disks=[disk.described() for disk in device.disks],
    )
    return StatusReport(
        device=device.name, boot=boot, seq=1, sampled_at=at, state="online", session=1, inventory=inventory
    )


def load(device: SimulatedDevice, fleet: Fleet, boot: str, seq: int, at: float) -> LoadReport:
    seed = device.seed
    work = busy(device.shape, at, device.utc_offset)
    used = min(1.0, max(0.004, work * (1 + 0.5 * wander(seed + 1, at, 1200.0)) + 0.04 * (draw(seed, int(at)) - 0.5)))
    memory = 30 + 25 * draw(seed, 6) + 18 * work + 3 * wander(seed + 2, at, 3 * HOUR)
    report = LoadReport(
        device=device.name,
        boot=boot,
        seq=seq,
        sampled_at=at,
        cpu=Cpu(
            used_percent=round(100 * used, 1),
            load_average_1m=round(6 * used, 2),
            load_average_5m=round(3 * (used + work), 2),
            load_average_15m=round(6 * work, 2),
        ),
        memory=Memory(
            total_bytes=device.memory_bytes,
            available_bytes=int(device.memory_bytes * (1 - memory / 100)) // 4096 * 4096,
            used_percent=round(memory, 1),
            swap_used_percent=0.0,
        ),
        filesystems=[_filesystem(device, mount, fleet.start, at) for mount in device.mounts],
        temperatures=_temperatures(device, used, at),
        uptime=Uptime(seconds=round(device.age + at - fleet.start), unexpected_reboots=0),
    )
    if device.has_fan:
        report.fans = [_fan(device, used, at)]
    if device.modules:
        report.dimms = [_module(device, name, fleet.start, at) for name in device.modules]
    return report


def _filesystem(device: SimulatedDevice, mount: str, start: float, at: float) -> Filesystem:
    least, spread = _USED[mount]
    size = TERABYTE // 2 if mount == "/" else 3 * TERABYTE
    used = least + spread * draw(device.seed, 7, len(mount)) + 1.5 * wander(device.seed + 3, at, 2 * DAY)
    used += 0.01 * (at - start) / DAY
    fault = device.has("filesystem-full", mount)
    if fault is not None:
        # At 97 % a ticket is due; an hour earlier it is hardly less.
        used = min(99.9, used + (97.0 - used) * min(1.07, fault.progress(at + HOUR)))
    return Filesystem(
        mount=mount,
        fstype="ext4",
        source="/dev/sda1" if mount == "/" else "/dev/sdb1",
        total_bytes=size,
        free_bytes=int(size * (1 - used / 100)) // 4096 * 4096,
        used_percent=round(used, 2),
        inodes_used_percent=round(used / 9, 1),
        read_only=False,
    )


def _temperatures(device: SimulatedDevice, used: float, at: float) -> list[Temperature]:
    room = room_celsius(at, device.utc_offset) + 2 * draw(device.seed, 8)
    processor = room + 12 + 32 * used + wander(device.seed + 4, at, 600.0)
    fault = device.has("dust")
    if fault is not None:
        # When a ticket is due it is near its critical temperature even with nothing to do.
        processor = min(PROCESSOR_CRITICAL + 2, processor + (PROCESSOR_CRITICAL - room - 12) * fault.progress(at))
    return [
        Temperature(sensor=PROCESSOR, celsius=round(processor), high_celsius=84.0, critical_celsius=PROCESSOR_CRITICAL),
        Temperature(sensor="acpitz temp1", celsius=round(room + 6), critical_celsius=110.0),
    ]


def _fan(device: SimulatedDevice, used: float, at: float) -> Fan:
    told = round(35 + 40 * used)
    stopped = device.has("fan-stopped")
    turns = FAN_RPM * (0.4 + 0.8 * told / 100) * (1 + 0.03 * wander(device.seed + 5, at, 900.0))
    return Fan(
        sensor=FAN,
        rpm=0.0 if stopped is not None and at >= stopped.begins_at else float(round(turns)),
        pwm_percent=float(told),
        alarm=False,
    )


def _module(device: SimulatedDevice, name: str, start: float, at: float) -> Dimm:
    """A good module is corrected about once in three years."""
    corrected = counted(device.seed + len(name) + ord(name[-2]), 1 / (1000 * DAY), device.age + at - start)
    fault = device.has("memory-errors", name)
    if fault is not None:
        corrected += counted(device.seed + 9, 40 / DAY, at - fault.begins_at)
    return Dimm(dimm=name, corrected_errors=corrected, uncorrected_errors=0)
