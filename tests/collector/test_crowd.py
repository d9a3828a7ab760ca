"""How many may come from where and how fast they may speak: the decision alone, then at a real listener."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import mqtt5
import psutil
import pytest
from mqtt5 import QoS

from forewarn_collector.ingest.crowd import FAILED_COUNTS, Crowd, Limits
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.ingest.packets import Framer
from forewarn_wire import up_topic

Make = Callable[..., Any]
ONE, OTHER = "192.0.2.7", "192.0.2.8"
FLOODED, CALM = "127.0.0.2", "127.0.0.3"
IDLE = int(os.environ.get("FOREWARN_IDLE_CONNECTIONS", "500"))


def test_an_address_has_so_many_connections_and_another_has_its_own() -> None:
    crowd = Crowd(100, Limits(connections_per_address=3, connections_per_second=1000))
    assert [crowd.enter(ONE, 0.0) for _ in range(4)] == [None, None, None, "too-many-of-address"]
    assert crowd.enter(OTHER, 0.0) is None
    crowd.leave(ONE, 1.0, welcome=True)
    assert crowd.enter(ONE, 1.0) is None
    assert crowd.enter("2001:db8::1", 1.0) is None
    assert [crowd.enter(f"2001:db8::{n}", 1.0) for n in (2, 3, 4)] == [None, None, "too-many-of-address"]


def test_everybody_together_has_a_limit() -> None:
    crowd = Crowd(2, Limits())
    assert [crowd.enter(f"192.0.2.{n}", 0.0) for n in range(3)] == [None, None, "too-many-connections"]
    crowd.leave("192.0.2.0", 0.0, welcome=True)
    assert crowd.enter("192.0.2.9", 0.0) is None


def test_new_connections_have_a_pace_after_a_burst() -> None:
    crowd = Crowd(10_000, Limits(connections_per_address=50, connections_per_second=10))

    def come_and_go(now: float) -> bool:
        entered = crowd.enter(ONE, now) is None
        if entered:
            crowd.leave(ONE, now, welcome=True)
        return entered

    assert sum(come_and_go(0.0) for _ in range(200)) == 50
    assert sum(come_and_go(n / 100) for n in range(1000)) == pytest.approx(100, abs=2)
    assert crowd.enter(OTHER, 0.0) is None
    assert come_and_go(100.0)


def test_whoever_only_fails_gets_a_tenth() -> None:
    crowd = Crowd(10_000, Limits(connections_per_address=50, connections_per_second=10))
    tried = 0
    for n in range(10_000):
        if crowd.enter(ONE, n / 100) is None:
            tried += 1
            crowd.leave(ONE, n / 100, welcome=False)
    assert tried == pytest.approx((50 + 100 * 10) / FAILED_COUNTS, abs=2)


def test_five_hundred_machines_behind_one_address_may_come_back_at_once_time_and_again() -> None:
    crowd = Crowd(50_000, Limits())
    for storm in range(20):  # a line that goes down every second
        assert [crowd.enter(ONE, float(storm)) for _ in range(500)] == [None] * 500
        for _ in range(500):
            crowd.leave(ONE, storm + 0.5, welcome=True)


def test_a_client_is_to_be_read_at_its_pace() -> None:
    crowd = Crowd(10, Limits(messages_per_second=10))
    assert [crowd.pause_after("shop-07", 0.0) for _ in range(99)] == [0.0] * 99
    assert crowd.pause_after("shop-07", 0.0) == pytest.approx(0.1)
    assert crowd.pause_after("shop-08", 0.0) == 0.0
    now, read = 0.0, 0
    while now < 60:
        now += crowd.pause_after("shop-07", now)
        read += 1
    assert read == pytest.approx(600, abs=3)


@pytest.fixture
def make_listener(door: Any) -> Iterator[Make]:
    """make_listener(**limits): a listener of its own before the collector's intake."""
    made: list[Listener] = []
    run = asyncio.run_coroutine_threadsafe

    def make(connect_seconds: float = 15.0, **limits: Any) -> Any:
        listener = Listener(
            door.collector.intake, time.time, limits=Limits(**limits), connect_seconds=connect_seconds
        )  # fmt: skip
        _, port = run(listener.start("127.0.0.1", 0), door.loop).result(10)
        made.append(listener)
        return SimpleNamespace(port=port, ended=listener.ended, listener=listener)

    yield make
    for listener in made:
        run(listener.stop(), door.loop).result(10)


class Caller:
    """A client at an address of its own; all of 127.0.0.0/8 is this machine."""

    def __init__(self, port: int, address: str, name: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 60, source_address=(address, 0))
        self._framer = Framer(262_144)
        if name:
            self.socket.sendall(mqtt5.ConnectPacket(name, keep_alive=60).write())

    def answer(self) -> Any:
        """The next packet; None when the connection ended instead."""
        with suppress(ConnectionResetError):
            while data := self.socket.recv(65_536):
                if packets := list(self._framer.feed(data)):
                    return packets[0]
        return None

    def report(self, topic: str, payload: bytes) -> int:
        self.socket.sendall(mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=1).write())
        return int(self.answer().reason_code)


@pytest.fixture
def call() -> Iterator[Make]:
    made: list[Caller] = []

    def make(*arguments: Any) -> Caller:
        made.append(Caller(*arguments))
        return made[-1]

    yield make
    for caller in made:
        caller.socket.close()


def test_a_flooding_address_is_limited_and_another_is_served(
    make_listener: Make, call: Make, load_payload: Make, wait_for: Make
) -> None:
    listener = make_listener(connections_per_address=20, connections_per_second=0.01)
    crowd = [call(listener.port, FLOODED) for _ in range(60)]
    wait_for(lambda: listener.ended["too-many-of-address"] == 40, 60)
    calm = call(listener.port, CALM, "shop-60")
    assert calm.answer().reason_code == 0
    assert calm.report(up_topic("shop-60", "load"), load_payload("shop-60")) == 0
    for caller in crowd:
        caller.socket.close()
    wait_for(lambda: len(listener.listener.open) == 1, 60)
    assert call(listener.port, FLOODED, "shop-61").answer() is None
    assert listener.ended["too-fast-of-address"] == 1
    assert calm.report(up_topic("shop-60", "load"), load_payload("shop-60", 2)) == 0


def test_an_address_that_is_always_refused_gets_fewer_tries(make_listener: Make, call: Make, wait_for: Make) -> None:
    listener = make_listener(connections_per_address=100, connections_per_second=0.01)
    for number in range(1, 11):
        assert call(listener.port, FLOODED, "collector").answer().reason_code == 0x85
        wait_for(lambda number=number: listener.ended["refused: client-id-not-valid"] == number, 60)
    assert call(listener.port, FLOODED, "shop-62").answer() is None
    assert listener.ended["too-fast-of-address"] == 1
    assert call(listener.port, CALM, "shop-62").answer().reason_code == 0


def test_a_device_that_sends_too_much_is_read_slowly_and_loses_nothing(
    door: Any, make_listener: Make, make_device: Make, load_payload: Make
) -> None:
    listener = make_listener(messages_per_second=50.0)
    loud, calm = make_device(listener.port, "shop-63"), make_device(listener.port, "shop-64")
    loud.connect()
    calm.connect()
    began = time.monotonic()
    packets = [loud.packet(up_topic("shop-63", "load"), load_payload("shop-63", seq)) for seq in range(1, 701)]
    calm_took = 0.0
    for beginning in range(0, 700, 100):  # never more than receive maximum on the way
        loud.send(*packets[beginning : beginning + 100])
        if beginning == 600:
            at = time.monotonic()
            assert calm.publish(up_topic("shop-64", "load"), load_payload("shop-64")).reason_code == 0
            calm_took = time.monotonic() - at
        assert {int(loud.receive(60).reason_code) for _ in range(100)} == {0}
    # 500 at once, then 50 a second: the last 200 take four seconds.
    assert time.monotonic() - began > 3.5
    assert calm_took < 3.5
    assert door.reader.device("shop-63").reports == 700
    assert not listener.ended


def test_a_subscription_has_so_many_filters(door: Any, make_device: Make) -> None:
    device = make_device(door.port, "shop-65")
    device.connect()
    filters = [mqtt5.TopicFilter(f"forewarn/v1/shop-65/down/{n}") for n in range(1000)]
    device.send(mqtt5.SubscribePacket(1, filters))
    assert device.receive().reason_codes == [1] * 16 + [0x97] * 984


def test_half_open_and_idle_connections_and_slow_senders_cost_little(
    make_listener: Make, call: Make, load_payload: Make, wait_for: Make
) -> None:
    """Many idle ones, 200 that say nothing, 50 that send a byte at a time and never end a packet of 200 kB."""
    listener = make_listener(connect_seconds=3.0)
    process = psutil.Process()
    empty = process.memory_info().rss
    idle = [call(listener.port, FLOODED, f"idle-{number}") for number in range(IDLE)]
    assert {int(client.answer().reason_code) for client in idle} == {0}
    before = process.memory_info().rss
    mute = [call(listener.port, FLOODED) for _ in range(200)]
    slow = [call(listener.port, FLOODED, f"slow-{number}") for number in range(50)]
    assert {int(client.answer().reason_code) for client in slow} == {0}
    beginning = mqtt5.PublishPacket("t", bytes(200_000), qos=QoS.AT_LEAST_ONCE, packet_id=1).write()[:10]
    for client in slow:
        for byte in beginning:
            client.socket.sendall(bytes([byte]))
    began = time.monotonic()
    calm = call(listener.port, CALM, "shop-66")
    assert calm.answer().reason_code == 0
    assert calm.report(up_topic("shop-66", "load"), load_payload("shop-66")) == 0
    assert time.monotonic() - began < 10
    assert process.memory_info().rss - before < 50_000_000
    wait_for(lambda: listener.ended == {"connect-timeout": 200}, 60)
    assert {client.answer() for client in mute} == {None}
    print(f"{IDLE} idle connections of both ends took {(before - empty) / 1e6:.1f} MB")
    assert before - empty < 50_000 * IDLE
    for client in (idle[0], idle[-1]):
        client.socket.sendall(mqtt5.PingReqPacket().write())
        assert isinstance(client.answer(), mqtt5.PingRespPacket)
