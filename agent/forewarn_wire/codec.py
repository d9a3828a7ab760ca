"""Bytes to messages and back. Decoding validates; an error names the path inside the message."""

import math

import msgspec

from forewarn_wire.messages import (
    SCHEMA,
    EventReport,
    LoadReport,
    Message,
    ReplyReport,
    SmartReport,
    StatusReport,
)
from forewarn_wire.orders import CommandOrder, ConfigOrder, Order

MESSAGE_TYPES: dict[str, type[Message]] = {
    "status": StatusReport,
    "load": LoadReport,
    "smart": SmartReport,
    "event": EventReport,
    "reply": ReplyReport,
}
ORDER_TYPES: dict[str, type[Order]] = {"config": ConfigOrder, "command": CommandOrder}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in MESSAGE_TYPES.items()}
_ORDER_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in ORDER_TYPES.items()}
_ENCODER = msgspec.json.Encoder()


class _Header(msgspec.Struct):
    schema: int = SCHEMA


_HEADER_DECODER = msgspec.json.Decoder(_Header)


class WireError(ValueError):
    """A payload that is not a message of wire version 1.

    ``reason`` is one of malformed-json, wrong-type, unknown-schema, unknown-kind; the text names the path.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def encode(message: Message | Order) -> bytes:
    return _ENCODER.encode(message)


def decode_order(kind: str, payload: bytes) -> Order:
    """Decode the payload of ``down/<kind>``. Raise WireError if it is not such an order."""
    decoder = _ORDER_DECODERS.get(kind)
    if decoder is None:
        raise WireError("unknown-kind", f"no order travels on {kind!r}; known are {', '.join(_ORDER_DECODERS)}")
    try:
        order: Order = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explain(payload, error) from None
    if order.schema != SCHEMA:
        raise _unknown_schema(order.schema)
    if isinstance(order, CommandOrder) and not math.isfinite(order.expires_at):
        raise WireError("wrong-type", "Expected a finite number - at `$.expires_at`")
    return order


def decode(kind: str, payload: bytes) -> Message:
    """Decode the payload of ``up/<kind>``. Raise WireError if it is not such a message."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise WireError("unknown-kind", f"no message travels on {kind!r}; known are {', '.join(_DECODERS)}")
    try:
        message: Message = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explain(payload, error) from None
    if message.schema != SCHEMA:
        raise _unknown_schema(message.schema)
    if not math.isfinite(message.sampled_at):
        raise WireError("wrong-type", "Expected a finite number - at `$.sampled_at`")
    return message


def _explain(payload: bytes, error: Exception) -> WireError:
    """A message of another schema may fail on any field first; say that it is another schema."""
    if not isinstance(error, msgspec.ValidationError):
        return WireError("malformed-json", str(error) or type(error).__name__)
    try:
        header = _HEADER_DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return WireError("wrong-type", str(error))
    if header.schema != SCHEMA:
        return _unknown_schema(header.schema)
    return WireError("wrong-type", str(error))


def _unknown_schema(schema: int) -> WireError:
    return WireError("unknown-schema", f"schema {schema} is not {SCHEMA}: update the older of the two sides")
