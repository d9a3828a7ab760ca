"""One connection to a broker: MQTT 5 packets out and in. What they mean for the collector is the subscriber's.

Every method runs in the subscriber's event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import mqtt5
from mqtt5 import QoS

from forewarn_collector.ingest.packets import Framer, MalformedPacket

if TYPE_CHECKING:
    from forewarn_collector.ingest.subscriber import Subscriber

# MQTT 5.0, section 2.1.4: the largest packet there is. What is too large is sorted out where its reason is kept:
# a packet that ended the connection would come again, for ever.
LARGEST_PACKET = 268_435_455
# The answer of a broker that speaks an older MQTT only (3.1.1, section 3.2.2): it is shorter than any of version 5.
OLDER_ANSWER = b"\x20\x02"
REPORTS_ID, WORDS_ID, FIRST_PUBLISH_ID, LAST_ID = 1, 2, 3, 65_535
# As long as the queue has room; then one at a time, so that it is never more than full.
OFFERED_AT_ONCE = 16
_PUBACK_OK_HEAD = b"\x40\x02"
_PINGREQ = mqtt5.PingReqPacket().write()


class Outgoing(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    taken: "asyncio.Future[None]"


class BrokerLink(asyncio.Protocol):
    """``ready``: reports come in. ``closed`` is done when the connection is gone."""

    def __init__(self, owner: "Subscriber", hello: mqtt5.ConnectPacket) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unsubscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready = False
        self._owner, self._hello = owner, hello
        self._transport: asyncio.Transport | None = None
        self._framer = Framer(LARGEST_PACKET)
        self._silent = True
        self._ended = False
        self._paused = False
        self._keep_alive = hello.keep_alive
        self._heard = self._spoke = time.monotonic()
        self._read_packets: list[mqtt5.PublishPacket] = []
        self._waiting: deque[Outgoing] = deque()
        self._sent: dict[int, Outgoing] = {}
        self._next_id = FIRST_PUBLISH_ID
        self._in_flight = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write(self._hello.write())

    def connection_lost(self, exc: Exception | None) -> None:
        for outgoing in (*self._sent.values(), *self._waiting):
            if not outgoing.taken.done():
                outgoing.taken.set_exception(ConnectionError("the connection to the broker broke"))
                outgoing.taken.exception()  # nobody may wait for it
        if not self._ended and (exc is not None or self.ready or self._silent):
            self._owner.say(f"disconnected: {exc or 'the broker closed the connection'}")
        self._ended, self.ready = True, False
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        if self._silent:
            self._silent = False
            if data.startswith(OLDER_ANSWER):
                self.give_up("the broker refuses: Unsupported protocol version: it must speak MQTT 5")
                return
        self._read(data)

    def _read(self, data: bytes) -> None:
        """Take packets until there is no more, or until reading must stop; what is left then waits in the framer."""
        try:
            for packet in self._framer.feed(data):
                if isinstance(packet, mqtt5.PublishPacket):
                    self._publish(packet)
                else:
                    self._packet(packet)
                if self._paused or self._ended:
                    break
            self._offer()
        except MalformedPacket as error:
            self.give_up(f"disconnected: what the broker sends is not MQTT 5 ({error})")

    def _packet(self, packet: mqtt5.Packet) -> None:
        if isinstance(packet, mqtt5.PubAckPacket):
            self._taken(packet)
        elif isinstance(packet, mqtt5.ConnAckPacket):
            if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
                self.give_up(f"the broker refuses: {in_words(packet.reason_code.name)}")
                return
            self._keep_alive = packet.server_keep_alive or self._keep_alive
            self._in_flight = packet.receive_max
            self._owner.accepted(self, packet)
        elif isinstance(packet, mqtt5.SubAckPacket) and packet.packet_id == REPORTS_ID:
            refused = [in_words(code.name) for code in packet.reason_codes if int(code) >= 0x80]
            if refused:
                self._owner.say(f"the broker refuses the subscription: {', '.join(refused)}")
                return
            self.ready = True
            self._owner.subscribed()
        elif isinstance(packet, mqtt5.UnsubAckPacket) and not self._unsubscribed.done():
            self._unsubscribed.set_result(None)
        elif isinstance(packet, mqtt5.DisconnectPacket):
            self.give_up(f"disconnected: {in_words(packet.reason_code.name)}")

    def subscribe(self, reports: mqtt5.TopicFilter, words: mqtt5.TopicFilter) -> None:
        """``reports`` must be granted; ``words`` are what the broker says of itself, if it does."""
        for packet_id, wanted in ((REPORTS_ID, reports), (WORDS_ID, words)):
            self._write(mqtt5.SubscribePacket(packet_id, [wanted]).write())

    async def unsubscribe(self, reports: str, seconds: float) -> None:
        """Others of the group get what comes from now on. Return when the broker has said so: it does not read what
        was sent on a connection that ends before everything of its own was taken."""
        self._write(mqtt5.UnsubscribePacket(REPORTS_ID, [reports]).write())
        await asyncio.wait({self._unsubscribed, self.closed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def _publish(self, packet: mqtt5.PublishPacket) -> None:
        self._read_packets.append(packet)
        if len(self._read_packets) >= OFFERED_AT_ONCE or not self._owner.has_room:
            self._offer()

    def _offer(self) -> None:
        """Each turn at the queue costs more than what is queued."""
        packets, self._read_packets = self._read_packets, []
        if packets and not self._owner.take(self, packets) and self._transport is not None and not self._ended:
            self._paused = True
            self._transport.pause_reading()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        self._write(b"".join([_PUBACK_OK_HEAD + packet_id.to_bytes(2, "big") for packet_id in packet_ids]))

    def publish(self, topic: str, payload: bytes, retain: bool) -> "asyncio.Future[None]":
        """QoS 1. The future is done when the broker has it; ConnectionError where it never will."""
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Outgoing(topic, payload, retain, taken))
        self._flush()
        return taken

    def _flush(self) -> None:
        while self._waiting and len(self._sent) < self._in_flight:
            outgoing = self._waiting.popleft()
            while self._next_id in self._sent:
                self._count()
            self._sent[self._next_id] = outgoing
            self._write(
                mqtt5.PublishPacket(
                    outgoing.topic, outgoing.payload, qos=QoS.AT_LEAST_ONCE, retain=outgoing.retain,
                    packet_id=self._next_id,
                ).write()
            )  # fmt: skip
            self._count()

    def _count(self) -> None:
        self._next_id = self._next_id + 1 if self._next_id < LAST_ID else FIRST_PUBLISH_ID

    def _taken(self, packet: mqtt5.PubAckPacket) -> None:
        outgoing = self._sent.pop(packet.packet_id, None)
        if outgoing is not None and not outgoing.taken.done():
            if int(packet.reason_code) >= 0x80:
                outgoing.taken.set_exception(ConnectionError(f"the broker says: {in_words(packet.reason_code.name)}"))
                outgoing.taken.exception()
            else:
                outgoing.taken.set_result(None)
        self._flush()

    def tick(self, now: float) -> None:
        """Now and then: go on reading when there is room, show a sign of life, notice when the broker shows none."""
        self.resume()
        if now - self._spoke >= self._keep_alive / 2:
            self._write(_PINGREQ)
        # Who does not read hears nothing.
        if not self._paused and now - self._heard > 1.5 * self._keep_alive:
            self.give_up("disconnected: no sign of life from the broker")

    def resume(self) -> None:
        if self._ended or not self._paused or not self._owner.has_room:
            return
        self._paused = False
        self._heard = time.monotonic()
        self._read(b"")
        if not self._paused and not self._ended and self._transport is not None:
            self._transport.resume_reading()

    def leave(self) -> None:
        """In order; the session and what is not acknowledged stay at the broker."""
        self._write(mqtt5.DisconnectPacket().write())
        self._ended = True
        if self._transport is not None:
            self._transport.close()

    def give_up(self, why: str) -> None:
        """Break it off."""
        if not self._ended:
            self._owner.say(why)
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._ended and not self._transport.is_closing():
            self._spoke = time.monotonic()
            self._transport.write(data)


def granted(answer: mqtt5.ConnAckPacket) -> dict[str, int]:
    """The properties that the broker said, by the standard's names without spaces."""
    properties = {
        "MaximumQoS": answer.max_qos,
        "RetainAvailable": answer.retain_available,
        "WildcardSubscriptionAvailable": answer.wildcard_subscription_available,
        "SharedSubscriptionAvailable": answer.shared_subscription_available,
        "ReceiveMaximum": answer.receive_max,
        "MaximumPacketSize": answer.max_packet_size,
        "SessionExpiryInterval": answer.session_expiry_interval,
        "ServerKeepAlive": answer.server_keep_alive,
    }
    return {name: int(value) for name, value in properties.items() if value is not None}


def in_words(name: str) -> str:
    """NOT_AUTHORIZED: Not authorized."""
    return name.replace("_", " ").capitalize()
