"""The ways of the canary: over a socket to the collector's own listener, or as a publish at the broker."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import mqtt5
from mqtt5 import QoS

from forewarn_collector.ingest.packets import Framer, MalformedPacket, PacketTooLarge
from forewarn_wire import CANARY

TIMEOUT_SECONDS = 15.0
LIMIT_BYTES = 65_536


class ListenerWay:
    """``connect`` gives one end of a connection to the listener. TLS is the only part of the way that is left out."""

    name = "listener"

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect

    def send(self, topic: str, payload: bytes) -> None:
        with closing(self._connect()) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            packets = _packets(connection)
            connection.sendall(mqtt5.ConnectPacket(CANARY, keep_alive=60).write())
            _expect(packets, mqtt5.ConnAckPacket)
            publish = mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=1)
            connection.sendall(publish.write())
            _expect(packets, mqtt5.PubAckPacket)
            connection.sendall(mqtt5.DisconnectPacket().write())


class BrokerWay:
    """``publish`` gives a message to the broker, or raises OSError."""

    name = "broker"

    def __init__(self, publish: Callable[[str, bytes], None]) -> None:
        self._publish = publish

    def send(self, topic: str, payload: bytes) -> None:
        self._publish(topic, payload)


def _packets(connection: socket.socket) -> Iterator[mqtt5.Packet]:
    framer = Framer(LIMIT_BYTES)
    while data := connection.recv(LIMIT_BYTES):
        try:
            yield from framer.feed(data)
        except (MalformedPacket, PacketTooLarge) as error:
            raise OSError(str(error)) from None


def _expect(packets: Iterator[mqtt5.Packet], wanted: type[mqtt5.ConnAckPacket] | type[mqtt5.PubAckPacket]) -> None:
    """Raise OSError unless the next packet is the wanted one and says success."""
    packet = next(packets, None)
    if packet is None:
        raise ConnectionError("the connection was closed")
    if not isinstance(packet, wanted) or packet.reason_code != 0:
        raise ConnectionError(f"the answer was {packet}")
