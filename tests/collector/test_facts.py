"""What is known about a component beside its numbers."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.judge.facts import FactBook, decode_facts, inventory_of, labels_of
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point
from forewarn_rules import Kind

DIRECTORY = Directory([Entry(Whose("Acme", "Store 12", "Li Wei"), ("pc-*",))])
WHOSE = {"device": "pc-1", "customer": "Acme", "site": "Store 12"}
DISK = {"kind": "hdd", "serial": "S1", "model": None, "slot": "/dev/sda", "capacity_bytes": 4 * 10**12}


@pytest.mark.parametrize(
    ("kind", "part", "facts", "expected"),
    [
        (Kind.DEVICE, "", {}, {}),
        (Kind.LIVENESS, "", {}, {}),
        (Kind.SENSOR, "core", {}, {"sensor": "core"}),
        (Kind.FILESYSTEM, "/", {"filesystems": {"/": {"fstype": "ext4", "source": "/dev/sda1"}}},
         {"mount": "/", "fstype": "ext4", "source": "/dev/sda1"}),
        (Kind.FILESYSTEM, "/gone", {"filesystems": {}}, {"mount": "/gone"}),
        (Kind.ARRAY, "md0", {"arrays": {"md0": {"array_type": "md", "members": "sda1"}}},
         {"array": "md0", "array_type": "md", "members": "sda1"}),
        (Kind.DISK, "S1", {"disk": DISK},
         {"disk": "S1", "disk_kind": "hdd", "serial": "S1", "slot": "/dev/sda", "capacity_bytes": 4 * 10**12}),
        (Kind.DISK, "slot:/dev/sdb", {}, {"disk": "slot:/dev/sdb", "disk_kind": "unknown"}),
        (Kind.DISK_LOG, "S1", {"disk": DISK},
         {"disk": "S1", "disk_kind": "hdd", "serial": "S1", "slot": "/dev/sda", "capacity_bytes": 4 * 10**12}),
        (Kind.DISK_LOG, "slot:RaidPort1", {}, {"disk": "slot:RaidPort1", "disk_kind": "unknown", "slot": "RaidPort1"}),
    ],
)  # fmt: skip
def test_labels_of_each_kind(kind: Kind, part: str, facts: dict[str, object], expected: dict[str, object]) -> None:
    assert labels_of(kind, ("pc-1", part), facts, {"chassis": None}, DIRECTORY) == WHOSE | expected


def test_a_device_that_nobody_owns_is_unassigned_and_says_what_it_is() -> None:
    found = labels_of(Kind.DEVICE, ("stray", ""), {}, {"chassis": "laptop"}, DIRECTORY)
    assert found == {"device": "stray", "customer": "unassigned", "site": "", "chassis": "laptop"}


@pytest.mark.parametrize("facts", [None, b"", b"[]", b"3", b'"text"', b"null"])
def test_facts_that_are_none_are_an_empty_mapping(facts: bytes | None) -> None:
    assert decode_facts(facts) == {}


@pytest.mark.parametrize("birth", [None, b"{}", b'{"inventory": null}', b'{"inventory": []}'])
def test_a_birth_without_inventory(birth: bytes | None) -> None:
    assert inventory_of(birth) == {}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as found:
        facts = msgspec.json.encode({"disk": DISK})
        point = Point("pc-1", "smart", "S1", 1e9, ("disk.passed",), (1.0,), facts)
        found.commit([Accepted("pc-1", "b", 1, 1e9, 1e9, (point,))])
        yield found


def birth(serial: str | None, at: float) -> Accepted:
    status = msgspec.json.encode({"inventory": {"serial": serial, "chassis": "server"}})
    return Accepted("pc-1", "b", None, at, at, (), status=status, session=1)


def test_a_machine_goes_by_its_serial_number_or_else_by_its_name(journal: Journal) -> None:
    with journal.reader() as reader:
        book = FactBook(reader, DIRECTORY)
        assert book.part(Kind.DISK, ("pc-1", "S1"))[:3] == ("pc-1", "pc-1", "S1")
        journal.commit([birth("MB-1", 1e9)])
        assert book.part(Kind.DISK, ("pc-1", "S1")) == ("pc-1", "MB-1", "S1", Whose("Acme", "Store 12", "Li Wei"))
        journal.commit([birth(None, 1e9 + 1)])
        assert book.part(Kind.LIVENESS, ("pc-1", ""))[:3] == ("pc-1", "pc-1", "")


def test_the_book_finds_the_facts_of_a_disk(journal: Journal) -> None:
    with journal.reader() as reader:
        book = FactBook(reader, DIRECTORY)
        assert book.labels(Kind.DISK, ("pc-1", "S1"))["slot"] == "/dev/sda"
        assert book.labels(Kind.DISK, ("pc-1", "S9")) == WHOSE | {"disk": "S9", "disk_kind": "unknown"}
        assert book.series(1).part == "S1"
        with pytest.raises(LookupError, match="series 99"):
            book.series(99)
