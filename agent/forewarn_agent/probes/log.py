"""What the operating system has written into its log about disks and the machine, counted."""

from functools import partial

from forewarn_agent.log import linux, macos, windows
from forewarn_agent.log.entry import NoAccessError, NoLogError, Reader
from forewarn_agent.log.linux_messages import PATTERNS
from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, ask, not_here
from forewarn_wire import Outcome, Unread

LINUX_COUNTED = frozenset(name for pattern in PATTERNS for name in pattern.counts)


def measure(surroundings: Surroundings) -> LoadParts:
    reader = partial(linux.read, surroundings.roots, surroundings.commands)
    return _counts(surroundings, reader, LINUX_COUNTED)


def measure_windows(surroundings: Surroundings) -> LoadParts:
    return _counts(surroundings, partial(windows.read, surroundings.commands), windows.COUNTED)


def measure_macos(surroundings: Surroundings) -> LoadParts:
    reader = partial(macos.read, surroundings.roots.root, surroundings.commands)
    return _counts(surroundings, reader, macos.COUNTED)


def _counts(surroundings: Surroundings, reader: Reader, counted: frozenset[str]) -> LoadParts:
    return ask("log", partial(_read, surroundings, reader, counted))


def _read(surroundings: Surroundings, reader: Reader, counted: frozenset[str]) -> LoadParts:
    try:
        if not surroundings.log.look(reader):
            return LoadParts()
    except NoLogError as error:
        return LoadParts(unread=[not_here("log", str(error))])
    except NoAccessError as error:
        return LoadParts(unread=[Unread(probe="log", outcome=Outcome.NO_ACCESS, detail=str(error))])
    machine, disks = surroundings.log.report(counted)
    return LoadParts(machine_log=machine, disk_logs=disks)


PROBE: Probe[LoadParts] = Probe(
    "log",
    "the system's log: errors of disks, links and file systems, machine checks, memory that ran out",
    "count",
    {
        Platform.LINUX: Source("the kernel's messages: systemd's journal, else /dev/kmsg", measure),
        Platform.WINDOWS: Source("event log System, wevtutil", measure_windows),
        Platform.MACOS: Source(
            "log show (I/O errors of disks), /Library/Logs/DiagnosticReports (panics)", measure_macos
        ),
    },
)
