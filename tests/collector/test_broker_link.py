"""What a broker may do that Mosquitto does not do on demand: fall silent, refuse, allow little at a time."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import mqtt5
import pytest

from forewarn_collector.ingest.intake import Intake
from forewarn_collector.ingest.packets import Framer
from forewarn_collector.ingest.subscriber import BrokerSettings, Subscriber

Make = Callable[..., Any]


class Nothing:
    def commit(self, accepted: Any, dead: Any = ()) -> list[bool]:
        return [True] * len(accepted)


class Broker:
    """It answers CONNECT and SUBSCRIBE, and otherwise as ``answer`` says."""

    def __init__(self, hello: mqtt5.ConnAckPacket, answer: Callable[[Any], bytes]) -> None:
        self.heard: list[Any] = []
        self._hello, self._answer = hello, answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):  # of one that just leaves
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        framer = Framer(65_536)
        while data := connection.recv(65_536):
            for packet in framer.feed(data):
                self.heard.append(packet)
                if isinstance(packet, mqtt5.ConnectPacket):
                    connection.sendall(self._hello.write())
                elif isinstance(packet, mqtt5.SubscribePacket):
                    granted = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]
                    connection.sendall(mqtt5.SubAckPacket(packet.packet_id, granted).write())
                elif not isinstance(packet, mqtt5.DisconnectPacket) and (said := self._answer(packet)):
                    connection.sendall(said)

    def count(self, kind: type) -> int:
        return sum(isinstance(packet, kind) for packet in self.heard)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def make_subscribed(wait_for: Make) -> Iterator[Make]:
    """make_subscribed(answer, **hello): a broker, and a subscriber that it has let in."""
    made: list[Any] = []

    def make(answer: Callable[[Any], bytes], **hello: Any) -> tuple[Broker, Subscriber]:
        broker = Broker(mqtt5.ConnAckPacket(**hello), answer)
        subscriber = Subscriber(
            Intake(Nothing(), lambda: None), BrokerSettings(f"mqtt://127.0.0.1:{broker.port}"), time.time
        )
        made.append((broker, subscriber))
        subscriber.start()
        wait_for(lambda: subscriber.connected)
        return broker, subscriber

    yield make
    for broker, subscriber in made:
        subscriber.stop()
        broker.close()


def puback(packet: Any, code: mqtt5.PubAckReasonCode = mqtt5.PubAckReasonCode.SUCCESS) -> bytes:
    return mqtt5.PubAckPacket(packet.packet_id, reason_code=code).write()


def test_a_broker_that_falls_silent_is_left_and_tried_again(make_subscribed: Make, wait_for: Make) -> None:
    broker, subscriber = make_subscribed(lambda _packet: b"", server_keep_alive=1)
    wait_for(lambda: "no sign of life from the broker" in str(subscriber.trouble))
    wait_for(lambda: broker.count(mqtt5.ConnectPacket) == 2)
    assert broker.count(mqtt5.PingReqPacket) >= 1


def test_one_that_shows_a_sign_of_life_when_asked_is_kept(make_subscribed: Make, wait_for: Make) -> None:
    broker, subscriber = make_subscribed(lambda _packet: mqtt5.PingRespPacket().write(), server_keep_alive=1)
    wait_for(lambda: broker.count(mqtt5.PingReqPacket) >= 4)
    assert subscriber.connected
    assert broker.count(mqtt5.ConnectPacket) == 1


def test_what_the_broker_does_not_take_is_an_error_of_who_sent_it(make_subscribed: Make) -> None:
    refuse = mqtt5.PubAckReasonCode.NOT_AUTHORIZED
    _, subscriber = make_subscribed(lambda packet: puback(packet, refuse))
    with pytest.raises(ConnectionError, match="Not authorized"):
        subscriber.publish("forewarn/v1/shop-07/down/command", b"{}")


def test_not_more_is_sent_at_a_time_than_the_broker_allows(make_subscribed: Make, wait_for: Make) -> None:
    waiting: list[Any] = []

    def answer(packet: Any) -> bytes:
        if isinstance(packet, mqtt5.PublishPacket):
            waiting.append(packet)
        return b""

    broker, subscriber = make_subscribed(answer, receive_max=2)
    assert all(subscriber.send(f"shop-{number}", "command", b"{}") for number in range(5))
    wait_for(lambda: len(waiting) == 2)
    # What came before the goodbye is all that there was.
    subscriber.stop()
    wait_for(lambda: broker.count(mqtt5.DisconnectPacket) == 1)
    assert len(waiting) == 2
    assert not subscriber.send("shop-7", "command", b"{}")
