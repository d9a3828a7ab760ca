"""psutil's only user: what a machine without Linux's proc and sysfs says about itself."""

import os
import sys
import time
from functools import cache
from types import ModuleType

from forewarn_wire import Battery, Cpu, Fan, Interface, Memory, Temperature


def is_linux() -> bool:
    return sys.platform == "linux"


@cache
def _psutil() -> ModuleType:
    """Not asked for on Linux, where it would take memory all the time."""
    import psutil

    return psutil


def cpu(window: float) -> Cpu:
    one, five, fifteen = _psutil().getloadavg()
    return Cpu(
        used_percent=_psutil().cpu_percent(interval=window),
        load_average_1m=one,
        load_average_5m=five,
        load_average_15m=fifteen,
    )


def memory() -> Memory:
    main, swap = _psutil().virtual_memory(), _psutil().swap_memory()
    report = Memory(
        total_bytes=main.total,
        available_bytes=main.available,
        used_percent=float(main.percent),
        swap_total_bytes=swap.total,
        swap_in_bytes=swap.sin,
        swap_out_bytes=swap.sout,
    )
    if swap.total:
        report.swap_used_percent = float(swap.percent)
    return report


def local_mounts() -> list[tuple[str, str, str]]:
    """(source, mount, fstype) of the physical filesystems."""
    return [(part.device, part.mountpoint, part.fstype) for part in _psutil().disk_partitions(all=False)]


def disk_usage(path: str) -> tuple[int, int, float]:
    """(total bytes, free bytes, used percent)."""
    usage = _psutil().disk_usage(path)
    return usage.total, usage.free, float(usage.percent)


def temperatures() -> list[Temperature]:
    read = getattr(_psutil(), "sensors_temperatures", None)
    found: list[Temperature] = []
    for chip, sensors in (read() if read else {}).items():
        for sensor in sensors:
            row = Temperature(sensor=f"{chip} {sensor.label}".strip(), celsius=sensor.current)
            if sensor.high:
                row.high_celsius = sensor.high
            if sensor.critical:
                row.critical_celsius = sensor.critical
            found.append(row)
    return found


def fans() -> list[Fan]:
    read = getattr(_psutil(), "sensors_fans", None)
    return [
        Fan(sensor=f"{chip} {fan.label}".strip(), rpm=float(fan.current))
        for chip, sensors in (read() if read else {}).items()
        for fan in sensors
    ]


def batteries() -> list[Battery]:
    """psutil knows the charge only, not what the battery holds when full."""
    read = getattr(_psutil(), "sensors_battery", None)
    found = read() if read else None
    return [Battery(battery="battery", charge_percent=round(float(found.percent), 1))] if found else []


def interfaces() -> list[Interface]:
    """psutil cannot tell real interfaces from virtual ones; the loopback at least is none."""
    return [
        Interface(
            interface=name,
            receive_errors=counts.errin,
            transmit_errors=counts.errout,
            receive_dropped=counts.dropin,
            transmit_dropped=counts.dropout,
        )
        for name, counts in sorted(_psutil().net_io_counters(pernic=True).items())
        if not name.lower().startswith("lo")
    ]


def page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def uptime_seconds() -> float:
    return time.time() - float(_psutil().boot_time())
