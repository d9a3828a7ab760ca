"""What is judged of a device beside its reports: a clock that starts in 1970, and two machines of one identity."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from servers.judging import HandClock

from forewarn_collector.directory import Directory
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.judge.judge import Judge
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state, verdict
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Engine, load_rules
from forewarn_wire import (
    Cpu,
    Disk,
    EventReport,
    LoadReport,
    Message,
    Outcome,
    SmartReport,
    StatusReport,
    encode,
    up_topic,
)

NOW = 1_795_000_000.0
MINUTE = 60.0
PC = "till-3"
RULES = load_rules()
DISK = Disk(slot="/dev/sda", kind="ssd", serial="S1")


class Shop:
    """Journal, state and judge as the collector wires them; ``pc_clock`` is what the PC's clock shows."""

    def __init__(self, data: Path, pc_clock: float) -> None:
        self.clock = HandClock(NOW)
        self.pc_clock = pc_clock
        self.seq = 0
        self.journal = Journal(data)
        self.state = open_state(data / "state.db")
        self.desk = Desk(self.state, [], self.clock.now)
        self.judge = Judge(lambda: Engine(RULES), self.journal.reader, self.desk, Directory([]), self.clock)
        self.reader = self.journal.reader()

    def close(self) -> None:
        self.reader.close()
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def send(self, kind: str, message: Message) -> None:
        taken = accept(Publish("listener", PC, up_topic(PC, kind), encode(message), self.clock.now()))
        assert isinstance(taken, Accepted), taken
        assert self.journal.commit([taken]) == [True]

    def start(self) -> None:
        status = StatusReport(
            device=PC, boot="b1", seq=self.seq + 1, sampled_at=self.pc_clock, state="online", session=1
        )
        self.send("status", status)

    def load(self, back: float = 0.0) -> None:
        """A load report that was made ``back`` seconds ago."""
        self.seq += 1
        at = self.pc_clock - back
        self.send("load", LoadReport(device=PC, boot="b1", seq=self.seq, sampled_at=at, cpu=Cpu(used_percent=5)))

    def smart(self, passed: bool) -> None:
        self.clock.pass_(1)
        self.pc_clock += 1
        self.seq += 1
        report = SmartReport(
            device=PC, boot="b1", seq=self.seq, sampled_at=self.pc_clock, disk=DISK, outcome=Outcome.MEASURED,
            passed=passed,
        )  # fmt: skip
        self.send("smart", report)

    def copy_noticed(self, number: int) -> None:
        """As the front door tells it."""
        event = EventReport(
            device=PC, boot="collector-1", seq=number, sampled_at=self.clock.now(), event="identity-cloned",
            text="two machines are here with this identity",
        )  # fmt: skip
        self.send("event", event)

    def minutes(self, many: int) -> None:
        for _ in range(many):
            self.clock.pass_(MINUTE)
            self.pc_clock += MINUTE
            self.load()
            while self.judge.step():
                pass
            self.judge.tick()

    def verdicts(self) -> list[tuple[str, str, float]]:
        with self.state.connect() as db:
            rows = db.execute(sa.select(verdict.c.rule, verdict.c.after, verdict.c.at).order_by(verdict.c.id))
            return [(rule, after, at) for rule, after, at in rows]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path, 30.0)
    yield shop
    shop.close()


def test_a_pc_that_starts_in_1970_is_alive_and_judged_and_its_clock_is_a_ticket(shop: Shop) -> None:
    shop.start()
    shop.minutes(5)
    shop.smart(True)
    shop.smart(False)
    failed_at = shop.clock.now()
    shop.minutes(16)
    device = shop.reader.device(PC)
    assert device is not None
    assert (device.online, device.last_received) == (True, shop.clock.now())
    assert device.clock_offset == pytest.approx(30.0 - NOW, abs=1)
    assert device.last_sampled == pytest.approx(shop.clock.now(), abs=1)
    found = {(rule, after): at for rule, after, at in shop.verdicts()}
    assert found["drive-reports-failed", "critical"] == pytest.approx(failed_at, abs=1)
    assert found["clock-drift", "warning"] <= shop.clock.now()
    assert {ticket.fault for ticket in shop.desk.tickets()} == {"disk-failure", "clock"}

    # Somebody sets the clock.
    shop.pc_clock = shop.clock.now()
    shop.minutes(40)
    assert shop.verdicts()[-1][:2] == ("clock-drift", "none")
    assert not any(rule == "device-silent" for rule, _, _ in shop.verdicts())


def test_what_waited_in_its_outbox_stands_where_it_belongs(shop: Shop) -> None:
    shop.pc_clock = 2 * 3600.0
    shop.start()
    for minutes in (60, 40, 20):
        shop.load(back=minutes * MINUTE)
    rows = shop.reader.rows_after(0, 10)
    assert [round(row.at - NOW) for row in rows] == [-3600, -2400, -1200]


@pytest.mark.parametrize("offset", [-240.0, 240.0, 0.0])
def test_a_few_minutes_are_no_ticket(shop: Shop, offset: float) -> None:
    shop.pc_clock = NOW + offset
    shop.start()
    shop.minutes(30)
    device = shop.reader.device(PC)
    assert device is not None
    assert device.clock_offset == offset
    assert shop.desk.tickets() == []


def test_a_day_and_more_ahead_loses_nothing_and_freezes_nothing(shop: Shop) -> None:
    shop.pc_clock = NOW + 3 * 86_400.0
    shop.start()
    shop.minutes(20)
    assert [ticket.fault for ticket in shop.desk.tickets()] == ["clock"]
    shop.pc_clock = shop.clock.now()
    shop.minutes(3)
    shop.smart(True)
    shop.smart(False)
    shop.minutes(1)
    assert ("drive-reports-failed", "critical") in {verdict[:2] for verdict in shop.verdicts()}
    assert len(shop.reader.rows_after(0, 1000)) == shop.seq


def test_two_machines_of_one_identity_are_a_ticket_until_a_day_without(shop: Shop) -> None:
    shop.pc_clock = NOW
    shop.start()
    shop.minutes(1)
    assert shop.desk.tickets() == []
    shop.copy_noticed(1)
    shop.minutes(1)
    (ticket,) = shop.desk.tickets()
    assert (ticket.fault, ticket.device, ticket.severity) == ("identity", PC, "warning")
    shop.clock.pass_(80_000)
    shop.copy_noticed(2)
    shop.clock.pass_(80_000)
    shop.judge.tick()
    assert [verdict[:2] for verdict in shop.verdicts() if verdict[0] == "identity-cloned"] == [
        ("identity-cloned", "warning")
    ]
    shop.clock.pass_(6_400)
    shop.judge.tick()
    assert ("identity-cloned", "none") in {verdict[:2] for verdict in shop.verdicts()}
