"""Who comes in at the collector's own front door: what first bytes, CONNECT and certificate say. Pure.

Source: MQTT 5.0, OASIS standard, sections 3.1 and 3.2.
"""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import mqtt5
from mqtt5 import ConnAckReasonCode as Reply
from mqtt5 import QoS

from forewarn_collector.identity.admission import Visitor
from forewarn_wire import device_name_problem
from forewarn_wire.machine import PROPERTY, read_machine

# For clients that ask for none: a connection whose other end is gone must end some day.
KEEP_ALIVE_SECONDS = 600
CONNECT_BYTE = b"\x10"
# What an older MQTT client understands as "unacceptable protocol version" (3.1.1, section 3.2.2.3).
REFUSE_OLDER = b"\x20\x02\x00\x01"
OLDER = {b"MQTT\x04": "MQTT 3.1.1", b"MQIsdp\x03": "MQTT 3.1"}


class Claim(NamedTuple):
    """Who a client says it is. ``problem``: what is wrong with the name; ``certificate``: what says so, as
    ``getpeercert`` tells it, empty without TLS."""

    name: str
    problem: str | None
    certificate: Mapping[str, Any]


class Refused(NamedTuple):
    """Why a client may not come in, for itself."""

    code: Reply
    text: str


def no_connect(first: bytes) -> str | None:
    """What is wrong when the first bytes of a connection do not begin a CONNECT."""
    if first[:1] == CONNECT_BYTE:
        return None
    hint = "it looks like TLS, and this port is plain text" if first[:2] == b"\x16\x03" else "is it MQTT?"
    return f"the first byte is not that of a CONNECT: {hint}"


def older_protocol(beginning: bytes) -> str | None:
    """The protocol of a CONNECT that is not MQTT 5's, where it is one that clients still speak."""
    return next((name for mark, name in OLDER.items() if mark in beginning[:16]), None)


def claim(packet: mqtt5.ConnectPacket, certificate: Mapping[str, Any] | None) -> Claim:
    """``certificate``: verified by the TLS layer; None without TLS."""
    name = packet.client_id if certificate is None else _common_name(certificate.get("subject", ()))
    return Claim(name, device_name_problem(name), certificate or {})


def mistake(packet: mqtt5.ConnectPacket, claimed: Claim) -> Refused | None:
    """What a CONNECT must not say under this name."""
    own = f"forewarn/v1/{claimed.name}/up/status"
    if claimed.problem:
        return Refused(Reply.CLIENT_ID_NOT_VALID, claimed.problem)
    if packet.client_id != claimed.name or packet.username not in (None, claimed.name):
        return Refused(Reply.NOT_AUTHORIZED, f"client id and user name must both be {claimed.name!r}")
    if packet.authentication_method is not None:
        return Refused(Reply.BAD_AUTHENTICATION_METHOD, "no such authentication here")
    if packet.will is not None and packet.will.topic != own:
        return Refused(Reply.NOT_AUTHORIZED, f"the will must be on {own}")
    return None


def visitor(packet: mqtt5.ConnectPacket, claimed: Claim) -> Visitor:
    """As those know it who say which identities are welcome."""
    machine = read_machine(dict(packet.user_properties).get(PROPERTY, ""))
    serial = str(claimed.certificate.get("serialNumber", "")).lower().lstrip("0")
    return Visitor(claimed.name, serial, _common_name(claimed.certificate.get("issuer", ())), machine)


def valid_until(claimed: Claim) -> float | None:
    """When the certificate ends (Unix seconds); None without TLS."""
    ends = claimed.certificate.get("notAfter")
    return ssl.cert_time_to_seconds(ends) if ends else None


def silence_allowed(packet: mqtt5.ConnectPacket) -> float:
    """Seconds after which a client that says nothing is gone."""
    return 1.5 * (packet.keep_alive or KEEP_ALIVE_SECONDS)


def welcome(packet: mqtt5.ConnectPacket, receive_maximum: int, max_packet_bytes: int) -> bytes:
    """The CONNACK: what there is here, and what is not."""
    return mqtt5.ConnAckPacket(
        server_keep_alive=None if packet.keep_alive else KEEP_ALIVE_SECONDS,
        receive_max=receive_maximum,
        max_qos=QoS.AT_LEAST_ONCE,
        max_packet_size=max_packet_bytes,
        wildcard_subscription_available=True,
        shared_subscription_available=False,
        subscription_id_available=False,
    ).write()


def _common_name(name: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Of a subject or issuer as ``getpeercert`` tells it; "" unless there is exactly one."""
    found = [value for part in name for key, value in part if key == "commonName"]
    return found[0] if len(found) == 1 else ""
