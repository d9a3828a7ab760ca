"""One MQTT 5 connection of a device: who it is, what it may do, what it is owed."""

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, cast

import mqtt5
from mqtt5 import ConnAckReasonCode as Reply
from mqtt5 import DisconnectReasonCode as Bye
from mqtt5 import QoS

from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.intake import Item
from forewarn_collector.ingest.packets import Framer, MalformedPacket, PacketTooLarge
from forewarn_collector.store.model import DeadLetter
from forewarn_wire import device_name_problem

if TYPE_CHECKING:
    from forewarn_collector.ingest.listener import Listener

CONNECT_SECONDS = 15.0
WRITE_LIMIT = 262_144
# What an MQTT 3.1.1 client understands as "unacceptable protocol version" (3.1.1, section 3.2.2.3).
REFUSE_3_1_1 = b"\x20\x02\x00\x01"
_PINGRESP = mqtt5.PingRespPacket().write()


class Connection(asyncio.Protocol):
    """``client`` is "" until CONNECT is accepted. Every method runs in the event loop."""

    def __init__(self, listener: "Listener") -> None:
        self.client = ""
        self.paused = False
        self.deadline = time.monotonic() + CONNECT_SECONDS
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._framer = Framer(listener.max_packet_bytes)
        self._keepalive: float | None = None
        self._will: mqtt5.Will | None = None
        self._owed = 0
        self._ended = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._listener.open.add(self)
        if len(self._listener.open) > self._listener.max_connections:
            self.end(Bye.QUOTA_EXCEEDED, "too-many-connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.left(self, self._ended or "connection-lost")
        if self._will is not None:
            self._submit(self._will.topic, self._will.payload or b"", None)
            self._will = None

    def data_received(self, data: bytes) -> None:
        if self._keepalive is not None:
            self.deadline = time.monotonic() + self._keepalive
        try:
            for packet in self._framer.feed(data):
                self._packet(packet)
                if self._ended:
                    return
        except PacketTooLarge as error:
            self._refuse(data, "packet-too-large", str(error), Bye.PACKET_TOO_LARGE)
        except MalformedPacket as error:
            if not self.client and data[:1] == b"\x10" and b"MQTT\x04" in data[:16]:
                self._write(REFUSE_3_1_1)
            self._refuse(data, "malformed-packet", str(error), Bye.MALFORMED_PACKET)

    def _packet(self, packet: mqtt5.Packet) -> None:
        if not self.client:
            if isinstance(packet, mqtt5.ConnectPacket):
                self._connect(packet)
            else:
                self.end(Bye.PROTOCOL_ERROR, "no-connect")
        elif isinstance(packet, mqtt5.PublishPacket):
            self._publish(packet)
        elif isinstance(packet, mqtt5.PingReqPacket):
            self._write(_PINGRESP)
        elif isinstance(packet, mqtt5.SubscribePacket):
            self._subscribe(packet)
        elif isinstance(packet, mqtt5.UnsubscribePacket):
            codes = [mqtt5.UnsubAckReasonCode.SUCCESS] * len(packet.patterns)
            self._write(mqtt5.UnsubAckPacket(packet.packet_id, codes).write())
        elif isinstance(packet, mqtt5.DisconnectPacket):
            if packet.reason_code == Bye.NORMAL_DISCONNECTION:
                self._will = None
            self.end(None, "disconnected")
        elif not isinstance(packet, mqtt5.PubAckPacket):
            self.end(Bye.PROTOCOL_ERROR, "protocol-error")

    def _connect(self, packet: mqtt5.ConnectPacket) -> None:
        name = self._certificate_name() or packet.client_id
        problem = device_name_problem(name)
        own = f"forewarn/v1/{name}/up/status"
        if problem:
            self._reject(Reply.CLIENT_ID_NOT_VALID, problem)
        elif packet.client_id != name or packet.username not in (None, name):
            self._reject(Reply.NOT_AUTHORIZED, f"client id and user name must both be {name!r}")
        elif packet.will is not None and packet.will.topic != own:
            self._reject(Reply.NOT_AUTHORIZED, f"the will must be on {own}")
        else:
            self.client = name
            self._will = packet.will
            self._keepalive = packet.keep_alive * 1.5 or float("inf")
            self.deadline = time.monotonic() + self._keepalive
            self._listener.entered(self)
            self._write(
                mqtt5.ConnAckPacket(
                    receive_max=self._listener.receive_maximum,
                    max_qos=QoS.AT_LEAST_ONCE,
                    max_packet_size=self._listener.max_packet_bytes,
                    wildcard_subscription_available=True,
                    shared_subscription_available=False,
                    subscription_id_available=False,
                ).write()
            )

    def _certificate_name(self) -> str | None:
        """The common name of the client's certificate, which the TLS layer has verified."""
        assert self._transport is not None
        tls: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert() if tls else None
        if not certificate:
            return None
        subject = cast(tuple[tuple[tuple[str, str], ...], ...], certificate.get("subject", ()))
        return next((value for part in subject for key, value in part if key == "commonName"), None)

    def _publish(self, packet: mqtt5.PublishPacket) -> None:
        if packet.topic_alias is not None:
            self.end(Bye.TOPIC_ALIAS_INVALID, "topic-alias")
        elif packet.qos == QoS.EXACTLY_ONCE:
            self.end(Bye.QOS_NOT_SUPPORTED, "qos-2")
        elif packet.qos == QoS.AT_LEAST_ONCE and self._owed >= self._listener.receive_maximum:
            self.end(Bye.RECEIVE_MAX_EXCEEDED, "receive-maximum")
        else:
            self._submit(packet.topic, packet.payload, packet.packet_id if packet.qos else None)

    def _submit(self, topic: str, payload: bytes, packet_id: int | None) -> None:
        token = None
        if packet_id is not None:
            self._owed += 1
            token = (self, packet_id)
        publish = Publish("listener", self.client, topic, payload, self._listener.now())
        if not self._listener.intake.offer(Item(self._listener, token, publish)):
            self._pause()

    def _subscribe(self, packet: mqtt5.SubscribePacket) -> None:
        below = f"forewarn/v1/{self.client}/down/"
        granted = mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
        refused = mqtt5.SubAckReasonCode.NOT_AUTHORIZED
        codes = [granted if f.pattern.startswith(below) else refused for f in packet.topic_filters]
        self._write(mqtt5.SubAckPacket(packet.packet_id, codes).write())

    def acknowledged(self, packets: list[bytes]) -> None:
        self._owed -= len(packets)
        self._write(b"".join(packets))

    def _pause(self) -> None:
        if not self.paused and self._transport is not None and not self._transport.is_closing():
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self.paused and self._transport is not None and not self._transport.is_closing():
            self.paused = False
            if self._keepalive is not None:
                self.deadline = time.monotonic() + self._keepalive
            self._transport.resume_reading()

    def _reject(self, code: Reply, text: str) -> None:
        self._write(mqtt5.ConnAckPacket(reason_code=code, reason_str=text).write())
        self.end(None, f"refused: {code.name.lower().replace('_', '-')}")

    def _refuse(self, data: bytes, reason: str, detail: str, bye: Bye) -> None:
        """Keep the beginning of what could not be read, then end the connection."""
        letter = DeadLetter(self._listener.now(), "listener", self.client, "", reason, detail, data[:512])
        self._listener.intake.offer(Item(self._listener, None, letter))
        self.end(bye, reason)

    def end(self, bye: Bye | None, reason: str) -> None:
        if self._ended or self._transport is None:
            return
        self._ended = reason
        if bye is not None and self.client:
            self._write(mqtt5.DisconnectPacket(reason_code=bye).write())
        self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > WRITE_LIMIT:
                self._ended = self._ended or "does-not-read"
                self._transport.abort()
