"""What is sent down to a device that is connected: what it listens to, and what it still has to acknowledge.

Makes packets; the connection sends them.
"""

from functools import lru_cache

import mqtt5
from mqtt5 import QoS

from forewarn_wire import DOWN_KINDS, down_topic

# Orders are few and small; a device that does not acknowledge them gets no more.
ORDERS_ON_THE_WAY = 8
# A device needs one.
FILTERS_AT_ONCE = 16


class Down:
    """Of one connection. ``receive_maximum`` and ``max_packet_bytes`` are what the device takes, None where it did not
    say."""

    __slots__ = ("_client", "_largest", "_most", "_orders", "_takes")

    def __init__(
        self, client: str = "", receive_maximum: int | None = None, max_packet_bytes: int | None = None
    ) -> None:
        self._client = client
        self._most = min(ORDERS_ON_THE_WAY, receive_maximum or ORDERS_ON_THE_WAY)
        self._largest = max_packet_bytes or 0
        # A set for each of 10,000 connections would take 216 bytes, also an empty one.
        self._takes: frozenset[str] = frozenset()
        self._orders: frozenset[int] = frozenset()

    def subscribe(self, packet: mqtt5.SubscribePacket) -> bytes:
        """The answer."""
        below = self._below()
        codes = [_granted(wanted, below) for wanted in packet.topic_filters[:FILTERS_AT_ONCE]]
        codes += [mqtt5.SubAckReasonCode.QUOTA_EXCEEDED] * (len(packet.topic_filters) - len(codes))
        for wanted, code in zip(packet.topic_filters, codes, strict=True):
            if code is mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE:
                self._takes = _one_of(self._takes | _kinds(wanted.pattern, below))
        return mqtt5.SubAckPacket(packet.packet_id, codes).write()

    def unsubscribe(self, packet: mqtt5.UnsubscribePacket) -> bytes:
        """The answer."""
        for pattern in packet.patterns:
            self._takes = _one_of(self._takes - _kinds(pattern, self._below()))
        codes = [mqtt5.UnsubAckReasonCode.SUCCESS] * len(packet.patterns)
        return mqtt5.UnsubAckPacket(packet.packet_id, codes).write()

    def order(self, kind: str, payload: bytes) -> bytes | None:
        """A message below ``down/``. None: the device does not listen to it, or takes no such message now."""
        topic = down_topic(self._client, kind)
        too_large = self._largest and len(payload) + len(topic) + 16 > self._largest
        if kind not in self._takes or len(self._orders) >= self._most or too_large:
            return None
        packet_id = next(number for number in range(1, 65_536) if number not in self._orders)
        self._orders |= {packet_id}
        return mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write()

    def acknowledged(self, packet_id: int) -> None:
        self._orders -= {packet_id}

    def _below(self) -> str:
        return f"forewarn/v1/{self._client}/down/"


def _granted(wanted: mqtt5.TopicFilter, below: str) -> mqtt5.SubAckReasonCode:
    if not wanted.pattern.startswith(below):
        return mqtt5.SubAckReasonCode.NOT_AUTHORIZED
    if wanted.max_qos == QoS.AT_MOST_ONCE:
        return mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE
    return mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE


def _kinds(pattern: str, below: str) -> set[str]:
    """Of what is sent below ``down/``: what a topic filter lets through."""
    return {kind for kind in DOWN_KINDS if pattern in (f"{below}#", f"{below}+", below + kind)}


@lru_cache
def _one_of(taken: frozenset[str]) -> frozenset[str]:
    """The same object for all devices that listen to the same."""
    return taken
