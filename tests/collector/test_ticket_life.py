"""Tickets over days on a real database: one note a day, what comes back, and one ticket for one root cause."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import forewarn_collector
from forewarn_collector.directory import Whose
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import delivery, open_state
from forewarn_collector.tickets.again import Again, Past, Terms, again
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.folding import is_noted
from forewarn_collector.tickets.life import TicketError
from forewarn_collector.tickets.model import Member, Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.roots import Root, Standing, Trouble, offline_site, root
from forewarn_rules import Change, Kind

HOUR, DAY = 3_600.0, 86_400.0
NOON = 1_780_000_000.0
ACME = Whose("Acme", "Store 12", "Li Wei")
FOR_EVER = ("timeline", "verdict", "reopening", "rating")


class Office:
    """A desk whose clock is set by the test; ``heard`` is what is known of the devices of Store 12."""

    def __init__(self, path: Path | Server, terms: Terms) -> None:
        self.engine = open_state(path)
        self.now = NOON
        self.heard: dict[str, float] = {}
        self.statements: list[str] = []
        sa.event.listen(self.engine, "before_cursor_execute", self._note)
        self.desk = Desk(self.engine, ["desk"], lambda: self.now, lambda: None, terms, lambda _c, _s: self.heard)

    def _note(self, _c: object, _cursor: object, statement: str, *_more: object) -> None:
        self.statements.append(statement)

    def say(self, rule: str, levels: str, part: str = "S3Z1", device: str = "srv-1", **more: Any) -> None:
        before, after = levels.split(" -> ")
        defaults: dict[str, Any] = {"kind": Kind.DISK, "fault": "disk-failure", "values": {}, "at": self.now}
        about_device = more.pop("about_device", False)
        change = Change(
            rule=rule, title=f"{rule} of {device}", key=(device, part), labels={}, before=before, after=after,
            text=f"{rule} says {after} of {part}", why="", do=(), calm_when=(), forecast=None, queue="storage",
            status="stable", ticket_kind="fact", **(defaults | more),
        )  # fmt: skip
        whose = Part(device, f"MB-{device}", "" if about_device else part, ACME)
        self.desk.record(None, [(change, whose)], [])

    def silent(self, device: str, seconds: float = DAY, levels: str = "none -> warning") -> None:
        values = {"silent": seconds}
        self.say("device-silent", levels, "", device, kind=Kind.LIVENESS, fault="device-silent", values=values)

    def all(self) -> list[Ticket]:
        numbers = sorted(ticket.number for ticket in self.desk.tickets())
        return [self.desk.ticket(number) for number in numbers]

    def only(self) -> Ticket:
        (found,) = self.all()
        return found

    def told(self) -> int:
        with self.engine.connect() as db:
            return len(db.execute(sa.select(delivery)).all())


@pytest.fixture
def terms() -> Terms:
    return Terms()


@pytest.fixture
def office(state_in: Path | Server, terms: Terms) -> Iterator[Office]:
    found = Office(state_in, terms)
    yield found
    found.engine.dispose()


# One note a day


@pytest.mark.parametrize(
    ("action", "by_hand", "noted_at", "noted"),
    [
        ("create", False, None, True),
        ("add", False, None, True),
        ("add", False, NOON - HOUR, False),
        ("ease", False, NOON - HOUR, False),
        ("join", False, NOON - HOUR, False),
        ("add", False, NOON - DAY, True),
        ("add", False, NOON + HOUR, True),  # the clock was set back
        ("add", True, NOON - HOUR, True),
        ("rise", False, NOON - HOUR, True),
        ("resolve", False, NOON - HOUR, True),
        ("reopen", False, NOON - HOUR, True),
    ],
)
def test_what_is_noted_at_once(action: str, by_hand: bool, noted_at: float | None, noted: bool) -> None:
    assert is_noted(action, by_hand, noted_at, NOON) is noted


def test_a_rule_that_flaps_is_one_note_a_day_and_the_evidence_is_current(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.say("crc", "none -> warning")
    for hour in range(1, 47):
        office.now = NOON + hour * HOUR
        office.say("crc", "none -> warning" if hour % 2 else "warning -> watch")
        assert {item.rule: item.level for item in office.only().evidence}["crc"] == ("warning", "watch")[hour % 2 - 1]
    assert [entry.text for entry in office.only().timeline] == [
        "pending none -> warning: pending says warning of S3Z1",
        "24 more changes, the last: crc none -> warning: crc says warning of S3Z1",
        "crc warning -> watch: crc says watch of S3Z1",
    ]
    assert office.told() == 2
    office.now = NOON + 49 * HOUR
    office.desk.record(7, [], [])
    assert office.only().timeline[-1].text.startswith("22 more changes, the last: crc warning -> watch")
    assert office.told() == 3


def test_what_is_worse_is_told_at_once_after_what_was_kept(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.say("crc", "none -> warning")
    office.say("pending", "warning -> critical")
    said = [entry.text for entry in office.only().timeline]
    assert said[1] == "one more change: crc none -> warning: crc says warning of S3Z1"
    assert said[2].startswith("pending warning -> critical")


def test_what_was_kept_is_told_before_the_end(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.say("crc", "none -> warning")
    office.now += HOUR
    office.desk.act(1, "close", "ann", outcome="cleaned")
    said = [entry.text for entry in office.desk.ticket(1).timeline]
    assert said[1:] == ["one more change: crc none -> warning: crc says warning of S3Z1", "closed, cleaned"]
    assert [entry.at for entry in office.desk.ticket(1).timeline] == [NOON, NOON, NOON + HOUR]
    told = office.told()
    office.now += 3 * DAY
    office.desk.record(7, [], [])
    assert office.told() == told


# What comes back


@pytest.mark.parametrize(
    ("past", "reopen_closed", "expected"),
    [
        ([], False, Again()),
        ([Past(3, "condition-cleared", NOON - DAY)], False, Again(reopens=3)),
        ([Past(3, "condition-cleared", NOON - 8 * DAY)], False, Again()),
        ([Past(3, "cleaned", NOON - DAY)], False, Again(follows=3)),
        ([Past(3, "cleaned", NOON - DAY)], True, Again(reopens=3)),
        ([Past(3, "cleaned", NOON + DAY)], True, Again(follows=3)),  # late evidence
        ([Past(3, None, NOON - DAY), Past(2, "condition-cleared", NOON - 2 * DAY)], False, Again(follows=3)),
    ],
)
def test_a_fault_that_comes_back(past: list[Past], reopen_closed: bool, expected: Again) -> None:
    assert again(past, NOON, Terms(7 * DAY, reopen_closed)) == expected


def test_after_a_close_a_new_ticket_says_which_it_follows(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.now += DAY
    office.say("pending", "none -> warning")
    first, second = office.all()
    assert (first.state, first.followed_by, first.follows) == ("closed", [2], None)
    assert (second.state, second.followed_by, second.follows) == ("open", [], 1)
    assert "the same fault as in ticket 1, again" in second.timeline[0].text


@pytest.mark.parametrize("terms", [Terms(3 * DAY, reopen_closed=True)])
def test_or_the_same_ticket_is_opened_again(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.now += DAY
    office.say("pending", "none -> warning")
    found = office.only()
    assert (found.state, found.outcome, found.closed_at) == ("open", None, None)
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.now += 4 * DAY
    office.say("pending", "none -> warning")
    assert [one.follows for one in office.all()] == [None, None]


def test_late_evidence_of_something_worse_leaves_what_was_closed(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.now += DAY
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.say("reallocated", "none -> critical", at=NOON + HOUR)
    assert [(one.state, one.follows) for one in office.all()] == [("closed", None), ("open", 1)]


def test_a_person_opens_again_what_was_not_done(office: Office) -> None:
    office.say("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="cleaned")
    assert office.desk.act(1, "reopen", "bob", text="the errors go on").state == "open"
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.now += DAY
    office.say("pending", "none -> warning")
    with pytest.raises(TicketError, match="cannot reopen it: ticket 2 is open for the same fault"):
        office.desk.act(1, "reopen", "bob")


# One root cause, one ticket

DISK_GONE = Standing(4, "disk-failure", frozenset({"disk-log"}), frozenset({"sda"}), NOON)
DISK_MISSED = Standing(4, "disk-failure", frozenset({"presence"}), frozenset({"sda"}), NOON)
DISK_SICK = Standing(4, "disk-failure", frozenset({"disk"}), frozenset({"sda"}), NOON)
POWER = Standing(5, "power", frozenset({"presence"}), frozenset({"sda", "sdb"}), NOON)
ARRAY = Standing(6, "array-degraded", frozenset({"array"}), frozenset({"md0"}), NOON)


@pytest.mark.parametrize(
    ("new", "standing", "number", "leads"),
    [
        (Trouble("disk-log", "sdb", "disk-failure", NOON + 60), DISK_GONE, 4, False),
        (Trouble("disk-log", "sdb", "disk-failure", NOON + 1000), DISK_GONE, None, False),
        (Trouble("disk-log", "sda", "disk-failure", NOON + 60), DISK_GONE, None, False),
        (Trouble("disk-log", "sdb", "disk-failure", NOON + 60), DISK_SICK, None, False),
        (Trouble("disk", "sdb", "disk-failure", NOON + 60), DISK_GONE, None, False),
        (Trouble("presence", "sdb", "disk-failure", NOON + 60), DISK_MISSED, None, False),
        (Trouble("presence", "sda", "power", NOON + 60), DISK_GONE, 4, True),
        (Trouble("sensor", "12V", "power", NOON + 60), DISK_GONE, 4, True),
        (Trouble("sensor", "12V", "power", NOON + 60), DISK_SICK, None, False),
        (Trouble("disk-log", "sdc", "disk-failure", NOON - 60), POWER, 5, False),
        (Trouble("array", "md0", "array-degraded", NOON + 1800), POWER, 5, False),
        (Trouble("array", "md0", "array-degraded", NOON + 7200), POWER, None, False),
        (Trouble("array", "md0", "array-degraded", NOON), DISK_GONE, 4, False),
        (Trouble("presence", "sda", "disk-failure", NOON), ARRAY, 6, False),
        (Trouble("filesystem", "/", "filesystem-full", NOON), POWER, None, False),
        (Trouble("device", "", "memory-failure", NOON), ARRAY, None, False),
    ],
)
def test_what_shares_a_cause(new: Trouble, standing: Standing, number: int | None, leads: bool) -> None:
    found = root(new, [standing])
    assert (found and found.number, found.leads if found else False) == (number, leads)
    assert found is None or len(found.reason) > 20


def test_the_oldest_ticket_takes_it_and_nothing_is_alone() -> None:
    assert root(Trouble("array", "md0", "array-degraded", NOON), [POWER, DISK_GONE]) == Root(
        4, False, "the disk that is gone is the member that the array lacks"
    )
    assert root(Trouble("array", "md0", "array-degraded", NOON), []) is None


@pytest.mark.parametrize(
    ("heard", "offline"),
    [
        ([NOON], None),
        ([NOON, NOON + 5 * DAY], None),
        ([NOON, NOON + 600], (2, 2)),
        ([NOON, NOON + 600, NOON + DAY, NOON + DAY], (2, 4)),
        ([NOON, NOON + 600, NOON + DAY, NOON + DAY, NOON + DAY], None),
        ([NOON, NOON + 600, NOON - 30 * DAY, NOON - 40 * DAY, NOON - 50 * DAY], (2, 2)),
        ([NOON, NOON + 2 * HOUR], None),
    ],
)
def test_when_a_site_is_offline(heard: list[float], offline: tuple[int, int] | None) -> None:
    assert offline_site(NOON, heard) == offline


def test_a_server_whose_disks_lose_power_is_one_ticket(office: Office) -> None:
    together = {"kind": Kind.PRESENCE, "fault": "power", "values": {"silent": HOUR}, "about_device": True}
    office.say("disk-given-up", "none -> warning", "S1", kind=Kind.DISK_LOG)
    office.say("disk-given-up", "none -> warning", "S2", kind=Kind.DISK_LOG)
    office.say("array-degraded", "none -> critical", "md0", kind=Kind.ARRAY, fault="array-degraded")
    office.now += HOUR
    office.say("disks-vanished-together", "none -> warning", "S1", **together)
    office.say("disks-vanished-together", "none -> warning", "S2", **together)
    found = office.only()
    assert (found.title, found.severity) == ("disks-vanished-together of srv-1", "critical")
    assert found.members == [
        Member("srv-1", "S1", "warning"), Member("srv-1", "S2", "warning"), Member("srv-1", "md0", "critical")
    ]  # fmt: skip
    assert "It belongs here because what the disks share has failed" in found.timeline[-1].text
    office.say("pending", "none -> warning", "S2")  # what SMART says is of the disk alone
    assert len(office.all()) == 2
    office.say("disks-vanished-together", "warning -> none", "S1", **together)
    office.say("disks-vanished-together", "warning -> none", "S2", **together)
    office.say("disk-given-up", "warning -> none", "S1", kind=Kind.DISK_LOG)
    office.say("disk-given-up", "warning -> none", "S2", kind=Kind.DISK_LOG)
    assert office.desk.ticket(1).state == "open"
    office.say("array-degraded", "critical -> none", "md0", kind=Kind.ARRAY, fault="array-degraded")
    assert (office.desk.ticket(1).state, office.desk.ticket(1).outcome) == ("resolved", "condition-cleared")


def test_a_replaced_disk_leaves_the_array_that_lacks_it_on_its_ticket(office: Office) -> None:
    office.say("disk-vanished", "none -> warning", "S1", kind=Kind.PRESENCE, values={"silent": HOUR})
    office.say("array-degraded", "none -> critical", "md0", kind=Kind.ARRAY, fault="array-degraded", at=NOON - HOUR)
    assert [member.part for member in office.only().members] == ["S1", "md0"]
    part = Part("srv-1", "MB-srv-1", "S1", ACME)
    assert office.desk.replaced(part, NOON + HOUR, "disk S9 sits in its place") == 1
    assert office.only().state == "open"
    assert {item.rule: item.level for item in office.only().evidence} == {
        "disk-vanished": "none", "array-degraded": "critical"
    }  # fmt: skip
    office.say("array-degraded", "critical -> none", "md0", kind=Kind.ARRAY, fault="array-degraded")
    assert office.only().state == "resolved"


def test_a_site_that_is_offline_is_one_ticket(office: Office) -> None:
    office.heard = {f"till-{n}": NOON - DAY + n * 60 for n in range(1, 6)}
    for n in range(1, 6):
        office.now = NOON + n * 60
        office.silent(f"till-{n}")
    found = office.only()
    assert found.title == "Site Store 12 is offline"
    assert "5 of its 5 devices fell silent" in found.explanation["what"]
    assert [member.device for member in found.members] == [f"till-{n}" for n in range(1, 6)]
    for n in range(1, 5):
        office.silent(f"till-{n}", 0.0, "warning -> none")
    assert office.only().state == "open"
    office.silent("till-5", 7 * DAY, "warning -> critical")
    assert (office.only().severity, office.only().title) == ("critical", "Site Store 12 is offline")
    office.silent("till-5", 0.0, "critical -> none")
    assert office.only().state == "resolved"


def test_a_site_that_is_offline_again_is_the_same_ticket(office: Office) -> None:
    office.heard = {"till-1": NOON - DAY, "till-2": NOON - DAY}
    for device in office.heard:
        office.silent(device)
    for device in office.heard:
        office.silent(device, 0.0, "warning -> none")
    office.now = NOON + 3 * DAY
    office.heard = {"till-1": office.now - DAY, "till-2": office.now - DAY, "till-3": office.now - DAY}
    office.silent("till-3")
    found = office.only()
    assert (found.state, found.title, found.severity) == ("open", "Site Store 12 is offline", "warning")
    assert "3 of its 3 devices" in found.explanation["what"]
    assert "open: the site is offline again" in [entry.text for entry in found.timeline]
    office.desk.act(found.number, "close", "ann", outcome="configuration")
    office.now += DAY
    office.heard = dict.fromkeys(office.heard, office.now - DAY)
    office.silent("till-1")
    assert [one.follows for one in office.all()] == [None, found.number]


def test_a_device_that_is_silent_alone_is_a_ticket_of_its_own(office: Office) -> None:
    office.heard = {"till-1": NOON - DAY, "till-2": NOON, "till-3": NOON}
    office.silent("till-1")
    assert (office.only().title, office.only().members) == ("device-silent of till-1", [])
    office.now = NOON + DAY
    office.silent("till-2")
    assert [one.title for one in office.all()] == ["device-silent of till-1", "Site Store 12 is offline"]


# What is written stays


def test_no_statement_ever_changes_or_deletes_a_line_of_the_timeline(office: Office) -> None:
    """Through a whole life: found, folded, worse, worked on, ended, opened again, replaced."""
    office.say("pending", "none -> warning")
    office.say("crc", "none -> warning")
    office.say("pending", "warning -> critical")
    for action, how in [
        ("acknowledge", {}), ("start", {}), ("wait", {"waiting_for": "vendor"}), ("start", {}), ("resolve", {}),
        ("close", {"outcome": "cleaned"}), ("reopen", {}),
    ]:  # fmt: skip
        office.desk.act(1, action, "ann", text="so", **how)  # type: ignore[arg-type]
    office.desk.note(1, "ann", "note")
    office.now += 2 * DAY
    office.desk.record(3, [], [])
    office.desk.replaced(Part("srv-1", "MB-srv-1", "S3Z1", ACME), office.now, "another one")
    written = re.compile(rf"^\s*(UPDATE|DELETE FROM|REPLACE INTO)\s+\"?({'|'.join(FOR_EVER)})\b", re.I)
    assert any(statement.startswith("INSERT INTO timeline") for statement in office.statements)
    assert [statement for statement in office.statements if written.match(statement)] == []


def changes_in(code: str) -> list[str]:
    """Tables of ``FOR_EVER`` that the code updates or deletes from."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in ("update", "delete"):
            named = [node.func.value, *node.args]
            found += [one.id for one in named if isinstance(one, ast.Name) and one.id in FOR_EVER]
    return found


def test_no_code_has_a_statement_that_would() -> None:
    assert changes_in("db.execute(timeline.delete())") == changes_in("sa.update(timeline).values()") == ["timeline"]
    paths = Path(forewarn_collector.__file__).parent.rglob("*.py")
    assert [(path.name, found) for path in paths if (found := changes_in(path.read_text(encoding="utf-8")))] == []
