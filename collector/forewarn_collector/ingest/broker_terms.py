"""What a broker grants the collector, held against what the collector needs. Pure.

Source: MQTT 5.0, OASIS standard, section 3.2.2.3 (properties of CONNACK); what a broker does not say has the
standard's own value.
"""

from collections.abc import Mapping
from typing import NamedTuple

LEAST_IN_FLIGHT = 10
LEAST_KEEP_ALIVE_SECONDS = 10
NO_LIMIT = 2**32 - 1


class Needs(NamedTuple):
    """``packet_bytes``: the largest packet that devices may send; ``group``: a shared subscription is used."""

    session_seconds: int
    packet_bytes: int
    group: bool


def shortcomings(granted: Mapping[str, int], needs: Needs) -> list[str]:
    """A sentence for each thing that is missing. ``granted``: the CONNACK's properties by the standard's names, without
    spaces."""
    found = []
    if granted.get("MaximumQoS", 2) < 1:
        found.append("the broker takes QoS 0 only, so reports get lost: allow QoS 1 (Mosquitto: max_qos 2)")
    if not granted.get("RetainAvailable", 1):
        found.append(
            "the broker keeps no retained messages and refuses devices that send one: allow them"
            " (Mosquitto: retain_available true)"
        )
    if not granted.get("WildcardSubscriptionAvailable", 1):
        found.append("the broker takes no wildcard subscriptions, so no report arrives: allow them")
    if needs.group and not granted.get("SharedSubscriptionAvailable", 1):
        found.append("the broker has no shared subscriptions: allow them, or remove broker.group")
    largest = granted.get("MaximumPacketSize", NO_LIMIT)
    if largest < needs.packet_bytes:
        found.append(
            f"the broker takes packets of {largest:,} bytes, and devices may send {needs.packet_bytes:,}:"
            f" raise its limit (Mosquitto: max_packet_size {needs.packet_bytes})"
        )
    in_flight = granted.get("ReceiveMaximum", 65_535)
    if in_flight < LEAST_IN_FLIGHT:
        found.append(
            f"the broker takes {in_flight} unacknowledged messages at a time, so backlogs arrive slowly: allow"
            f" {LEAST_IN_FLIGHT} or more (Mosquitto: max_inflight_messages 100)"
        )
    kept = granted.get("SessionExpiryInterval", needs.session_seconds)
    if kept < needs.session_seconds:
        found.append(
            f"the broker forgets the collector {_hours(kept)} after it is gone, and then what devices sent: let it keep"
            f" sessions for {_hours(needs.session_seconds)}"
        )
    keep_alive = granted.get("ServerKeepAlive", LEAST_KEEP_ALIVE_SECONDS)
    if 0 < keep_alive < LEAST_KEEP_ALIVE_SECONDS:
        found.append(
            f"the broker wants a sign of life every {keep_alive} s and throws a busy collector out: allow"
            f" {LEAST_KEEP_ALIVE_SECONDS} s or more"
        )
    return found


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 3600 else f"{seconds} s"
