"""What is asked of many devices at once is what is said of each alone."""

from forewarn_collector.directory import Directory, Entry, Whose
from forewarn_collector.judge.facts import FactBook
from forewarn_collector.store.about import about, contacts
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import CLONED, Accepted, Point
from forewarn_collector.store.reader import Reader
from forewarn_rules import Kind

NOON = 1_700_000_000.0
MANY = [f"pc-{number:03}" for number in range(230)]


def load(device: str, seq: int = 1, facts: bytes = b"{}", received_at: float = NOON) -> Accepted:
    point = Point(device, "load", "", NOON + seq, ("cpu.used_percent",), (float(seq),), facts)
    return Accepted(device, "b", seq, NOON + seq, received_at, (point,))


def disk(device: str, slot: str) -> Accepted:
    facts = b'{"disk":{"kind":"hdd","slot":"%s"}}' % slot.encode()
    return Accepted(device, "b", 9, NOON, NOON, (Point(device, "smart", "S1", NOON, ("disk.passed",), (1.0,), facts),))


def birth(device: str, hostname: str, session: int = 1) -> Accepted:
    status = b'{"inventory":{"hostname":"%s"}}' % hostname.encode()
    return Accepted(device, "b", None, NOON, NOON + session, (), status=status, session=session)


def test_more_devices_than_one_statement_takes(journal: Journal, reader: Reader) -> None:
    journal.commit([load(device, facts=device.encode()) for device in MANY])
    journal.commit([birth(device, device) for device in MANY[::2]] + [disk("pc-007", "/dev/sda")])
    found = about(reader, [*MANY, "unheard-of"])
    assert list(found) == [*MANY, "unheard-of"]
    assert {device: known.birth for device, known in found.items()} == {
        device: reader.birth(device) for device in [*MANY, "unheard-of"]
    }
    assert found["pc-007"].facts.keys() == {("load", ""), ("smart", "S1")}
    assert [found[device].facts["load", ""] for device in MANY] == [device.encode() for device in MANY]
    assert found["unheard-of"].facts == {}
    assert about(reader, []) == {}


def test_contacts_are_as_the_devices_tell_them(journal: Journal, reader: Reader) -> None:
    journal.commit([load("pc-1"), birth("pc-2", "born-only", 700), load("pc-3", received_at=NOON + 900)])
    journal.commit([birth("pc-3", "born-earlier", 5), load("pc-1", received_at=NOON + 50)])  # the second a duplicate
    for seq, name in enumerate((CLONED, CLONED, "reboot"), 1):
        journal.commit([Accepted("pc-2", "b", seq, NOON, NOON + 300 * seq, (), event=(name, "", 1, ""))])
    assert contacts(reader) == [
        (row.name, row.last_received, row.clock_offset, row.clock_at, NOON + 600 if row.name == "pc-2" else None)
        for row in reader.devices()
    ]
    assert [one.last_received - NOON for one in contacts(reader)] == [50, 900, 900]


def test_only_what_is_new_of_a_device_makes_it_another(journal: Journal, reader: Reader) -> None:
    owners = {"pc-1": Whose("Acme"), "pc-2": Whose("Acme")}
    book = FactBook(reader, Directory([Entry(Whose("nobody"), ("*",))], applied=lambda device, _: owners.get(device)))

    def read() -> tuple[object, object]:
        with book.reading(["pc-1", "pc-2"]):
            return book.told("pc-1"), book.told("pc-2")

    journal.commit([load("pc-1"), load("pc-2")])
    first = read()
    journal.commit([load("pc-1", 2), load("pc-2", 2), birth("pc-2", "desk")])
    second = read()
    assert (second[0] is first[0], second[1] is first[1]) == (True, False)
    journal.commit([birth("pc-2", "desk", session=2), disk("pc-1", "/dev/sda")])
    third = read()
    assert (third[0] is second[0], third[1] is second[1]) == (False, True)
    assert book.stale(["pc-1", "pc-2", "pc-3"]) == ["pc-3"]
    owners["pc-1"] = Whose("Beta")
    assert book.stale(["pc-1", "pc-2"]) == ["pc-1"]
    assert read()[0] is not third[0]


def test_within_a_step_the_book_answers_from_what_it_has_read(journal: Journal, reader: Reader) -> None:
    book = FactBook(reader, Directory())
    journal.commit([load("pc-1"), disk("pc-1", "/dev/sda"), birth("pc-1", "desk")])
    with book.reading(["pc-1"]):
        journal.commit([birth("pc-1", "other", session=2)])
        assert book.labels(Kind.DISK, ("pc-1", "S1"))["hostname"] == "desk"
        assert book.labels(Kind.DISK, ("pc-1", "S1"))["slot"] == "/dev/sda"
    assert book.labels(Kind.DISK, ("pc-1", "S1"))["hostname"] == "other"
    assert book.labels(Kind.DISK, ("pc-1", "S1"))["slot"] == "/dev/sda"
