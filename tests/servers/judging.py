"""The judge on a real journal and a real state, and the reports of a shop's server."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from servers.reporting import accepted

from forewarn_collector.clock import Clock
from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.judge.judge import Judge
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.state import open_state, verdict
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import Engine, load_rules
from forewarn_wire import (
    Attribute,
    Disk,
    Filesystem,
    Inventory,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
)

RULES = load_rules()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
START = 1_780_012_800.0
NAME = "shop-07"
DISK = Disk(slot="/dev/sda", kind="unknown", serial="S3Z1", model="ST4000", capacity_bytes=4 * 10**12)
OTHER = Disk(slot="/dev/sdb", kind="unknown", serial="S3Z2", model="ST4000")
DIRECTORY = Directory([Entry(Whose("Acme", "Store 12", "Li Wei"), ("shop-*",))])


class HandClock(Clock):
    """A machine's clock that the test moves: time passes, or it is set, or the machine sleeps."""

    def __init__(self, now: float = START) -> None:
        self.time, self.uptime = now, 0.0

    def now(self) -> float:
        return self.time

    def awake(self) -> float:
        return self.uptime

    def pass_(self, seconds: float) -> None:
        self.time += seconds
        self.uptime += seconds


class House:
    """Journal, state and judge in one directory, as the collector wires them, without its threads and doors."""

    def __init__(self, data: Path, clock: HandClock | None = None) -> None:
        self.data = data
        self.clock = clock or HandClock()
        self.seq = 0
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.data)
        self.state = open_state(self.data / "state.db")
        self.desk = Desk(self.state, ["desk"], self.clock.now)
        self.judge = Judge(lambda: Engine(RULES), self.journal.reader, self.desk, DIRECTORY, self.clock)

    def close(self) -> None:
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def restart(self, away: float = 0.0) -> None:
        self.close()
        self.clock.time += away
        self.clock.uptime = 0.0
        self.open()

    def store(self, *messages: Message) -> None:
        """As the front door does; a report gets the next number, and comes when it was made unless it is later."""
        taken = []
        for message in messages:
            if not isinstance(message, StatusReport):
                self.seq += 1
                message.seq = self.seq
            taken.append(accepted(message, max(self.clock.now(), message.sampled_at)))
        self.journal.commit(taken)

    def run(self) -> None:
        while self.judge.step():
            pass

    def say(self, *messages: Message) -> None:
        self.store(*messages)
        self.run()

    def tick(self) -> None:
        self.judge.tick()

    def tickets(self) -> list[Ticket]:
        return [self.desk.ticket(found.number) for found in reversed(self.desk.tickets())]

    def verdicts(self) -> list[tuple[Any, ...]]:
        columns = verdict.c.at, verdict.c.rule, verdict.c.part, verdict.c.before, verdict.c.after, verdict.c.text
        with self.state.connect() as db:
            return [tuple(row) for row in db.execute(sa.select(*columns).order_by(verdict.c.id))]

    def levels(self, rule: str) -> list[tuple[float, str]]:
        """(days since the start, level) of each verdict of a rule."""
        return [((at - START) / DAY, after) for at, name, _, _, after, _ in self.verdicts() if name == rule]


def smart(day: float, pending: int | None = 0, *, disk: Disk = DISK, passed: bool | None = True) -> SmartReport:
    attributes = [Attribute(5, 100, 100, 10, 0), Attribute(197, 100, 100, 0, pending)]
    return SmartReport(
        device=NAME, boot="b1", seq=0, sampled_at=START + day * DAY, disk=disk, outcome=Outcome.MEASURED,
        passed=passed, attributes=attributes,
    )  # fmt: skip


def unread(day: float, outcome: Outcome, disk: Disk = DISK) -> SmartReport:
    return SmartReport(device=NAME, boot="b1", seq=0, sampled_at=START + day * DAY, disk=disk, outcome=outcome)


def load(day: float, used: float | None, device: str = NAME) -> LoadReport:
    filesystems = [Filesystem(mount="/data", fstype="ext4", used_percent=used)]
    return LoadReport(device=device, boot="b1", seq=0, sampled_at=START + day * DAY, filesystems=filesystems)


def birth(device: str = NAME, serial: str | None = "MB-1") -> StatusReport:
    inventory = Inventory(hostname=device, serial=serial, chassis="server")
    return StatusReport(
        device=device, boot="b1", seq=1, sampled_at=START, state="online", session=1, inventory=inventory
    )


def pending_sectors() -> list[SmartReport]:
    """Sixty days of a disk: healthy, failing, asleep now and then, and well again after its sectors were rewritten."""
    rising = {10: 2, 11: 9, 12: 9, 13: 20, 14: 110, 15: 110}
    asleep = {3: Outcome.STANDBY, 9: Outcome.STANDBY, 12: Outcome.NO_ACCESS, 20: Outcome.STANDBY}
    return [unread(day, asleep[day]) if day in asleep else smart(day, rising.get(day, 0)) for day in range(60)]
