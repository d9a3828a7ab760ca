"""The front door's judgement of one publish: a report that may be stored, or a dead letter with its reason. Pure."""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from forewarn_collector.ingest.load_shape import load_point
from forewarn_collector.ingest.shape import event_point, smart_point
from forewarn_collector.store.model import Accepted, DeadLetter
from forewarn_wire import (
    EventReport,
    LoadReport,
    Message,
    ReplyReport,
    SmartReport,
    StatusReport,
    TopicError,
    WireError,
    decode,
    parse_topic,
)

DETAIL_LIMIT = 500
COLLECTOR = "collector"
"""The door of what the collector itself reports of a device."""
REASONS = (
    "foreign-topic", "unknown-topic", "malformed-json", "wrong-type", "unknown-schema", "unknown-kind",
    "device-mismatch", "malformed-packet", "packet-too-large", "internal-error", "revoked-device",
    "refused-by-history-store",
)  # fmt: skip


class Publish(msgspec.Struct, frozen=True, gc=False):
    """One PUBLISH as it came in. ``client`` is the authenticated name, or "" behind a broker that checks it itself."""

    door: str
    client: str
    topic: str
    payload: bytes
    received_at: float


# The topics of a fleet come again and again; those that are refused are not remembered.
_parse_topic = lru_cache(maxsize=65_536)(parse_topic)


def accept(publish: Publish, refusal: Callable[[str], str | None] = lambda _device: None) -> Accepted | DeadLetter:
    """``refusal`` says why nothing of a device is taken, or None."""
    try:
        topic = _parse_topic(publish.topic)
    except TopicError as error:
        return dead_letter(publish, "unknown-topic", str(error))
    if publish.client and topic.device != publish.client:
        return dead_letter(publish, "foreign-topic", f"{publish.client!r} may not write as {topic.device!r}")
    if publish.door != COLLECTOR and (reason := refusal(topic.device)):
        return dead_letter(publish, "revoked-device", reason)
    if topic.direction != "up":
        return dead_letter(publish, "foreign-topic", "devices write below up/ only")
    try:
        message = decode(topic.kind, publish.payload)
    except WireError as error:
        return dead_letter(publish, error.reason, str(error))
    if message.device != topic.device:
        return dead_letter(
            publish, "device-mismatch", f"message of {message.device!r} on the topic of {topic.device!r}"
        )
    return _shape(message, publish.received_at)


def dead_letter(publish: Publish, reason: str, detail: str) -> DeadLetter:
    """The publish with its reason. The detail may quote what was sent, so it is cut."""
    topic, detail = publish.topic[:200], detail[:DETAIL_LIMIT]
    return DeadLetter(publish.received_at, publish.door, publish.client, topic, reason, detail, publish.payload)


def _shape(message: Message, received_at: float) -> Accepted:
    at = (message.device, message.boot, message.seq, message.sampled_at, received_at)
    match message:
        case StatusReport():
            return Accepted(
                message.device, message.boot, None, message.sampled_at, received_at, (),
                status=msgspec.json.encode(message), session=message.session, online=message.state == "online",
            )  # fmt: skip
        case LoadReport():
            return Accepted(*at, (load_point(message),))
        case SmartReport():
            return Accepted(*at, (smart_point(message),))
        case EventReport():
            return Accepted(
                *at, (event_point(message),), event=(message.event, message.part, message.count, message.text)
            )
        case ReplyReport():
            return Accepted(*at, (), reply=(message.in_reply_to, msgspec.json.encode(message)))
