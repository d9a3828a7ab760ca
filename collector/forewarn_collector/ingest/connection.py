"""One MQTT 5 connection of a device: who it is, what it may do, what it is owed."""

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import mqtt5
from mqtt5 import ConnAckReasonCode as Reply
from mqtt5 import DisconnectReasonCode as Bye
from mqtt5 import QoS

from forewarn_collector.identity.admission import Visitor
from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.intake import Item
from forewarn_collector.ingest.packets import Framer, MalformedPacket, PacketTooLarge
from forewarn_collector.ingest.subscriptions import kinds, one_of
from forewarn_collector.store.model import DeadLetter
from forewarn_wire import CANARY, device_name_problem, down_topic
from forewarn_wire.machine import PROPERTY, read_machine

if TYPE_CHECKING:
    from forewarn_collector.ingest.listener import Listener

log = logging.getLogger(__name__)

# For clients that ask for none: a connection whose other end is gone must end some day.
KEEP_ALIVE_SECONDS = 600
WRITE_LIMIT = 262_144
# Orders are few and small; a device that does not acknowledge them gets no more.
ORDERS_ON_THE_WAY = 8
LETTER_BYTES = 512
# As long as the queue has room; a full one must not get more than a message of each connection.
READ_AT_ONCE = 16
# A device needs one.
FILTERS_AT_ONCE = 16
REVOKED = "revoked"
CONNECT_BYTE = b"\x10"
# What an older MQTT client understands as "unacceptable protocol version" (3.1.1, section 3.2.2.3).
REFUSE_OLDER = b"\x20\x02\x00\x01"
OLDER = {b"MQTT\x04": "MQTT 3.1.1", b"MQIsdp\x03": "MQTT 3.1"}
_PINGRESP = mqtt5.PingRespPacket().write()


class Connection(asyncio.Protocol):
    """``client`` is "" until CONNECT is accepted, ``address`` "" where no network is between. Every method runs in the
    event loop."""

    def __init__(self, listener: "Listener", address: str = "") -> None:
        self.client = ""
        self.address = address
        self.visitor = Visitor("")
        self.paused = False
        self.deadline = time.monotonic() + listener.connect_seconds
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._framer = Framer(listener.max_packet_bytes)
        self._silent = True
        self._keepalive: float | None = None
        self._valid_until: float | None = None
        self._will: mqtt5.Will | None = None
        self._owed = 0
        self._ended = ""
        # A set for each of 10,000 connections would take 216 bytes, also an empty one.
        self._takes: frozenset[str] = frozenset()
        self._orders: frozenset[int] = frozenset()
        self._order_limits = (ORDERS_ON_THE_WAY, 0)
        self._slow_until = 0.0
        self._read_items: list[Item] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._listener.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.left(self, self._ended or "connection-lost")
        # The collector's own end says nothing about the device, and of a revoked one nothing is taken.
        if self._will is not None and self._ended not in ("server-stopped", REVOKED):
            self._submit(self._will.topic, self._will.payload or b"", None, self._listener.now())
            self._offer()
        self._will = None

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._silent:
            self._silent = False
            if data[:1] != CONNECT_BYTE:
                hint = "it looks like TLS, and this port is plain text" if data[:2] == b"\x16\x03" else "is it MQTT?"
                self._refuse(data, "malformed-packet", f"the first byte is not that of a CONNECT: {hint}")
                return
        if self._keepalive is not None:
            self.deadline = time.monotonic() + self._keepalive
        self._read(data)

    def _read(self, data: bytes) -> None:
        """Take packets until there is no more, or until reading must stop; what is left then waits in the framer."""
        received, read, room = self._listener.now(), 0, self._listener.intake.has_room
        try:
            for packet in self._framer.feed(data):
                if isinstance(packet, mqtt5.PublishPacket):
                    self._publish(packet, received)
                else:
                    self._packet(packet)
                read += 1
                if read >= READ_AT_ONCE or not room:
                    self._settle(read)
                    read, room = 0, self._listener.intake.has_room
                if self._ended or self.paused:
                    break
            self._settle(read)
        except PacketTooLarge as error:
            self._refuse(self._framer.rest(LETTER_BYTES), "packet-too-large", str(error), Bye.PACKET_TOO_LARGE)
        except MalformedPacket as error:
            beginning = self._framer.rest(LETTER_BYTES)
            older = next((name for mark, name in OLDER.items() if mark in beginning[:16]), None)
            if older and not self.client:
                self._write(REFUSE_OLDER)
                self._refuse(beginning, "malformed-packet", f"the client speaks {older}: set it to MQTT 5")
            else:
                self._refuse(beginning, "malformed-packet", str(error))

    def _packet(self, packet: mqtt5.Packet) -> None:
        """Take one packet. The first one is a CONNECT: nothing else gets past its first byte."""
        if isinstance(packet, mqtt5.ConnectPacket):
            self._connect(packet)
        elif isinstance(packet, mqtt5.PingReqPacket):
            self._write(_PINGRESP)
        elif isinstance(packet, mqtt5.SubscribePacket):
            self._subscribe(packet)
        elif isinstance(packet, mqtt5.UnsubscribePacket):
            for pattern in packet.patterns:
                self._takes = one_of(self._takes - kinds(pattern, f"forewarn/v1/{self.client}/down/"))
            codes = [mqtt5.UnsubAckReasonCode.SUCCESS] * len(packet.patterns)
            self._write(mqtt5.UnsubAckPacket(packet.packet_id, codes).write())
        elif isinstance(packet, mqtt5.DisconnectPacket):
            if packet.reason_code == Bye.NORMAL_DISCONNECTION:
                self._will = None
            self.end(None, "disconnected")
        elif isinstance(packet, mqtt5.PubAckPacket):
            self._orders -= {packet.packet_id}
        else:
            self.end(Bye.PROTOCOL_ERROR, "protocol-error")

    def _settle(self, read: int) -> None:
        """Queue what so many packets brought, and count them."""
        self._offer()
        if read:
            self._keep_pace(read)

    def _keep_pace(self, read: int) -> None:
        """Read a client that says too much more slowly: it loses nothing, and the others are served."""
        now = time.monotonic()
        wait = self._listener.crowd.pause_after(self.client, now, read) if self.client else 0.0
        if wait and not self._ended:
            if not self._slow_until:
                log.warning("%s sends more than listen.messages_per_second: it is read more slowly", self.client)
            self._slow_until = now + wait
            self._pause()
            self._listener.resume_later(wait)

    def _connect(self, packet: mqtt5.ConnectPacket) -> None:
        if self.client:
            self.end(Bye.PROTOCOL_ERROR, "second-connect")
            return
        name, problem, certificate = self._identity(packet)
        own = f"forewarn/v1/{name}/up/status"
        if problem:
            self._reject(Reply.CLIENT_ID_NOT_VALID, problem)
        elif packet.client_id != name or packet.username not in (None, name):
            self._reject(Reply.NOT_AUTHORIZED, f"client id and user name must both be {name!r}")
        elif packet.authentication_method is not None:
            self._reject(Reply.BAD_AUTHENTICATION_METHOD, "no such authentication here")
        elif packet.will is not None and packet.will.topic != own:
            self._reject(Reply.NOT_AUTHORIZED, f"the will must be on {own}")
        elif refusal := self._refusal(name, packet, certificate):
            self._reject(Reply.NOT_AUTHORIZED, refusal)
        else:
            self.client = name
            self._will = packet.will
            self._keepalive = 1.5 * (packet.keep_alive or KEEP_ALIVE_SECONDS)
            self.deadline = time.monotonic() + self._keepalive
            self._order_limits = (
                min(ORDERS_ON_THE_WAY, packet.receive_max or ORDERS_ON_THE_WAY),
                packet.max_packet_size or 0,
            )
            self._listener.entered(self)
            self._write(
                mqtt5.ConnAckPacket(
                    server_keep_alive=None if packet.keep_alive else KEEP_ALIVE_SECONDS,
                    receive_max=self._listener.receive_maximum,
                    max_qos=QoS.AT_LEAST_ONCE,
                    max_packet_size=self._listener.max_packet_bytes,
                    wildcard_subscription_available=True,
                    shared_subscription_available=False,
                    subscription_id_available=False,
                ).write()
            )

    def _identity(self, packet: mqtt5.ConnectPacket) -> tuple[str, str | None, dict[str, Any]]:
        """Who this is, what is wrong with the name, and the certificate that says so (empty without TLS)."""
        certificate = self._certificate()
        name = packet.client_id if certificate is None else _common_name(certificate.get("subject", ()))
        return name, device_name_problem(name), certificate or {}

    def _certificate(self) -> dict[str, Any] | None:
        """The client's certificate as ``getpeercert`` tells it, verified by the TLS layer; None without TLS."""
        if self._listener.tls is None:
            return None
        assert self._transport is not None
        tls: ssl.SSLObject = self._transport.get_extra_info("ssl_object")
        return dict(tls.getpeercert() or {})

    def _refusal(self, name: str, packet: mqtt5.ConnectPacket, certificate: dict[str, Any]) -> str | None:
        """Why this client may not come in, though it is who it says; None lets it in."""
        machine = read_machine(dict(packet.user_properties).get(PROPERTY, ""))
        serial = str(certificate.get("serialNumber", "")).lower().lstrip("0")
        if ends := certificate.get("notAfter"):
            self._valid_until = ssl.cert_time_to_seconds(ends)
        self.visitor = Visitor(name, serial, _common_name(certificate.get("issuer", ())), machine)
        return self._listener.refusal(self.visitor)

    def _publish(self, packet: mqtt5.PublishPacket, received: float) -> None:
        qos, packet_id = packet.qos, packet.packet_id
        if packet.topic_alias is not None:
            self.end(Bye.TOPIC_ALIAS_INVALID, "topic-alias")
        elif qos == QoS.EXACTLY_ONCE:
            self.end(Bye.QOS_NOT_SUPPORTED, "qos-2")
        elif packet_id == 0:
            self.end(Bye.PROTOCOL_ERROR, "packet-id-0")
        elif qos == QoS.AT_LEAST_ONCE and self._owed >= self._listener.receive_maximum:
            self.end(Bye.RECEIVE_MAX_EXCEEDED, "receive-maximum")
        else:
            self._submit(packet.topic, packet.payload, packet_id, received)

    def _submit(self, topic: str, payload: bytes, packet_id: int | None, received: float) -> None:
        token = None
        if packet_id is not None:
            self._owed += 1
            token = (self, packet_id)
        publish = Publish("listener", self.client, topic, payload, received)
        self._read_items.append(Item(self._listener, token, publish))

    def _offer(self) -> None:
        """Each turn at the queue costs more than what is queued."""
        items, self._read_items = self._read_items, []
        if items and not self._listener.intake.offer(*items):
            self._pause()

    def _subscribe(self, packet: mqtt5.SubscribePacket) -> None:
        if not packet.topic_filters or not packet.packet_id:
            self.end(Bye.PROTOCOL_ERROR, "protocol-error")
            return
        below = f"forewarn/v1/{self.client}/down/"
        codes = [_granted(wanted, below) for wanted in packet.topic_filters[:FILTERS_AT_ONCE]]
        codes += [mqtt5.SubAckReasonCode.QUOTA_EXCEEDED] * (len(packet.topic_filters) - len(codes))
        self._write(mqtt5.SubAckPacket(packet.packet_id, codes).write())
        for wanted, code in zip(packet.topic_filters, codes, strict=True):
            if code is mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE:
                self._takes = one_of(self._takes | kinds(wanted.pattern, below))
        self._listener.subscribed(self.client)

    def order(self, kind: str, payload: bytes) -> bool:
        """Send a message below ``down/``. False: the device does not listen to it, or not now."""
        most, largest = self._order_limits
        topic = down_topic(self.client, kind)
        too_large = largest and len(payload) + len(topic) + 16 > largest
        if self._ended or kind not in self._takes or len(self._orders) >= most or too_large:
            return False
        packet_id = next(number for number in range(1, 65_536) if number not in self._orders)
        self._orders |= {packet_id}
        self._write(mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        return True

    def acknowledged(self, packets: list[bytes]) -> None:
        self._owed -= len(packets)
        self._write(b"".join(packets))

    def _pause(self) -> None:
        if not self.paused and self._transport is not None and not self._transport.is_closing():
            self.paused = True
            self._listener.paused.add(self)
            self._transport.pause_reading()

    def resume(self, now: float) -> None:
        """Go on with the packets that are here already, then with the socket; not before the client's pause is over."""
        if now < self._slow_until and not self._ended:
            return
        self.paused = False
        self._listener.paused.discard(self)
        if self._keepalive is not None:
            self.deadline = time.monotonic() + self._keepalive
        if not self._ended:
            self._read(b"")
        if not self.paused and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def expire(self, now: float) -> None:
        """End a connection that was silent for too long; break one that does not take its goodbye."""
        if self._valid_until is not None and self._listener.now() > self._valid_until:
            self.end(Bye.NOT_AUTHORIZED, "certificate-expired")
        if now <= self.deadline or self._transport is None:
            return
        if self._ended:
            self._transport.abort()
        elif not self.client:
            self.end(None, "connect-timeout")
        elif not self.paused:
            self.end(Bye.KEEP_ALIVE_TIMEOUT, "keepalive-timeout")

    def _reject(self, code: Reply, text: str) -> None:
        self._write(mqtt5.ConnAckPacket(reason_code=code, reason_str=text).write())
        self.end(None, f"refused: {code.name.lower().replace('_', '-')}")

    def _refuse(self, beginning: bytes, reason: str, detail: str, bye: Bye = Bye.MALFORMED_PACKET) -> None:
        """Keep the beginning of what could not be read, then end the connection."""
        self._offer()
        now = self._listener.now()
        letter = DeadLetter(now, "listener", self.client, "", reason, detail, beginning[:LETTER_BYTES])
        self._listener.intake.offer(Item(self._listener, None, letter))
        self.end(bye, reason)

    def end(self, bye: Bye | None, reason: str) -> None:
        if self._ended or self._transport is None:
            return
        self._ended = reason
        self.deadline = time.monotonic() + self._listener.close_seconds
        if bye is not None and self.client:
            self._write(mqtt5.DisconnectPacket(reason_code=bye).write())
        self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > WRITE_LIMIT:
                self._ended = self._ended or "does-not-read"
                self._transport.abort()


class InsideConnection(Connection):
    """The other end is the collector itself, which reports under the one name that no device may have."""

    def _identity(self, packet: mqtt5.ConnectPacket) -> tuple[str, str | None, dict[str, Any]]:
        return CANARY, None, {}


def _common_name(name: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Of a subject or issuer as ``getpeercert`` tells it; "" unless there is exactly one."""
    found = [value for part in name for key, value in part if key == "commonName"]
    return found[0] if len(found) == 1 else ""


def _granted(wanted: mqtt5.TopicFilter, below: str) -> mqtt5.SubAckReasonCode:
    if not wanted.pattern.startswith(below):
        return mqtt5.SubAckReasonCode.NOT_AUTHORIZED
    if wanted.max_qos == QoS.AT_MOST_ONCE:
        return mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE
    return mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE
