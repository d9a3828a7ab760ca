"""psutil's only user: what a machine without Linux's proc and sysfs says about itself; or what it once said."""

import os
import time
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from forewarn_agent.platforms import Platform
from forewarn_wire import Cpu, Interface, Memory


class Recorded:
    """psutil's answers from a JSON file: what a function returned, by its name; ``disk_usage`` by path. What is not in
    it is not there, as on a platform that psutil cannot ask."""

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, Any] = msgspec.json.decode(path.read_bytes())

    def __getattr__(self, name: str) -> Any:
        if name not in self._answers:
            raise AttributeError(name)
        return lambda *_arguments, **_named: _spaced(self._answers[name])

    def disk_usage(self, path: str) -> Any:
        if path not in self._answers.get("disk_usage", {}):
            raise OSError(f"no recorded usage of {path}")
        return _spaced(self._answers["disk_usage"][path])


def _spaced(value: Any) -> Any:
    """Objects whose keys are all words become namespaces, as psutil's named tuples are; sensors keep their names."""
    if isinstance(value, list):
        return [_spaced(item) for item in value]
    if (
        isinstance(value, dict)
        and "" not in value
        and all(not isinstance(item, dict | list) for item in value.values())
    ):
        return SimpleNamespace(**value)
    return {name: _spaced(item) for name, item in value.items()} if isinstance(value, dict) else value


class System:
    """What psutil, or a recording of it, says in the words of the wire."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._recorded = recorded

    @cached_property
    def _source(self) -> Any:
        """psutil is not loaded where nobody asks it: on Linux it would take memory for nothing."""
        if self._recorded is not None:
            return self._recorded
        import psutil

        return psutil

    def cpu(self, window: float, platform: Platform) -> Cpu:
        cpu = Cpu(used_percent=self._source.cpu_percent(interval=window))
        # Windows has no load average; psutil makes one up, which says 0 for the first seconds.
        if platform is not Platform.WINDOWS:
            cpu.load_average_1m, cpu.load_average_5m, cpu.load_average_15m = self._source.getloadavg()
        return cpu

    def memory(self, platform: Platform) -> Memory:
        main, swap = self._source.virtual_memory(), self._source.swap_memory()
        report = Memory(
            total_bytes=main.total,
            available_bytes=main.available,
            used_percent=float(main.percent),
            swap_total_bytes=swap.total,
        )
        # On Windows psutil gives 0, whatever was swapped.
        if platform is not Platform.WINDOWS:
            report.swap_in_bytes, report.swap_out_bytes = swap.sin, swap.sout
        if swap.total:
            report.swap_used_percent = float(swap.percent)
        return report

    def local_mounts(self) -> list[tuple[str, str, str, str]]:
        """(source, mount, fstype, options) of the physical filesystems."""
        parts = self._source.disk_partitions(all=False)
        return [(part.device, part.mountpoint, part.fstype, part.opts) for part in parts]

    def disk_usage(self, path: str) -> tuple[int, int, float]:
        """(total bytes, free bytes, used percent). Raise OSError."""
        usage = self._source.disk_usage(path)
        return usage.total, usage.free, float(usage.percent)

    def charge_percent(self) -> float | None:
        """How full the batteries are; None for a machine that has none."""
        read = getattr(self._source, "sensors_battery", None)
        found = read() if read else None
        return round(float(found.percent), 1) if found else None

    def interfaces(self) -> list[Interface]:
        return [
            Interface(
                interface=name,
                receive_errors=counts.errin,
                transmit_errors=counts.errout,
                receive_dropped=counts.dropin,
                transmit_dropped=counts.dropout,
            )
            for name, counts in sorted(self._source.net_io_counters(pernic=True).items())
        ]

    def booted_at(self) -> float:
        """Unix seconds."""
        return float(self._source.boot_time())


def page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def uptime_seconds(system: System) -> float:
    return time.time() - system.booted_at()
