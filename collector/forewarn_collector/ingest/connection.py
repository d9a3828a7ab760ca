"""One MQTT 5 connection of a device: what it sends, what it is owed, and when it ends."""

import asyncio
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any, cast

import mqtt5
from mqtt5 import ConnAckReasonCode as Reply
from mqtt5 import DisconnectReasonCode as Bye
from mqtt5 import QoS

from forewarn_collector.identity.admission import Visitor
from forewarn_collector.ingest import arrival
from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.arrival import Claim, Refused
from forewarn_collector.ingest.down import Down
from forewarn_collector.ingest.intake import Item
from forewarn_collector.ingest.packets import Framer, MalformedPacket, PacketTooLarge
from forewarn_collector.store.model import DeadLetter
from forewarn_wire import CANARY

if TYPE_CHECKING:
    from forewarn_collector.ingest.listener import Listener

log = logging.getLogger(__name__)

WRITE_LIMIT = 262_144
LETTER_BYTES = 512
# As long as the queue has room; a full one must not get more than a message of each connection.
READ_AT_ONCE = 16
REVOKED = "revoked"
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
        self._down = Down()
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
            if problem := arrival.no_connect(data):
                self._refuse(data, "malformed-packet", problem)
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
            older = arrival.older_protocol(beginning)
            if older and not self.client:
                self._write(arrival.REFUSE_OLDER)
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
            self._write(self._down.unsubscribe(packet))
        elif isinstance(packet, mqtt5.DisconnectPacket):
            if packet.reason_code == Bye.NORMAL_DISCONNECTION:
                self._will = None
            self.end(None, "disconnected")
        elif isinstance(packet, mqtt5.PubAckPacket):
            self._down.acknowledged(packet.packet_id)
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
        claimed = self._claim(packet)
        refused = arrival.mistake(packet, claimed) or self._refusal(packet, claimed)
        if refused:
            self._reject(refused)
            return
        self.client = claimed.name
        self._will = packet.will
        self._keepalive = arrival.silence_allowed(packet)
        self.deadline = time.monotonic() + self._keepalive
        self._down = Down(self.client, packet.receive_max, packet.max_packet_size)
        self._listener.entered(self)
        self._write(arrival.welcome(packet, self._listener.receive_maximum, self._listener.max_packet_bytes))

    def _claim(self, packet: mqtt5.ConnectPacket) -> Claim:
        return arrival.claim(packet, self._certificate())

    def _certificate(self) -> dict[str, Any] | None:
        """The client's certificate as ``getpeercert`` tells it, verified by the TLS layer; None without TLS."""
        if self._listener.tls is None:
            return None
        assert self._transport is not None
        tls: ssl.SSLObject = self._transport.get_extra_info("ssl_object")
        return dict(tls.getpeercert() or {})

    def _refusal(self, packet: mqtt5.ConnectPacket, claimed: Claim) -> Refused | None:
        """Why this client may not come in, though it is who it says; None lets it in."""
        self.visitor, self._valid_until = arrival.visitor(packet, claimed), arrival.valid_until(claimed)
        text = self._listener.refusal(self.visitor)
        return Refused(Reply.NOT_AUTHORIZED, text) if text else None

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
        self._write(self._down.subscribe(packet))
        self._listener.subscribed(self.client)

    def order(self, kind: str, payload: bytes) -> bool:
        """Send a message below ``down/``. False: the device does not listen to it, or not now."""
        packet = None if self._ended else self._down.order(kind, payload)
        if packet is None:
            return False
        self._write(packet)
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

    def _reject(self, refused: Refused) -> None:
        self._write(mqtt5.ConnAckPacket(reason_code=refused.code, reason_str=refused.text).write())
        self.end(None, f"refused: {refused.code.name.lower().replace('_', '-')}")

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

    def _claim(self, packet: mqtt5.ConnectPacket) -> Claim:
        return Claim(CANARY, None, {})
