"""Whatever arrives, decoding gives a message or a WireError that says where."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_wire import WireError, decode, encode

KINDS = ("status", "load", "smart", "event")
HEADER: dict[str, Any] = {"schema": 1, "device": "shop-07", "boot": "b1", "seq": 1, "sampled_at": 1.0}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
BODY_KEYS = [
    "cpu",
    "memory",
    "filesystems",
    "temperatures",
    "uptime",
    "unread",
    "disk",
    "outcome",
    "passed",
    "attributes",
    "attribute_names",
    "nvme",
    "scsi",
    "self_test",
    "state",
    "session",
    "inventory",
    "event",
    "count",
]
KEYS = st.sampled_from([*HEADER, *BODY_KEYS])
REASONS = {"malformed-json", "wrong-type", "unknown-schema", "unknown-kind"}


def decode_or_refuse(kind: str, payload: bytes) -> None:
    try:
        message = decode(kind, payload)
    except WireError as refused:
        reason, text = refused.reason, str(refused)
    else:
        assert decode(kind, encode(message)) == message
        return
    assert reason in REASONS
    assert text


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_bytes(kind: str, payload: bytes) -> None:
    decode_or_refuse(kind, payload)


@given(st.sampled_from(KINDS), JSON)
def test_any_json(kind: str, document: object) -> None:
    decode_or_refuse(kind, json.dumps(document).encode("utf-8", errors="surrogatepass"))


@settings(max_examples=300)
@given(st.sampled_from(KINDS), st.dictionaries(KEYS, JSON, max_size=8))
def test_a_good_header_with_anything_below(kind: str, body: dict[str, object]) -> None:
    decode_or_refuse(kind, json.dumps(HEADER | body).encode("utf-8", errors="surrogatepass"))


def refusal(kind: str, document: object) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(kind, document if isinstance(document, bytes) else json.dumps(document).encode())
    return caught.value


@pytest.mark.parametrize(
    ("kind", "change", "path"),
    [
        ("load", {"cpu": {"used_percent": "much"}}, "$.cpu.used_percent"),
        ("load", {"filesystems": [{"mount": "/"}, {"mount": 5}]}, "$.filesystems[1].mount"),
        ("load", {"seq": -1}, "$.seq"),
        ("load", {"device": "d" * 201}, "$.device"),
        ("load", {"boot": ""}, "$.boot"),
        ("load", {"unread": [{"probe": "load", "outcome": "healthy"}]}, "$.unread[0].outcome"),
        ("smart", {"disk": {"slot": "/dev/sda"}, "outcome": "passed"}, "$.outcome"),
        ("smart", {"disk": {"slot": "a"}, "outcome": "measured", "attributes": [[0, 1, 1, 1, 1]]}, "$.attributes[0]"),
        ("smart", {"disk": {}, "outcome": "measured"}, "$.disk"),
        ("status", {"state": "asleep", "session": 1}, "$.state"),
        ("event", {"event": "x" * 300}, "$.event"),
        ("event", {"event": "x", "count": 2**63}, "$.count"),
    ],
)
def test_a_refusal_names_the_place(kind: str, change: dict[str, object], path: str) -> None:
    error = refusal(kind, HEADER | change)
    assert error.reason == "wrong-type"
    assert path in str(error)


@pytest.mark.parametrize("key", ["device", "boot", "seq", "sampled_at"])
def test_a_message_without_its_header_is_refused(key: str) -> None:
    error = refusal("load", {name: value for name, value in HEADER.items() if name != key})
    assert key in str(error)


def test_another_schema_is_named_before_its_fields() -> None:
    error = refusal("load", {"schema": 2, "device": 5})
    assert error.reason == "unknown-schema"
    assert "schema 2" in str(error)
    assert refusal("load", HEADER | {"schema": 0}).reason == "unknown-schema"


def test_an_unknown_kind_lists_the_known_ones() -> None:
    error = refusal("gossip", HEADER)
    assert error.reason == "unknown-kind"
    assert "status, load, smart, event" in str(error)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"nul", b"[" * 100_000, b'{"schema": 1,}'])
def test_no_json(payload: bytes) -> None:
    assert refusal("load", payload).reason in {"malformed-json", "wrong-type"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_time_that_is_no_number_is_refused(number: str) -> None:
    payload = json.dumps(HEADER).replace('"sampled_at": 1.0', f'"sampled_at": {number}').encode()
    assert refusal("load", payload).reason in {"malformed-json", "wrong-type"}
