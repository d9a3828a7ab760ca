"""Which disks are gone and which were replaced, as a decision and through journal, judge and desk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forewarn_collector.clock import Clock
from forewarn_collector.directory import Directory
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.judge.disk_watch import DiskSeen, Silence, silences
from forewarn_collector.judge.judge import Judge
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import STATES
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import Engine, Kind, load_rules
from forewarn_wire import (
    Attribute,
    Cpu,
    Disk,
    Inventory,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    encode,
    up_topic,
)

HOUR, DAY = 3600.0, 86_400.0


def disk(part: str, slot: str, first: float, last: float) -> DiskSeen:
    serial = None if part.startswith("slot:") else part
    return DiskSeen(part, slot, serial, first * HOUR, last * HOUR)


@pytest.mark.parametrize(
    ("disks", "now", "part", "expected", "why"),
    [
        ([disk("A", "sda", 0, 10)], 10, "A", Silence(0.0), "just heard"),
        ([disk("A", "sda", 0, 10)], 9, "A", Silence(0.0), "a clock that was set back"),
        ([disk("A", "sda", 0, 10)], 20, "A", Silence(10 * HOUR), "gone"),
        (
            [disk("A", "sda", 0, 10), disk("B", "sdb", 0, 20)],
            20,
            "A",
            Silence(10 * HOUR),
            "the other slot says nothing",
        ),
        (
            [disk("A", "sda", 0, 10), disk("B", "sda", 11, 20)],
            20,
            "A",
            Silence(10 * HOUR, "B"),
            "replaced by a new one",
        ),
        ([disk("A", "sda", 0, 10), disk("B", "sda", 11, 20)], 20, "B", Silence(0.0), "the new one is there"),
        ([disk("A", "sda", 0, 10), disk("B", "sda", 0, 20)], 20, "A", Silence(10 * HOUR), "slots were renamed"),
        ([disk("A", "sda", 0, 10), disk("B", "sda", 10.1, 10.5)], 10.6, "A", Silence(0.6 * HOUR), "too early to say"),
        ([disk("A", "sda", 0, 10), disk("slot:sda", "sda", 11, 20)], 20, "A", Silence(None), "perhaps it is there"),
        (
            [disk("slot:sda", "sda", 0, 10), disk("A", "sda", 11, 20)],
            20,
            "slot:sda",
            Silence(None),
            "now it has a name",
        ),
        ([disk("slot:sda", "sda", 0, 10)], 20, "slot:sda", Silence(10 * HOUR), "gone without a name"),
        (
            [disk("A", "sda", 0, 10), disk("B", "sda", 11, 15), disk("C", "sda", 16, 20)],
            20,
            "A",
            Silence(10 * HOUR, "C"),
            "replaced twice",
        ),
    ],
)
def test_what_is_said_of_a_disk(disks: list[DiskSeen], now: float, part: str, expected: Silence, why: str) -> None:
    found = silences(disks, now * HOUR)[part]
    assert found.replaced_by == expected.replaced_by, why
    assert found.seconds == (None if expected.seconds is None else pytest.approx(expected.seconds)), why


START = 1_780_012_800.0
NAME = "srv-1"
OLD = Disk(slot="/dev/sda", kind="unknown", serial="OLD", model="ST4000")
NEW = Disk(slot="/dev/sda", kind="unknown", serial="NEW", model="ST4000")
OTHER = Disk(slot="/dev/sdb", kind="unknown", serial="OTHER", model="ST4000")


class House:
    """Journal, state and judge in one directory, as the collector wires them."""

    def __init__(self, data: Path) -> None:
        self.data, self.seq = data, 0
        self.open()
        inventory = Inventory(hostname=NAME, chassis="server", smart_interval_seconds=HOUR)
        self.take(StatusReport(**self.head(0), state="online", session=1, inventory=inventory), "status")

    def open(self) -> None:
        self.journal = Journal(self.data)
        self.state = open_state(self.data / "state.db")
        self.desk = Desk(self.state, (), lambda: START)
        self.judge = Judge(lambda: Engine(load_rules()), self.journal.reader, self.desk, Directory(), Clock())

    def close(self) -> None:
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def restart(self) -> None:
        self.close()
        self.open()

    def head(self, hour: float) -> dict[str, Any]:
        self.seq += 1
        return {"device": NAME, "boot": "b", "seq": self.seq, "sampled_at": START + hour * HOUR}

    def take(self, message: Message, kind: str) -> None:
        topic = up_topic(NAME, kind)
        found = accept(Publish("listener", NAME, topic, encode(message), message.sampled_at))
        assert isinstance(found, Accepted), found
        self.journal.commit([found])

    def hour(self, hour: float, *disks: Disk, pending: int = 0, outcome: Outcome = Outcome.MEASURED) -> None:
        """One round of reports: load, and SMART of the disks that are there; then the judge's tick."""
        cpu = Cpu(used_percent=5.0)
        for disk in disks:
            rows = [Attribute(197, 100, 100, 0, pending if disk is OLD else 0)]
            report = SmartReport(**self.head(hour), disk=disk, outcome=outcome)
            if outcome is Outcome.MEASURED:
                report = SmartReport(**self.head(hour), disk=disk, outcome=outcome, passed=True, attributes=rows)
            self.take(report, "smart")
        self.take(LoadReport(**self.head(hour), cpu=cpu), "load")
        while self.judge.step():
            pass
        self.judge.tick()

    def tickets(self) -> list[Ticket]:
        found = self.desk.tickets(states=STATES)
        return sorted((self.desk.ticket(ticket.number) for ticket in found), key=lambda ticket: ticket.number)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.close()


def test_a_disk_that_vanishes_opens_a_ticket_and_one_that_returns_ends_it(house: House) -> None:
    for hour in range(3):
        house.hour(hour, OLD, OTHER)
    for hour in range(3, 5):
        house.hour(hour, OTHER)
    assert house.tickets() == []
    house.hour(5, OTHER)
    (ticket,) = house.tickets()
    assert (ticket.fault, ticket.part_serial, ticket.severity) == ("disk-failure", "OLD", "warning")
    assert ticket.explanation["what"] == (
        "Nothing was heard of disk /dev/sda (ST4000, serial OLD) for 3 h, though srv-1 reports."
    )
    house.restart()
    house.hour(6, OLD, OTHER)
    (ticket,) = house.tickets()
    assert (ticket.state, ticket.outcome) == ("resolved", "condition-cleared")


def test_silence_of_the_machine_is_not_silence_of_its_disks(house: House) -> None:
    house.hour(0, OLD, OTHER)
    house.hour(90, OLD, OTHER)
    for _ in range(3):
        house.judge.tick()
    assert house.tickets() == []


def test_a_disk_that_cannot_be_read_is_there(house: House) -> None:
    house.hour(0, OLD, OTHER)
    for hour in range(1, 9):
        house.hour(hour, OLD, OTHER, outcome=Outcome.STANDBY)
    assert house.tickets() == []


@pytest.mark.parametrize("restarts", [False, True])
def test_a_new_disk_in_the_slot_ends_what_was_predicted_of_the_old_one(house: House, restarts: bool) -> None:
    for hour in range(3):
        house.hour(hour, OLD, OTHER, pending=20)
    (ticket,) = house.tickets()
    assert ticket.state == "open"
    for hour in range(3, 6):
        house.hour(hour, NEW, OTHER)
        if restarts:
            house.restart()
    (ticket,) = house.tickets()
    assert (ticket.state, ticket.outcome) == ("resolved", "replaced-in-time")
    assert ticket.timeline[-1].text == (
        "resolved, replaced-in-time: disk NEW sits in /dev/sda now; OLD was there before"
    )
    assert not [key for kind, key, _ in house.desk.snapshots() if key == (NAME, "OLD")]
    house.hour(30, NEW, OTHER)
    assert len(house.tickets()) == 1
    assert house.judge.standing(Kind.DISK, (NAME, "OLD")) == []
    assert house.judge.standing(Kind.DISK, (NAME, "NEW")) != []


def test_a_disk_that_was_gone_for_long_had_failed(house: House) -> None:
    for hour in range(2):
        house.hour(hour, OLD, OTHER, pending=20)
    for hour in range(2, 12):
        house.hour(hour, OTHER)
    house.hour(12, NEW, OTHER)
    (ticket,) = house.tickets()
    assert (ticket.state, ticket.outcome) == ("resolved", "failed")


def test_a_machine_whose_slots_were_renamed_has_lost_nothing(house: House) -> None:
    house.hour(0, OLD, OTHER, pending=20)
    swapped = [
        Disk(slot="/dev/sdb", kind="unknown", serial="OLD", model="ST4000"),
        Disk(slot="/dev/sda", kind="unknown", serial="OTHER", model="ST4000"),
    ]
    for hour in range(1, 9):
        house.hour(hour, *swapped)
    (ticket,) = house.tickets()
    assert (ticket.part_serial, ticket.state, len(ticket.evidence)) == ("OLD", "open", 1)


THIRD = Disk(slot="/dev/sdc", kind="hdd", serial="THIRD", model="ST4000")


def test_disks_that_vanish_in_the_same_minutes_are_one_ticket_about_what_they_share(house: House) -> None:
    for hour in range(3):
        house.hour(hour, OLD, OTHER, THIRD)
    for hour in range(3, 8):
        house.hour(hour, THIRD)
    (ticket,) = house.tickets()
    assert (ticket.fault, ticket.part_serial, ticket.severity) == ("power", "", "warning")
    assert ticket.explanation["what"].startswith(
        "Nothing was heard of 2 disks of srv-1 for 3 h, since the same minutes"
    )
    assert {item.component for item in ticket.evidence} == {"presence:OLD", "presence:OTHER"}
    house.restart()
    house.hour(8, OLD, THIRD)  # one alone is a vanished disk
    assert [(found.fault, found.part_serial, found.state) for found in house.tickets()] == [
        ("power", "", "resolved"),
        ("disk-failure", "OTHER", "open"),
    ]


def test_disks_that_vanish_one_after_the_other_are_to_blame_themselves(house: House) -> None:
    house.hour(0, OLD, OTHER, THIRD)
    house.hour(1, OTHER, THIRD)
    for hour in range(2, 7):
        house.hour(hour, THIRD)
    assert {(ticket.fault, ticket.part_serial) for ticket in house.tickets()} == {
        ("disk-failure", "OLD"),
        ("disk-failure", "OTHER"),
    }


def test_a_ticket_about_several_disks_ends_when_the_last_of_them_is_replaced(house: House) -> None:
    for hour in range(3):
        house.hour(hour, OLD, OTHER, THIRD)
    for hour in range(3, 7):
        house.hour(hour, THIRD)
    assert [ticket.fault for ticket in house.tickets()] == ["power"]
    for hour in range(7, 9):
        house.hour(hour, NEW, THIRD, Disk(slot="/dev/sdb", kind="hdd", serial="NEWER", model="ST4000"))
    (ticket,) = house.tickets()
    assert (ticket.state, ticket.outcome) == ("resolved", "condition-cleared")
