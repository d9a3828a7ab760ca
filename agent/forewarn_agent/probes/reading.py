"""What every probe gets and gives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from msgspec import UNSET, UnsetType

from forewarn_agent.bounded import Bounded
from forewarn_agent.runner import Runner
from forewarn_agent.settings import Filesystems, Roots
from forewarn_wire import (
    Array,
    Battery,
    Cpu,
    Dimm,
    Fan,
    Filesystem,
    Interface,
    Memory,
    Outcome,
    Pressure,
    SmartReport,
    Temperature,
    Throttling,
    Unread,
    Uptime,
    Voltage,
)

Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True)
class CpuTimes:
    """Clock ticks since the machine started: all, and those without work."""

    total: int
    idle: int


@dataclass
class Surroundings:
    """What a probe may look at. ``cpu_times`` is what the load probe saw last, so the next reading covers the time
    between the two."""

    roots: Roots
    filesystems: Filesystems
    read_disks: Callable[[], list[SmartReport]]
    unexpected_reboots: int | None = None
    cpu_window: float = 0.5
    cpu_times: CpuTimes | None = None
    runner: Runner = field(default_factory=Runner)
    bounded: Bounded[Filesystem] = field(default_factory=lambda: Bounded(5.0))


@dataclass
class LoadParts:
    """One probe's share of a load report. Every field is called as the report calls it."""

    cpu: Cpu | UnsetType = UNSET
    memory: Memory | UnsetType = UNSET
    filesystems: list[Filesystem] | UnsetType = UNSET
    temperatures: list[Temperature] | UnsetType = UNSET
    uptime: Uptime | UnsetType = UNSET
    arrays: list[Array] | UnsetType = UNSET
    fans: list[Fan] | UnsetType = UNSET
    voltages: list[Voltage] | UnsetType = UNSET
    dimms: list[Dimm] | UnsetType = UNSET
    batteries: list[Battery] | UnsetType = UNSET
    throttling: Throttling | UnsetType = UNSET
    pressure: Pressure | UnsetType = UNSET
    interfaces: list[Interface] | UnsetType = UNSET
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True)
class Probe(Generic[Result]):
    """One thing that can be measured. ``unit`` and ``source`` are for people."""

    name: str
    measures: str
    unit: str
    source: str
    default: bool
    measure: Callable[[Surroundings], Result]


def not_here(probe: str, detail: str, part: str = "") -> Unread:
    return Unread(probe=probe, part=part, outcome=Outcome.NOT_HERE, detail=detail)


def unreadable(probe: str, error: BaseException | str, part: str = "") -> Unread:
    text = str(error) or type(error).__name__
    return Unread(probe=probe, part=part[:200], outcome=Outcome.UNREADABLE, detail=text[:1000])
