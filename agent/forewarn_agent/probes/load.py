"""How busy the processors are."""

import time
from pathlib import Path

from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import CpuTimes, LoadParts, Probe, Surroundings
from forewarn_wire import Cpu


def measure(surroundings: Surroundings) -> LoadParts:
    proc = surroundings.roots.proc
    averages = parse_load_averages((proc / "loadavg").read_text())
    earlier = surroundings.cpu_times
    if earlier is None:
        # The first reading has nothing to compare with; a short window gives it a true value at once.
        earlier = _read_times(proc)
        time.sleep(surroundings.cpu_window)
    later = _read_times(proc)
    surroundings.cpu_times = later
    return LoadParts(cpu=shape(earlier, later, averages))


def measure_by_psutil(surroundings: Surroundings) -> LoadParts:
    return LoadParts(cpu=surroundings.system.cpu(surroundings.cpu_window, surroundings.platform))


def _read_times(proc: Path) -> CpuTimes:
    return parse_cpu_times((proc / "stat").read_text())


def parse_cpu_times(text: str) -> CpuTimes:
    """The ``cpu`` line of /proc/stat (proc_stat(5)); guest time is already part of user time."""
    for line in text.splitlines():
        name, *fields = line.split()
        if name == "cpu":
            ticks = [int(field) for field in fields[:8]]
            if len(ticks) < 4:
                break
            return CpuTimes(total=sum(ticks), idle=ticks[3] + (ticks[4] if len(ticks) > 4 else 0))
    raise ValueError("no cpu line in /proc/stat")


def parse_load_averages(text: str) -> tuple[float, float, float]:
    """The first three numbers of /proc/loadavg."""
    one, five, fifteen = (float(word) for word in text.split()[:3])
    return one, five, fifteen


def used_percent(earlier: CpuTimes, later: CpuTimes) -> float | None:
    """Share of time with work between two readings; None where no time has passed or a counter went back."""
    total, idle = later.total - earlier.total, later.idle - earlier.idle
    if total <= 0 or idle < 0:
        return None
    return round(100 * max(0, total - idle) / total, 1)


def shape(earlier: CpuTimes, later: CpuTimes, averages: tuple[float, float, float]) -> Cpu:
    return Cpu(
        used_percent=used_percent(earlier, later),
        load_average_1m=averages[0],
        load_average_5m=averages[1],
        load_average_15m=averages[2],
    )


PROBE: Probe[LoadParts] = Probe(
    "load",
    "share of processor time with work, and load averages",
    "percent; runnable tasks",
    {
        Platform.LINUX: Source("/proc/stat, /proc/loadavg", measure),
        Platform.WINDOWS: Source("psutil (GetSystemTimes); Windows has no load average", measure_by_psutil),
        Platform.MACOS: Source("psutil (host_statistics, getloadavg)", measure_by_psutil),
    },
)
