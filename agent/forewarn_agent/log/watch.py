"""Reads the log now and then, counts, and says what happened."""

import time
from collections.abc import Callable
from pathlib import Path

from forewarn_agent.log.entry import MOST_ENTRIES, Entry, Reader
from forewarn_agent.log.tally import MACHINE, Tally
from forewarn_agent.stamp import UNSTAMPED
from forewarn_wire import Disk, DiskLog, EventReport, MachineLog

LOG_NAME = "log.json"
# As long as the disks may take to say who they are before messages are counted under the names of their slots.
PATIENCE_SECONDS = 900.0
_MOST_EVENTS = 32


class LogWatch:
    """Holds what was counted. ``disks`` are the machine's, as they last told who they are."""

    def __init__(
        self,
        path: Path | None,
        disks: Callable[[], list[Disk]],
        every: float = 300.0,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tally = Tally(path)
        self._disks = disks
        self._every = every
        self._clock = clock
        self._give_up_at = clock() + patience
        self._due = 0.0
        self._trouble: Exception | None = None
        self._events: list[EventReport] = []

    def look(self, reader: Reader) -> bool:
        """Read on if it is time to. False while nobody knows yet which disk is which. Raise what the reader raises,
        also until the next time."""
        now = self._clock()
        if not self._disks() and now < self._give_up_at:
            return False
        if now >= self._due or now < self._due - self._every:
            self._due = now + self._every
            try:
                reading = reader(self._tally.kept.cursor, now)
            except Exception as error:
                self._trouble = error
            else:
                self._trouble = None
                self._count(reading.entries, now)
                self._tally.kept.cursor = reading.cursor
        if self._trouble is not None:
            raise self._trouble
        return True

    def report(self, counted: frozenset[str]) -> tuple[MachineLog, list[DiskLog]]:
        """Every count so far; None for what the platform does not log."""
        disks = [
            DiskLog(part, **self._tally.tell(part, counted))
            for part in self._tally.parts(disk_key(disk) for disk in self._disks())
        ]
        machine = MachineLog(**self._tally.tell(MACHINE, counted))
        self._tally.keep()
        return machine, disks

    def events(self) -> list[EventReport]:
        """What happened since this was last asked."""
        found, self._events = self._events, []
        return found

    def _count(self, entries: list[Entry], now: float) -> None:
        slots = {disk.slot: disk_key(disk) for disk in self._disks()}
        happened: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries[-MOST_ENTRIES:]:
            part = slots.get(entry.slot, f"slot:{entry.slot}"[:200]) if entry.slot else MACHINE
            self._tally.add(part, entry)
            happened.setdefault((entry.counts[-1], part), []).append(entry)
        for (name, part), alike in list(happened.items())[:_MOST_EVENTS]:
            self._events.append(
                EventReport(
                    device=UNSTAMPED,
                    boot=UNSTAMPED,
                    seq=0,
                    sampled_at=now,
                    event=f"log-{name.replace('_', '-')}",
                    part=part,
                    count=len(alike),
                    text=alike[-1].text,
                )
            )


def disk_key(disk: Disk) -> str:
    """As the collector calls a disk: its serial number, or where it sits when it does not tell one."""
    return disk.serial or f"slot:{disk.slot}"
