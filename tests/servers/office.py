"""Tickets as a collector makes them, without the collector around them."""

import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from forewarn_collector.config_destinations import DestinationEntry
from forewarn_collector.destinations import Destinations, plan
from forewarn_collector.directory import Whose
from forewarn_collector.store.state import delivery, open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.push import Push
from forewarn_collector.tickets.systems.external import Links
from forewarn_rules import Change, Kind

# Nothing here takes as long to appear as what a slow network would need.
SETTLE = 3.0


def change(disk: int, levels: str, at: float) -> tuple[Change, Part]:
    before, after = levels.split(" -> ")
    part = Part("shop-07", "MB-1", f"S{disk}", Whose("Acme", "Store 12", "Li Wei"))
    said = Change(
        rule="pending", title="Sectors cannot be read", kind=Kind.DISK, key=("shop-07", f"S{disk}"), labels={}, at=at,
        before=before, after=after, text=f"pending says {after}", why="because", do=("look",), calm_when=("never",),
        values={}, forecast=None, fault="disk-failure", queue="storage", status="stable",
    )  # fmt: skip
    return said, part


class Office:
    """A desk with its loops; they stop and start again as a collector does. Its one destination is called there."""

    def __init__(self, directory: Path, entry: DestinationEntry) -> None:
        self.path = directory / "state.db"
        self.entry = entry
        self.running = False
        self.begin()

    def begin(self) -> None:
        self.engine = open_state(self.path)
        self.desk = Desk(self.engine, ["there"], time.time)
        self.destinations = Destinations(
            [plan(self.entry)], lambda name: Links(self.engine, name), self.desk, time.time, settle_seconds=SETTLE
        )
        self.push = Push(self.engine, self.destinations.senders, time.time)
        self.desk.wake_push = self.push.wake
        self.push.start()
        self.destinations.start()
        self.running = True

    def end(self) -> None:
        if self.running:
            self.push.stop()
            self.destinations.stop()
            self.engine.dispose()
        self.running = False

    def finds(self, *disks: int, levels: str = "none -> warning") -> None:
        """A rule's level of each of these disks changes."""
        self.desk.record(None, [change(disk, levels, time.time()) for disk in disks], [])

    def tickets(self) -> list[Ticket]:
        return sorted((self.desk.ticket(t.number) for t in self.desk.tickets()), key=lambda t: t.number)

    def deliveries(self) -> list[Any]:
        with self.engine.connect() as db:
            return list(db.execute(sa.select(delivery).order_by(delivery.c.id)).mappings())

    def quiet(self) -> bool:
        return {row["state"] for row in self.deliveries()} == {"done"}
