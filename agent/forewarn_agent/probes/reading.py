"""What every probe gets and gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec import UNSET, UnsetType

from forewarn_agent.bounded import Bounded
from forewarn_agent.commands import Commands, FailedError
from forewarn_agent.log.watch import LogWatch
from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.runner import HungError, MissingError, Runner
from forewarn_agent.settings import Filesystems, Roots
from forewarn_agent.system import System
from forewarn_wire import (
    Array,
    Battery,
    Cpu,
    Dimm,
    DiskLog,
    Fan,
    Filesystem,
    Gpu,
    Interface,
    MachineLog,
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
    platform: Platform = Platform.LINUX
    system: System = field(default_factory=System)
    commands: Commands = field(default_factory=lambda: Commands(Runner()))
    log: LogWatch = field(default_factory=lambda: LogWatch(None, list, patience=0.0))


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
    gpus: list[Gpu] | UnsetType = UNSET
    machine_log: MachineLog | UnsetType = UNSET
    disk_logs: list[DiskLog] | UnsetType = UNSET
    unread: list[Unread] = field(default_factory=list)


@dataclass(frozen=True)
class Probe(Generic[Result]):
    """One thing that can be measured; ``unit`` is for people. ``sources`` says for each platform where the numbers come
    from, or why there are none."""

    name: str
    measures: str
    unit: str
    sources: Mapping[Platform, Source[Result] | Absent]
    default: bool = True

    @property
    def source(self) -> str:
        """Where the numbers come from on Linux."""
        return said_of(self.sources[Platform.LINUX])


def said_of(source: Source[Any] | Absent) -> str:
    return source.reason if isinstance(source, Absent) else source.text


def measure(probe: Probe[LoadParts], surroundings: Surroundings) -> LoadParts:
    """Ask the probe where this platform has its numbers. Raise whatever the reading raises."""
    source = probe.sources[surroundings.platform]
    if isinstance(source, Absent):
        return LoadParts(unread=[not_here(probe.name, source.reason)])
    return source.measure(surroundings)


def not_here(probe: str, detail: str, part: str = "") -> Unread:
    return Unread(probe=probe, part=part, outcome=Outcome.NOT_HERE, detail=detail)


def ask(probe: str, read: Callable[[], LoadParts]) -> LoadParts:
    """What ``read`` gives; a program that is not there, hangs or fails becomes a row that says so."""
    try:
        return read()
    except MissingError as error:
        return LoadParts(unread=[not_here(probe, str(error))])
    except HungError as error:
        return LoadParts(unread=[Unread(probe=probe, outcome=Outcome.TIMEOUT, detail=str(error)[:1000])])
    except FailedError as error:
        return LoadParts(unread=[Unread(probe=probe, outcome=error.outcome, detail=str(error)[:1000])])


def unreadable(probe: str, error: BaseException | str, part: str = "") -> Unread:
    text = str(error) or type(error).__name__
    return Unread(probe=probe, part=part[:200], outcome=Outcome.UNREADABLE, detail=text[:1000])
