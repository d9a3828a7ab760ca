"""What a classified message is, on every platform."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from forewarn_wire import DiskLog, MachineLog

MACHINE_COUNTS: tuple[str, ...] = MachineLog.__struct_fields__
DISK_COUNTS: tuple[str, ...] = DiskLog.__struct_fields__[1:]


class Entry(NamedTuple):
    """One message: the counts that it belongs to, and the slot of the disk that it names ("" where it names none)."""

    counts: tuple[str, ...]
    slot: str
    text: str


@dataclass(frozen=True)
class LogReading:
    """What came since the last reading, oldest first, and where the next one begins."""

    entries: list[Entry]
    cursor: str


class NoAccessError(Exception):
    """The log is there and may not be read; the text says what would let the agent."""


class NoLogError(Exception):
    """There is no log here; the text says why."""


Reader = Callable[[str, float], LogReading]
"""Reads on from a cursor ("" at the very first time, then from a day before ``now``). Raises NoAccessError, NoLogError,
or what running a program raises."""

FIRST_SECONDS = 86400.0
"""How far back the first reading looks."""

MOST_ENTRIES = 2000
"""Messages of one reading; of a storm the newest are counted."""
