"""Payloads that were released once are read for ever. A file here is never changed; new ones are added."""

import json
from pathlib import Path

import pytest
from msgspec import UNSET

from forewarn_wire import (
    Attribute,
    EventReport,
    LoadReport,
    Message,
    Outcome,
    ReplyReport,
    SmartReport,
    StatusReport,
    WireError,
    decode,
    decode_order,
    encode,
)
from forewarn_wire.attributes import VENDOR_NAMES, WELL_KNOWN, all_attributes, attribute_name, sent_names

RELEASED = sorted((Path(__file__).parent.parent / "data" / "wire" / "v1").glob("*.json"))
MAPS = ("applied", "rejected")  # their keys are names of settings, not keys of the message
TYPES = {"status": StatusReport, "load": LoadReport, "smart": SmartReport, "event": EventReport, "reply": ReplyReport}


def kind_of(path: Path) -> str:
    return path.stem.split("-")[0]


def released(name: str) -> Message:
    path = next(path for path in RELEASED if path.stem == name)
    return decode(kind_of(path), path.read_bytes())


def test_every_kind_of_message_has_an_example() -> None:
    assert {kind_of(path) for path in RELEASED} == set(TYPES)


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_an_example_decodes_and_comes_out_the_same(path: Path) -> None:
    message = decode(kind_of(path), path.read_bytes())
    assert type(message) is TYPES[kind_of(path)]
    assert json.loads(encode(message)) == json.loads(path.read_bytes())
    assert decode(kind_of(path), encode(message)) == message


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_keys_that_nobody_knows_are_ignored_everywhere(path: Path) -> None:
    def with_more(value: object) -> object:
        if isinstance(value, dict):
            more = {} if all(str(key).isdigit() for key in value) else {"later_key": {"a": [1]}}
            return {key: inner if key in MAPS else with_more(inner) for key, inner in value.items()} | more
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [with_more(inner) for inner in value]
        return value

    newer = json.dumps(with_more(json.loads(path.read_bytes()))).encode()
    assert decode(kind_of(path), newer) == decode(kind_of(path), path.read_bytes())


def test_null_absent_and_zero_are_three_things() -> None:
    load = released("load-nulls")
    assert isinstance(load, LoadReport)
    assert load.cpu is not UNSET
    assert (load.cpu.used_percent, load.cpu.load_average_1m) == (None, 0.0)
    assert load.filesystems is UNSET
    assert load.memory is not UNSET
    assert (load.memory.swap_total_bytes, load.memory.swap_used_percent) == (0, UNSET)


def test_a_sleeping_disk_has_no_verdict() -> None:
    report = released("smart-standby")
    assert isinstance(report, SmartReport)
    assert report.outcome is Outcome.STANDBY
    assert (report.passed, report.attributes) == (UNSET, UNSET)


def test_will_and_birth_of_one_session() -> None:
    birth, will = released("status-birth"), released("status-will")
    assert isinstance(birth, StatusReport)
    assert isinstance(will, StatusReport)
    assert (birth.session, birth.boot) == (will.session, will.boot)
    assert (birth.state, will.state) == ("online", "offline")
    assert will.inventory is UNSET


def test_names_of_attributes() -> None:
    assert attribute_name(5) == "Reallocated_Sector_Ct"
    assert attribute_name(5, {5: "Reallocate_NAND_Blk_Cnt"}) == "Reallocate_NAND_Blk_Cnt"
    assert attribute_name(77) == "Unknown_Attribute"
    assert all(1 <= number <= 255 for number in WELL_KNOWN)


ORDERS = sorted((Path(__file__).parent.parent / "data" / "wire" / "v1" / "down").glob("*.json"))


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_an_order_decodes_and_comes_out_the_same(path: Path) -> None:
    order = decode_order(kind_of(path), path.read_bytes())
    assert json.loads(encode(order)) == json.loads(path.read_bytes())
    newer = json.dumps(json.loads(path.read_bytes()) | {"later_key": [1]}).encode()
    assert decode_order(kind_of(path), newer) == order


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("reply", b"{}", "unknown-kind"),
        ("command", b"{", "malformed-json"),
        ("command", b'{"schema": 2, "what": []}', "unknown-schema"),
        ("command", b'{"id": "a", "command": "probe-now"}', "wrong-type"),
        ("command", b'{"id": "", "command": "probe-now", "expires_at": 1}', "wrong-type"),
        ("command", b'{"id": "a", "command": "resend", "expires_at": 1, "sequences": [[1, -2]]}', "wrong-type"),
        ("config", b'{"id": "a", "settings": {"load_interval": {"a": 1}}}', "wrong-type"),
        ("config", b'{"id": "a", "settings": {}', "malformed-json"),
    ],
)
def test_an_order_that_is_none_says_why(kind: str, payload: bytes, reason: str) -> None:
    with pytest.raises(WireError) as caught:
        decode_order(kind, payload)
    assert caught.value.reason == reason


def test_names_travel_as_numbers_that_are_never_moved() -> None:
    report = released("smart-ata-numbered-names")
    assert isinstance(report, SmartReport)
    assert sent_names(report) == {
        5: "Retired_Block_Count",
        231: "SSD_Life_Left",
        245: "Own_Name",
        9: "Unknown_Attribute",
    }
    assert len(VENDOR_NAMES) == len(set(VENDOR_NAMES))
    first, middle, last = VENDOR_NAMES[0], VENDOR_NAMES[41], VENDOR_NAMES[83]
    assert (first, middle, last) == (
        "Available_Reservd_Space",
        "Power_Loss_Cap_Test",
        "Write_Protect_Mode",
    )


def test_figures_that_attributes_share_are_said_once_and_belong_to_each() -> None:
    report = released("smart-ata-usual")
    assert isinstance(report, SmartReport)
    assert all_attributes(report) == [
        Attribute(194, 70, 55, 0, 30),
        Attribute(231, 97, 97, 0, 97),
        Attribute(5, 100, 100, 10, 0),
        Attribute(9, 100, 100, 10, 796),
        Attribute(245, 100, 100, 10, None),
    ]
    assert sent_names(report) == {231: "SSD_Life_Left", 5: "Retired_Block_Count", 245: "Own_Name"}


def test_what_a_machine_does_not_have_is_in_its_birth() -> None:
    birth = released("status-birth-not-here")
    assert isinstance(birth, StatusReport)
    assert birth.inventory
    assert [(row.probe, row.outcome) for row in birth.inventory.not_here] == [
        ("battery", Outcome.NOT_HERE),
        ("arrays", Outcome.NOT_HERE),
    ]
