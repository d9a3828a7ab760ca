"""A site that goes offline, through journal, judge and desk: one ticket, and none for its devices."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.judging import START, HandClock

from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.judge.judge import Judge
from forewarn_collector.judge.sites import Sites
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_rules import Engine, load_rules
from forewarn_wire import encode, up_topic
from forewarn_wire.messages import LoadReport
from forewarn_wire.parts import Cpu

MINUTE, DAY = 60.0, 86_400.0
RULES = load_rules()
DIRECTORY = Directory(
    [Entry(Whose("Acme", "Store 12"), ("acme-12-*",)), Entry(Whose("Acme", "Store 13"), ("acme-13-*",))]
)
TILLS = ("acme-12-till-1", "acme-12-till-2", "acme-12-till-3")
ELSEWHERE = "acme-13-till-1"


class Fleet:
    def __init__(self, data: Path) -> None:
        self.clock = HandClock()
        self.seq = 0
        self.journal = Journal(data)
        self.state = open_state(data / "state.db")
        reader = self.journal.reader()
        self.sites = Sites(reader, DIRECTORY)
        self.desk = Desk(self.state, [], self.clock.now, heard=self.sites.heard)
        self.judge = Judge(lambda: Engine(RULES), self.journal.reader, self.desk, DIRECTORY, self.clock)

    def close(self) -> None:
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def hear(self, *devices: str) -> None:
        taken = []
        for device in devices:
            self.seq += 1
            now = self.clock.now()
            report = LoadReport(device=device, boot="b", seq=self.seq, sampled_at=now, cpu=Cpu(used_percent=5.0))
            found = accept(Publish("listener", device, up_topic(device, "load"), encode(report), now))
            assert isinstance(found, Accepted), found
            taken.append(found)
        self.journal.commit(taken)
        while self.judge.step():
            pass

    def wait(self, minutes: float, *heard: str) -> None:
        """A tick every quarter of an hour, at which ``heard`` report."""
        for _ in range(int(minutes / 15)):
            self.clock.pass_(15 * MINUTE)
            self.hear(*heard)
            self.judge.tick()

    def tickets(self) -> list[Ticket]:
        return [self.desk.ticket(found.number) for found in reversed(self.desk.tickets())]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    found = Fleet(tmp_path)
    yield found
    found.close()


def test_one_ticket_for_the_site_that_ends_when_the_last_is_heard(fleet: Fleet) -> None:
    fleet.hear(*TILLS, ELSEWHERE)
    fleet.judge.tick()
    fleet.wait(15, TILLS[2], ELSEWHERE)
    fleet.wait(26 * 60, ELSEWHERE)
    (ticket,) = fleet.tickets()
    assert (ticket.title, ticket.site, ticket.part_serial) == ("Site Store 12 is offline", "Store 12", "")
    assert [member.device for member in ticket.members] == list(TILLS)
    assert "3 of its 3 devices" in ticket.explanation["what"]
    fleet.wait(30, ELSEWHERE, *TILLS[:2])
    assert fleet.tickets()[0].state == "open"
    fleet.wait(30, ELSEWHERE, *TILLS)
    assert [one.state for one in fleet.tickets()] == ["resolved"]


def test_one_of_three_is_silent_alone(fleet: Fleet) -> None:
    fleet.hear(*TILLS)
    fleet.judge.tick()
    fleet.wait(26 * 60, *TILLS[1:])
    (ticket,) = fleet.tickets()
    assert (ticket.title, ticket.device, ticket.members) == ("Nothing is heard from the device", TILLS[0], [])


def test_when_the_devices_of_a_site_were_heard(fleet: Fleet) -> None:
    fleet.hear(*TILLS, ELSEWHERE)
    assert fleet.sites.heard("Acme", "Store 12") == dict.fromkeys(TILLS, START)
    assert fleet.sites.heard("Acme", "Store 14") == {}
