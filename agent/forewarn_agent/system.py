"""psutil's only user: what a machine without Linux's proc and sysfs says about itself."""

import platform
import time

import psutil

from forewarn_wire import Cpu, Memory, Temperature


def is_linux() -> bool:
    return platform.system() == "Linux"


def cpu(window: float) -> Cpu:
    one, five, fifteen = psutil.getloadavg()
    return Cpu(
        used_percent=psutil.cpu_percent(interval=window),
        load_average_1m=one,
        load_average_5m=five,
        load_average_15m=fifteen,
    )


def memory() -> Memory:
    main, swap = psutil.virtual_memory(), psutil.swap_memory()
    report = Memory(
        total_bytes=main.total,
        available_bytes=main.available,
        used_percent=float(main.percent),
        swap_total_bytes=swap.total,
    )
    if swap.total:
        report.swap_used_percent = float(swap.percent)
    return report


def local_mounts() -> list[tuple[str, str, str]]:
    """(source, mount, fstype) of the physical filesystems."""
    return [(part.device, part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=False)]


def disk_usage(path: str) -> tuple[int, int, float]:
    """(total bytes, free bytes, used percent)."""
    usage = psutil.disk_usage(path)
    return usage.total, usage.free, float(usage.percent)


def temperatures() -> list[Temperature]:
    read = getattr(psutil, "sensors_temperatures", None)
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


def uptime_seconds() -> float:
    return time.time() - psutil.boot_time()
