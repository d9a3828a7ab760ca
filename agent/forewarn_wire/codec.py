"""Bytes to messages and back. Decoding validates; an error names the path inside the message."""

import math

import msgspec

from forewarn_wire.messages import SCHEMA, EventReport, LoadReport, Message, SmartReport, StatusReport

MESSAGE_TYPES: dict[str, type[Message]] = {
    "status": StatusReport,
    "load": LoadReport,
    "smart": SmartReport,
    "event": EventReport,
}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in MESSAGE_TYPES.items()}
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


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


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
    return WireError("unknown-schema", f"schema {schema} is not {SCHEMA}: update the collector")
