"""What either front door makes of bad messages: each is a counted dead letter, and the next good one is stored."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from forewarn_collector.config import Api, Broker, Config, Listen
from forewarn_collector.ingest.accept import DETAIL_LIMIT, REASONS, Publish, accept
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, DeadLetter
from forewarn_wire import up_topic

NOW = time.time()
LOAD = up_topic("shop-07", "load")
NOT_AUTHORIZED, TOPIC_NAME_INVALID, PAYLOAD_FORMAT_INVALID = 0x87, 0x90, 0x99


def message(**changes: Any) -> bytes:
    found = {"schema": 1, "device": "shop-07", "boot": "b1", "seq": 1, "sampled_at": NOW} | changes
    return json.dumps(found).encode()


def with_text(text: str) -> bytes:
    """A message whose further keys are written as they stand."""
    return message()[:-1] + b", " + text.encode("utf-8", "surrogatepass") + b"}"


def sampled(text: str) -> bytes:
    return message(sampled_at="AT").replace(b'"AT"', text.encode())


BAD: dict[str, tuple[str, bytes, str]] = {
    "nothing": (LOAD, b"", "malformed-json"),
    "not JSON": (LOAD, b"\xff\xfe\x00", "malformed-json"),
    "JSON with a byte order mark": (LOAD, b"\xef\xbb\xbf" + message(), "malformed-json"),
    "truncated": (LOAD, message()[:-5], "malformed-json"),
    "two messages": (LOAD, message() * 2, "malformed-json"),
    "text that is not UTF-8": (LOAD, message(boot="BOOT").replace(b"BOOT", b"\xff"), "malformed-json"),
    "half a character, escaped": (LOAD, with_text('"boot": "\\ud800"'), "malformed-json"),
    "half a character, raw": (LOAD, with_text('"boot": "\ud800"'), "malformed-json"),
    "a raw control character": (LOAD, with_text('"boot": "a\x01"'), "malformed-json"),
    "nesting without end": (LOAD, with_text('"more": ' + "[" * 100_000), "malformed-json"),
    "nesting 50,000 deep": (LOAD, with_text('"more": ' + "[" * 50_000 + "]" * 50_000), "malformed-json"),
    "NaN": (LOAD, sampled("NaN"), "malformed-json"),
    "a list": (LOAD, b"[]", "wrong-type"),
    "null": (LOAD, b"null", "wrong-type"),
    "a number for text": (LOAD, message(boot=7), "wrong-type"),
    "no boot": (LOAD, message(boot=""), "wrong-type"),
    "a missing key": (LOAD, message().replace(b'"boot"', b'"root"'), "wrong-type"),
    "text for a number": (LOAD, message(cpu={"used_percent": "12"}), "wrong-type"),
    "a truth for a number": (LOAD, message(cpu={"used_percent": True}), "wrong-type"),
    "1e999": (LOAD, sampled("1e999"), "wrong-type"),
    "an integer of 5,000 digits": (LOAD, with_text('"seq": ' + "9" * 5000), "wrong-type"),
    "a sequence number of 2^63": (LOAD, message(seq=2**63), "wrong-type"),
    "a sequence number below zero": (LOAD, message(seq=-1), "wrong-type"),
    "a size of 2^63": (LOAD, message(memory={"total_bytes": 2**63}), "wrong-type"),
    "the second of two equal keys is wrong": (LOAD, with_text('"seq": "one"'), "wrong-type"),
    "a boot of 10,000 characters": (LOAD, message(boot="b" * 10_000), "wrong-type"),
    "an outcome of 100,000 characters": (
        up_topic("shop-07", "smart"), message(disk={"slot": "/dev/sda"}, outcome="x" * 100_000), "wrong-type",
    ),
    "10,000 file systems": (LOAD, message(filesystems=[{"mount": f"/{n}"} for n in range(10_000)]), "wrong-type"),
    "a will that is neither": (
        up_topic("shop-07", "status"), message(state="maybe", session=1), "wrong-type",
    ),
    "another schema": (LOAD, message(schema=2), "unknown-schema"),
    "another schema, of other types": (LOAD, message(schema=2, boot={"id": 1}), "unknown-schema"),
    "an answer to nothing": (up_topic("shop-07", "reply"), message(answer="done"), "wrong-type"),
    "another device inside": (LOAD, message(device="shop-08"), "device-mismatch"),
    "no such channel": ("forewarn/v1/shop-07/up/other", message(), "unknown-topic"),
    "a reserved device": ("forewarn/v1/collector/up/load", message(device="collector"), "unknown-topic"),
    "a device in upper case": ("forewarn/v1/SHOP/up/load", message(device="SHOP"), "unknown-topic"),
    "a device with a look-alike letter": ("forewarn/v1/sh\u043ep-07/up/load", message(), "unknown-topic"),
}  # fmt: skip
# What a broker does not deliver to a subscriber of forewarn/v1/+/up/#, or refuses itself.
LISTENER_ONLY: dict[str, tuple[str, bytes, str]] = {
    "somebody else's topic": (up_topic("shop-08", "load"), message(device="shop-08"), "foreign-topic"),
    "on down/": ("forewarn/v1/shop-07/down/config", message(), "foreign-topic"),
    "another tree": ("zigbee2mqtt/lamp", b"{}", "unknown-topic"),
    "another version": ("forewarn/v2/shop-07/up/load", message(), "unknown-topic"),
    "a topic of 60,000 characters": ("x/" * 30_000, message(), "unknown-topic"),
    "a topic with a wildcard": ("forewarn/v1/+/up/load", message(), "unknown-topic"),
    "a topic with a zero byte": ("forewarn/v1/shop-07\0/up/load", message(), "unknown-topic"),
}
LATER = {"foreign-topic": NOT_AUTHORIZED, "unknown-topic": TOPIC_NAME_INVALID}


@pytest.mark.parametrize("case", [*BAD, *LISTENER_ONLY])
def test_a_bad_message_is_a_dead_letter_with_its_reason(case: str) -> None:
    topic, payload, reason = (BAD | LISTENER_ONLY)[case]
    letter = accept(Publish("listener", "shop-07", topic, payload, NOW))
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.client, letter.payload) == (reason, "shop-07", payload)
    assert letter.reason in REASONS
    assert 0 < len(letter.detail) <= DETAIL_LIMIT
    assert len(letter.topic) <= 200


def test_each_is_refused_by_the_listener_and_the_next_good_report_stored(
    door: Any, make_device: Callable[..., Any]
) -> None:
    before = door.letters()
    device = make_device(door.port)
    device.connect()
    cases = (BAD | LISTENER_ONLY).values()
    for topic, payload, reason in cases:
        answer = device.publish(topic, payload)
        assert (answer.reason_code, answer.reason_str) == (LATER.get(reason, PAYLOAD_FORMAT_INVALID), reason)
    assert door.letters() - before == Counter(reason for _, _, reason in cases)
    assert device.publish(LOAD, message()).reason_code == 0
    assert door.reader.device("shop-07").reports == 1


@pytest.mark.server
def test_each_is_acknowledged_at_the_broker_and_does_not_come_back(
    mosquitto: Any,
    make_running: Callable[..., Any],
    tmp_path: Path,
    wait_for: Callable[..., Any],
    no_errors_logged: None,
) -> None:
    broker = Broker(url=f"mqtt://127.0.0.1:{mosquitto.port}")
    config = Config(listen=Listen(enabled=False), api=Api(port=0), broker=broker)
    running = make_running(config)
    wait_for(lambda: running.collector.subscriber.connected)
    _publish_all(mosquitto.port, [(topic, payload) for topic, payload, _ in BAD.values()] + [(LOAD, message())])
    expected = Counter(reason for _, _, reason in BAD.values())
    wait_for(lambda: running.reader.counts().reports == 1)
    assert running.letters() == expected
    assert {letter.door for letter in running.reader.dead_letters()} == {"broker"}
    running.collector.subscriber.stop()
    again = make_running(config, tmp_path / "again")
    wait_for(lambda: again.collector.subscriber.connected)
    _publish_all(mosquitto.port, [(up_topic("shop-08", "load"), message(device="shop-08"))])
    wait_for(lambda: again.reader.counts().reports == 1)
    assert not again.letters()


def _publish_all(port: int, messages: list[tuple[str, bytes]]) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "anybody", protocol=mqtt.MQTTv5)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(10)
    for topic, payload in messages:
        client.publish(topic, payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def test_what_is_strange_and_within_the_contract_is_stored(door: Any, make_device: Callable[..., Any]) -> None:
    strange = {
        "unknown keys": message(seq=101, colour="red"),
        "half a character in an unknown key": with_text('"seq": 102, "colour": "\ud800"'),
        "the last of two equal keys counts": with_text('"seq": 103'),
        "an empty report": message(seq=104),
        "minus zero and the largest number": message(seq=105, cpu={"used_percent": -0.0, "load_average_1m": 1e308}),
        "an integer of 30 digits for a number": message(seq=106, cpu={"used_percent": 10**30}),
        "a zero byte in a name": message(seq=107, filesystems=[{"mount": "/\0", "used_percent": 1.0}]),
        "a sequence number of 2^63 - 1": message(seq=2**63 - 1),
        "a sequence number of 0": message(seq=0),
        "256 file systems of 200 characters": message(
            seq=108, filesystems=[{"mount": f"{n:0>200}", "used_percent": 1.0} for n in range(256)]
        ),
        "23 hours ahead": message(seq=109, sampled_at=NOW + 23 * 3600),
        "the year 2000": message(seq=110, sampled_at=946_684_800),
    }
    device = make_device(door.port)
    device.connect()
    before, letters = door.reader.counts().reports, door.letters()
    for name, payload in strange.items():
        assert device.publish(LOAD, payload).reason_code == 0, name
    assert door.reader.counts().reports == before + len(strange)
    assert door.letters() == letters


# A mutated message: any of its keys takes a value that some buggy agent might send.
_numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 2**63 - 1, 1e308]),
)
_names = st.text(max_size=8) | st.sampled_from(["/", "/data", "a|b", "\0", "\U0001f4be", "x" * 200])
_anything = st.recursive(
    st.none() | st.booleans() | _numbers | _names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_maybe = st.none() | _numbers
_filesystem = st.fixed_dictionaries(
    {"mount": _names}, optional={"used_percent": _maybe, "free_bytes": _maybe, "fstype": _names, "source": _names}
)
_attribute = st.tuples(st.integers(0, 256), _maybe, _maybe, _maybe, _maybe).map(list)
_bodies = {
    "load": {
        "cpu": st.fixed_dictionaries({}, optional={"used_percent": _maybe, "load_average_1m": _maybe}),
        "memory": st.fixed_dictionaries({}, optional={"total_bytes": _maybe, "used_percent": _maybe}),
        "filesystems": st.lists(_filesystem, max_size=4),
        "temperatures": st.lists(
            st.fixed_dictionaries({"sensor": _names}, optional={"celsius": _maybe, "high_celsius": _maybe}), max_size=4
        ),
        "unread": st.lists(st.fixed_dictionaries({"probe": _names, "outcome": st.just("timeout")}), max_size=2),
    },
    "smart": {
        "disk": st.fixed_dictionaries({"slot": _names}, optional={"serial": _names | st.none(), "model": _names}),
        "outcome": st.sampled_from(["measured", "standby", "unheard-of"]),
        "passed": st.none() | st.booleans(),
        "attributes": st.lists(_attribute, max_size=4),
        "attribute_names": st.dictionaries(st.sampled_from(["5", "197", "x"]), _names, max_size=2),
        "attributes_failed": st.dictionaries(
            st.sampled_from(["5", "197"]), st.sampled_from(["now", "past"]), max_size=2
        ),
        "self_test": st.none() | st.fixed_dictionaries({}, optional={"passed": st.none() | st.booleans()}),
        "nvme": st.fixed_dictionaries({}, optional={"media_errors": _maybe}),
    },
    "event": {"event": _names, "part": _names, "count": _numbers, "text": _names},
    "status": {"state": st.sampled_from(["online", "offline"]), "session": _numbers, "inventory": _anything},
}


@st.composite
def publishes(draw: st.DrawFn) -> tuple[str, bytes]:
    kind = draw(st.sampled_from(list(_bodies)))
    optional: dict[str, st.SearchStrategy[Any]] = {key: value | _anything for key, value in _bodies[kind].items()}
    body = draw(st.fixed_dictionaries({}, optional=optional))
    head = {
        "device": "shop-07",
        "boot": draw(_names),
        "seq": draw(_numbers),
        "sampled_at": draw(st.just(NOW) | _numbers),
    }
    return up_topic("shop-07", kind), json.dumps(head | body).encode()


@given(st.lists(publishes() | st.tuples(st.just(LOAD), st.binary(max_size=50)), min_size=1, max_size=20))
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_is_stored_or_a_dead_letter(sent: list[tuple[str, bytes]]) -> None:
    judged = [accept(Publish("listener", "shop-07", topic, payload, NOW)) for topic, payload in sent]
    accepted = [entry for entry in judged if isinstance(entry, Accepted)]
    dead = [entry for entry in judged if isinstance(entry, DeadLetter)]
    assert {letter.reason for letter in dead} <= set(REASONS)
    for point in (point for entry in accepted for point in entry.points):
        assert len(point.fields) == len(point.values) == len(set(point.fields))
        msgspec.json.decode(point.facts)
    with TemporaryDirectory() as fresh, Journal(Path(fresh)) as journal, journal.history() as history:
        stored = journal.commit(accepted, dead)
        # One of two reports with one sequence number is a duplicate, and is not looked for.
        kept = [entry for entry, new in zip(accepted, stored, strict=True) if new]
        for point in (point for entry in kept for point in entry.points if point.fields):
            # Where a report stands whose clock cannot be right, test_device_clock.py says.
            times, columns = history.read(point.device, point.kind, point.part, point.fields, 0, 1e12)
            assert len(times) >= 1
            assert set(columns) == set(point.fields)
        journal.seal(NOW + 30 * 86_400, 2**62)
