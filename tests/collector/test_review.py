"""Reports that come after newer ones were judged: what they tell is a verdict at its own time, once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mqtt5
import pytest
import sqlalchemy as sa

from forewarn_collector.clock import Clock
from forewarn_collector.directory import Directory
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.judge.judge import Judge
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state, verdict
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Engine, load_rules
from forewarn_wire import (
    Array,
    Command,
    CommandOrder,
    Disk,
    LoadReport,
    Outcome,
    ReplyReport,
    SmartReport,
    decode_order,
    encode,
    up_topic,
)

NOW = 1_795_000_000.0
MINUTE, HOUR = 60.0, 3600.0
NAME = "shop-07"
RULES = load_rules()
DISK = Disk(slot="/dev/sda", kind="ssd", serial="S1")


class House:
    def __init__(self, data: Path) -> None:
        self.journal = Journal(data)
        self.state = open_state(data / "state.db")
        self.desk = Desk(self.state, [], lambda: NOW + 10 * HOUR)
        self.judge = Judge(lambda: Engine(RULES), self.journal.reader, self.desk, Directory([]), Clock())

    def close(self) -> None:
        self.judge.close()
        self.state.dispose()
        self.journal.close()

    def say(self, minute: float, degraded: bool) -> None:
        at = NOW + minute * MINUTE
        arrays = [Array(name="md0", type="md", degraded=degraded, members_missing=int(degraded))]
        seq = round(minute * 10) + 1
        report = LoadReport(device=NAME, boot="b1", seq=seq, sampled_at=at, arrays=arrays)
        taken = accept(Publish("listener", NAME, up_topic(NAME, "load"), encode(report), NOW + 5 * HOUR))
        assert isinstance(taken, Accepted)
        self.journal.commit([taken])
        while self.judge.step():
            pass

    def review(self, first: float, last: float) -> list[tuple[str, str, float]]:
        changes = self.judge.review(NAME, NOW + first * MINUTE, NOW + last * MINUTE)
        return [(change.rule, change.after, (change.at - NOW) / MINUTE) for change in changes]

    def verdicts(self) -> list[tuple[str, str, float]]:
        with self.state.connect() as db:
            rows = db.execute(sa.select(verdict.c.rule, verdict.c.after, verdict.c.at).order_by(verdict.c.id))
            return [(rule, after, (at - NOW) / MINUTE) for rule, after, at in rows]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_a_fault_that_came_and_went_in_a_gap_is_found_and_goes_on_to_its_end(house: House) -> None:
    for minute in (0, 10, 60, 70):
        house.say(minute, False)
    for minute in (20, 30, 40):
        house.say(minute, minute == 30)
    assert house.verdicts() == [], "what is older than what was judged last judges nothing"
    assert house.review(10, 60) == [("array-degraded", "critical", 30)]
    (ticket,) = house.desk.tickets()
    assert ticket.opened_at == NOW + 30 * MINUTE
    assert house.review(10, 60) == [], "once"
    for minute in (80, 90, 95, 105):
        house.say(minute, False)
    assert house.verdicts() == [("array-degraded", "critical", 30), ("array-degraded", "none", 105)]


def test_one_that_has_ended_by_now_is_found_with_its_end(house: House) -> None:
    for minute in (0, 10, *range(60, 200, 10)):
        house.say(minute, False)
    house.say(30, True)
    assert house.review(10, 60) == [("array-degraded", "critical", 30), ("array-degraded", "none", 120)]
    house.say(210, False)
    assert len(house.verdicts()) == 2


def test_one_that_is_known_is_not_told_again(house: House) -> None:
    for minute, degraded in ((0, False), (10, True), (60, True), (70, True)):
        house.say(minute, degraded)
    for minute in (20, 30):
        house.say(minute, True)
    assert house.review(10, 60) == [], "it began before"
    assert house.verdicts() == [("array-degraded", "critical", 10)]


def test_one_that_began_in_the_gap_and_lasts_has_its_ticket_already(house: House) -> None:
    for minute, degraded in ((0, False), (10, False), (60, True)):
        house.say(minute, degraded)
    house.say(30, True)
    assert house.review(10, 60) == []
    assert house.verdicts() == [("array-degraded", "critical", 60)]


def test_a_collector_asks_for_a_gap_and_tells_what_was_in_it(
    make_running: Callable[..., Any],
    make_device: Callable[..., Any],
    status_payload: Callable[..., bytes],
    wait_for: Callable[..., Any],
) -> None:
    running = make_running()
    running.collector.dispatch.recovery.settle_seconds = 0.5
    running.collector.dispatch._gaps_at = 0.0
    device = make_device(running.port, NAME)
    device.connect()
    device.send(
        mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(f"forewarn/v1/{NAME}/down/#", max_qos=mqtt5.QoS.AT_LEAST_ONCE)])
    )
    device.receive()
    began = time.time() - HOUR

    def smart(seq: int, passed: bool) -> bytes:
        return encode(
            SmartReport(
                device=NAME, boot="b1", seq=seq, sampled_at=began + seq * MINUTE, disk=DISK,
                outcome=Outcome.MEASURED, passed=passed,
            )
        )  # fmt: skip

    for seq in (1, 3, 4):
        assert device.publish(up_topic(NAME, "smart"), smart(seq, True)).reason_code == 0
    assert device.publish(up_topic(NAME, "status"), status_payload()).reason_code == 0
    packet = device.receive(60)
    order = decode_order("command", packet.payload)
    assert isinstance(order, CommandOrder)
    assert (order.command, order.boot, order.sequences) == (Command.RESEND, "b1", [(2, 2)])
    device.send(mqtt5.PubAckPacket(packet.packet_id))
    assert device.publish(up_topic(NAME, "smart"), smart(2, False)).reason_code == 0
    reply = ReplyReport(
        device=NAME, boot="b1", seq=5, sampled_at=time.time(), in_reply_to=order.id, answer="done", sequences=[(2, 2)]
    )  # type: ignore[arg-type]
    assert device.publish(up_topic(NAME, "reply"), encode(reply)).reason_code == 0
    (ticket,) = wait_for(lambda: running.collector.desk.tickets(device=NAME), 60)
    assert ticket.fault == "disk-failure"
    assert ticket.opened_at == pytest.approx(began + 2 * MINUTE, abs=0.01)
    assert not running.collector.health().troubles
