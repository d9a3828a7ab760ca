"""The ticket desk on a real database: what changes of level and engineers' words make of tickets."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from forewarn_collector.directory import Whose
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import delivery, open_state, ticket, timeline, verdict
from forewarn_collector.tickets import keeping
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import NoTicket, TicketError
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind
from forewarn_rules.model import Forecast

DAY = 86_400.0
NOON = 1_780_000_000.0
DISK = Part("shop-07", "MB-1", "S3Z1", Whose("Acme", "Store 12", "Li Wei"))
OTHER_DISK = DISK._replace(part_serial="S3Z2")


class Office:
    """A desk whose clock is set by the test."""

    def __init__(self, path: Path | Server, destinations: tuple[str, ...] = ("desk",)) -> None:
        self.engine = open_state(path)
        self.now = NOON
        self.desk = Desk(self.engine, destinations, lambda: self.now)

    def change(self, rule: str, levels: str, at: float | None = None, part: Part = DISK, **more: Any) -> int:
        change = make_change(rule, levels, self.now if at is None else at, part, **more)
        return self.desk.record(None, [(change, part)], [])

    def all(self) -> list[Ticket]:
        return [self.desk.ticket(found.number) for found in reversed(self.desk.tickets())]

    def only(self) -> Ticket:
        (found,) = self.all()
        return found

    def rows(self, table: sa.Table) -> list[Any]:
        with self.engine.connect() as db:
            return list(db.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings())


def make_change(rule: str, levels: str, at: float, part: Part, **more: Any) -> Change:
    before, after = levels.split(" -> ")
    defaults: dict[str, Any] = {
        "title": f"{rule} on {part.part_serial}",
        "kind": Kind.DISK,
        "key": (part.device, part.part_serial),
        "labels": {},
        "text": f"{rule} says {after}",
        "why": "because",
        "do": ("look",),
        "calm_when": ("never",),
        "values": {"sectors": 8.0, "unknown": None, "hours_left": float("inf")},
        "forecast": None,
        "fault": "disk-failure",
        "queue": "storage",
        "status": "stable",
    }
    return Change(rule=rule, at=at, before=before, after=after, **(defaults | more))


@pytest.fixture
def office(state_in: Path | Server) -> Iterator[Office]:
    found = Office(state_in)
    yield found
    found.engine.dispose()


def test_a_ticket_says_everything(office: Office) -> None:
    office.now = NOON + 60
    forecast = Forecast(probability=0.12, within_seconds=30 * DAY, source="Backblaze")
    office.change("pending", "none -> warning", at=NOON, forecast=forecast)
    found = office.only()
    assert (found.customer, found.site, found.engineer) == ("Acme", "Store 12", "Li Wei")
    assert (found.device, found.device_serial, found.part_serial) == ("shop-07", "MB-1", "S3Z1")
    assert (found.fault, found.queue, found.state, found.severity) == ("disk-failure", "storage", "open", "warning")
    assert (found.probability, found.within_seconds) == (0.12, 30 * DAY)
    assert (found.opened_at, found.recorded_at, found.updated_at) == (NOON, NOON + 60, NOON + 60)
    assert found.explanation == {
        "what": "pending says warning", "why": "because", "do": ["look"], "calm_when": ["never"],
        "said": {
            "rule": "pending", "labels": {},
            "values": {"sectors": 8.0, "unknown": None, "hours_left": "not approaching"},
        },
    }  # fmt: skip
    (item,) = found.evidence
    assert (item.rule, item.component, item.level, item.at) == ("pending", "disk:S3Z1", "warning", NOON)
    assert item.detail["values"] == {"sectors": 8.0, "unknown": None, "hours_left": "not approaching"}
    assert [entry.text for entry in found.timeline] == ["pending none -> warning: pending says warning"]


def test_one_ticket_however_many_rules_find_it(office: Office) -> None:
    for rule in ("pending", "reallocated", "self-test", "pending"):
        office.change(rule, "none -> warning")
    found = office.only()
    assert [item.rule for item in found.evidence] == ["pending", "reallocated", "self-test"]


@pytest.mark.parametrize(
    "other",
    [
        {"part": OTHER_DISK},
        {"part": DISK._replace(device="shop-08", device_serial="MB-2")},
        {"part": DISK._replace(whose=Whose("Globex"))},
        {"fault": "cable"},
    ],
    ids=["another disk", "another machine", "another customer", "another fault"],
)
def test_a_ticket_of_its_own_for(office: Office, other: dict[str, Any]) -> None:
    office.change("pending", "none -> warning")
    office.change("transfer", "none -> warning", **other)
    assert len(office.all()) == 2


def test_severity_rises_and_does_not_fall(office: Office) -> None:
    seen = []
    for levels in ("none -> warning", "warning -> critical", "critical -> warning"):
        office.change("pending", levels)
        seen.append((office.only().severity, office.only().explanation["what"]))
    office.change("reallocated", "none -> warning")
    seen.append((office.only().severity, office.only().explanation["what"]))
    assert seen == [("warning", "pending says warning"), *[("critical", "pending says critical")] * 3]
    assert [item.level for item in office.only().evidence] == ["warning", "warning"]


def test_likelier_evidence_gives_the_ticket_its_forecast(office: Office) -> None:
    def forecast(probability: float | None) -> Forecast:
        return Forecast(probability=probability, within_seconds=30 * DAY, source="Backblaze")

    seen = []
    for rule, said in (("self-test", None), ("risk", 0.3), ("pending", 0.1), ("trend", forecast(None))):
        forecasts = said if isinstance(said, Forecast) else forecast(said) if said else None
        office.change(rule, "none -> warning", forecast=forecasts)
        seen.append((office.only().probability, office.only().within_seconds))
    assert seen == [(None, None), *[(0.3, 30 * DAY)] * 3]
    office.change("risk", "warning -> critical", forecast=forecast(0.6))
    assert (office.only().severity, office.only().probability) == ("critical", 0.6)


def test_resolved_only_when_all_evidence_is_calm(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.change("reallocated", "none -> critical")
    office.change("pending", "warning -> none")
    assert office.only().state == "open"
    office.change("reallocated", "critical -> warning")
    assert office.only().state == "open"
    office.now = NOON + 9
    office.change("reallocated", "warning -> watch", at=NOON + 5)
    found = office.only()
    assert (found.state, found.outcome, found.resolved_at) == ("resolved", "condition-cleared", NOON + 5)
    assert found.timeline[-1].text == "resolved: every rule behind the ticket is calm"
    assert found.severity == "critical"


def test_it_comes_back_within_a_week_and_is_the_same_ticket(office: Office) -> None:
    office.change("pending", "none -> critical")
    office.desk.act(1, "wait", "ann", waiting_for="part")
    office.change("pending", "critical -> none")
    office.change("pending", "none -> warning", at=NOON + 7 * DAY)
    found = office.only()
    assert (found.state, found.severity, found.outcome, found.resolved_at) == ("open", "warning", None, None)
    assert (found.owner, found.waiting_for) == ("", "")
    assert found.timeline[-2].text == "open: warning again, soon after it ended"
    assert found.opened_at == NOON
    office.change("pending", "warning -> none", at=NOON + 8 * DAY)
    office.change("pending", "none -> warning", at=NOON + 8 * DAY + 7 * DAY + 1)
    assert [one.state for one in office.all()] == ["resolved", "open"]


def test_a_calm_rule_does_not_touch_what_an_engineer_ended(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="replaced-in-time")
    before = office.only()
    assert office.change("pending", "warning -> none", at=NOON + 1) == 0
    assert office.only() == before


@pytest.mark.parametrize(("action", "outcome"), [("close", "cleaned"), ("close", "false-alarm"), ("resolve", None)])
def test_an_engineer_s_word_is_not_undone_by_late_evidence(office: Office, action: str, outcome: str | None) -> None:
    office.change("pending", "none -> warning")
    office.now = NOON + DAY
    office.desk.act(1, action, "ann", outcome=outcome)
    before = office.only()
    assert office.change("reallocated", "none -> warning", at=NOON + 100) == 0
    assert office.only() == before
    assert office.rows(verdict)[-1]["at"] == NOON + 100, "it stays on record"
    assert office.change("self-test", "none -> critical", at=NOON + 200) == 1, "worse than what the engineer knew"
    assert [one.state for one in office.all()] == [before.state, "open"]


def test_new_evidence_after_an_engineer_s_word_opens_a_new_ticket(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="false-alarm")
    assert office.only().state == "false alarm"
    office.change("reallocated", "none -> warning", at=NOON + 1)
    first, second = office.all()
    assert (first.state, first.outcome) == ("false alarm", "false-alarm")
    assert (second.state, second.severity) == ("open", "warning")


def test_closing_what_cleared_by_itself_makes_it_an_engineer_s_word(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.change("pending", "warning -> none", at=NOON + 10)
    office.now = NOON + 20
    office.desk.act(1, "close", "ann", outcome="could-not-reproduce")
    office.change("pending", "none -> warning", at=NOON + 30)
    assert [one.state for one in office.all()] == ["closed", "open"]


def test_a_machine_whose_serial_number_is_learned_late_keeps_its_ticket(office: Office) -> None:
    nameless = DISK._replace(device_serial="shop-07")
    office.change("pending", "none -> warning", part=nameless)
    office.change("pending", "warning -> critical", part=DISK)
    assert office.only().severity == "critical"
    office.change("pending", "critical -> none", part=DISK)
    assert office.only().state == "resolved"


def test_a_machine_that_changes_hands_does_not_leave_a_ticket_behind(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.change("pending", "warning -> none", part=DISK._replace(whose=Whose("Globex")))
    assert office.only().state == "resolved"
    assert office.only().customer == "Acme"


def test_a_rule_on_trial_leaves_a_verdict_and_no_ticket(office: Office) -> None:
    assert office.change("trial", "none -> critical", status="experimental") == 0
    assert office.all() == []
    (row,) = office.rows(verdict)
    assert (row["rule"], row["before"], row["after"]) == ("trial", "none", "critical")
    assert json.loads(row["detail"])["values"]["sectors"] == 8.0


def test_an_engineer_s_day(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.now = NOON + 10
    assert office.desk.act(1, "acknowledge", "ann").state == "acknowledged"
    office.now = NOON + 20
    waiting = office.desk.act(1, "wait", "bob", waiting_for="part", text="ordered")
    assert (waiting.state, waiting.waiting_for, waiting.owner) == ("waiting", "part", "ann")
    assert waiting.acknowledged_at == NOON + 10
    assert office.desk.act(1, "start", "ann").waiting_for == ""
    assert office.desk.act(1, "resolve", "ann").resolved_at == NOON + 20
    office.now = NOON + 30
    closed = office.desk.act(1, "close", "ann", outcome="replaced-in-time", text="the old one is in the lab")
    assert (closed.state, closed.outcome, closed.closed_at) == ("closed", "replaced-in-time", NOON + 30)
    assert [(entry.actor, entry.kind, entry.visibility, entry.text) for entry in closed.timeline[1:]] == [
        ("ann", "state", "customer", "acknowledged"),
        ("bob", "state", "customer", "waiting for part"),
        ("bob", "note", "internal", "ordered"),
        ("ann", "state", "customer", "in progress"),
        ("ann", "state", "customer", "resolved"),
        ("ann", "state", "customer", "closed, replaced-in-time"),
        ("ann", "note", "internal", "the old one is in the lab"),
    ]


def test_what_does_not_fit_changes_nothing(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.desk.act(1, "close", "ann", outcome="cleaned")
    before, sent = office.only(), len(office.rows(delivery))
    with pytest.raises(TicketError, match="cannot start a ticket that is closed"):
        office.desk.act(1, "start", "bob", text="lost?")
    with pytest.raises(NoTicket, match="there is no ticket 2"):
        office.desk.act(2, "start", "bob")
    with pytest.raises(NoTicket, match="there is no ticket 2"):
        office.desk.note(2, "bob", "hello")
    assert office.only() == before
    assert len(office.rows(delivery)) == sent


def test_a_note_is_internal_unless_it_is_meant_for_the_customer(office: Office) -> None:
    office.change("pending", "none -> warning")
    office.desk.note(1, "ann", "they never make backups")
    office.desk.note(1, "ann", "we come on Friday", "customer")
    office.desk.act(1, "start", "ann", text="on my way", visibility="customer")
    notes = [(entry.visibility, entry.text) for entry in office.only().timeline if entry.kind == "note"]
    assert notes == [
        ("internal", "they never make backups"), ("customer", "we come on Friday"), ("customer", "on my way")
    ]  # fmt: skip


def test_every_change_is_announced_to_every_destination_with_the_ticket_as_it_was(state_in: Path | Server) -> None:
    office = Office(state_in, ("desk", "archive"))
    office.change("pending", "none -> warning")
    office.change("pending", "warning -> critical")
    office.desk.act(1, "start", "ann")
    office.desk.note(1, "ann", "hm")
    office.change("pending", "critical -> none")
    office.change("pending", "none -> warning")
    office.desk.act(1, "resolve", "ann")
    office.desk.act(1, "close", "ann", outcome="cleaned")
    told = [row for row in office.rows(delivery) if row["destination"] == "desk"]
    assert [(row["event"], json.loads(row["body"])["state"]) for row in told] == [
        ("opened", "open"),
        ("updated", "open"),
        ("updated", "in progress"),
        ("updated", "in progress"),
        ("resolved", "resolved"),
        ("opened", "open"),
        ("resolved", "resolved"),
        ("closed", "closed"),
    ]
    assert [json.loads(row["body"])["severity"] for row in told[:2]] == ["warning", "critical"]
    assert len({row["event_id"] for row in told}) == len(told)
    twins = [row for row in office.rows(delivery) if row["destination"] == "archive"]
    assert [(row["event_id"], row["body"]) for row in twins] == [(row["event_id"], row["body"]) for row in told]
    office.engine.dispose()


def test_nobody_to_tell_means_no_deliveries(tmp_path: Path) -> None:
    office = Office(tmp_path / "state.db", ())
    office.change("pending", "none -> warning")
    assert office.rows(delivery) == []
    office.engine.dispose()


def test_ids_of_events_differ_between_collectors(tmp_path: Path) -> None:
    ids = set()
    for name in ("one.db", "two.db"):
        office = Office(tmp_path / name)
        office.change("pending", "none -> warning")
        ids.add(office.rows(delivery)[0]["event_id"])
        office.engine.dispose()
    assert len(ids) == 2


def test_the_database_itself_refuses_a_second_open_ticket(office: Office) -> None:
    office.change("pending", "none -> warning")
    (row,) = office.rows(ticket)
    twin = {name: value for name, value in row.items() if name != "number"}
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)unique.*open_key"), office.engine.begin() as db:
        db.execute(ticket.insert().values(**twin))
    office.desk.act(1, "close", "ann", outcome="cleaned")
    office.now += 1
    office.change("pending", "none -> warning")
    with pytest.raises(sa.exc.IntegrityError), office.engine.begin() as db:
        db.execute(ticket.update().where(ticket.c.number == 1).values(open_key=row["open_key"]))


def test_a_record_is_all_or_nothing(office: Office) -> None:
    good = make_change("pending", "none -> warning", NOON, DISK)
    bad = make_change("pending", "none -> warning", NOON, OTHER_DISK, values={"sectors": object()})
    with pytest.raises(TypeError):
        office.desk.record(7, [(good, DISK), (bad, OTHER_DISK)], [("disk", ("shop-07", "S3Z1"), b"{}")])
    assert office.all() == []
    assert (office.rows(verdict), office.rows(delivery), office.rows(timeline)) == ([], [], [])
    assert office.desk.judged_position() == 0
    assert office.desk.snapshots() == []


def test_snapshots_come_back_and_go(office: Office) -> None:
    key = ("shop-07", "S3Z1")
    office.desk.record(5, [], [("disk", key, b"one")])
    office.desk.record(6, [], [("disk", key, b"two"), ("device", ("shop-07", ""), b"three")])
    assert sorted(office.desk.snapshots()) == [("device", ("shop-07", ""), b"three"), ("disk", key, b"two")]
    office.desk.record(None, [], [("disk", key, None)])
    assert office.desk.snapshots() == [("device", ("shop-07", ""), b"three")]
    assert office.desk.judged_position() == 6


def test_push_is_woken_by_what_it_has_to_send_and_by_nothing_else(office: Office) -> None:
    woken: list[int] = []
    office.desk.wake_push = lambda: woken.append(len(office.rows(delivery)))
    office.desk.record(5, [], [])
    office.change("pending", "none -> watch")
    assert woken == []
    office.change("pending", "watch -> warning")
    office.desk.act(1, "start", "ann")
    office.desk.note(1, "ann", "hm")
    assert woken == [1, 2, 3], "each time after the commit"


def in_threads(works: list[Any]) -> list[Exception]:
    """Run all at once; return what was raised."""
    start = threading.Barrier(len(works))
    failed: list[Exception] = []

    def run(work: Any) -> None:
        start.wait()
        try:
            work()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_several_engineers_and_the_judge_at_once(office: Office) -> None:
    office.change("pending", "none -> warning")
    works: list[Any] = [
        lambda n=n: [office.desk.note(1, f"engineer {n}", f"note {i}") for i in range(10)] for n in range(4)
    ]
    works += [
        lambda n=n: [office.change(f"rule {n}.{i}", "none -> warning") for i in range(10)] for n in range(2)
    ]  # fmt: skip
    works += [lambda: [office.desk.ticket(1) for _ in range(50)]]
    assert in_threads(works) == []
    found = office.only()
    assert len([entry for entry in found.timeline if entry.kind == "note"]) == 40
    assert len(found.evidence) == 21
    assert len(office.rows(delivery)) == 41


def test_of_several_who_close_at_once_one_does(office: Office) -> None:
    office.change("pending", "none -> warning")
    failed = in_threads([lambda: office.desk.act(1, "close", "ann", outcome="cleaned") for _ in range(6)])
    assert len(failed) == 5
    assert {type(error) for error in failed} == {TicketError}
    assert [entry.text for entry in office.only().timeline].count("closed, cleaned") == 1


def test_reading_does_not_wait_for_who_writes(office: Office) -> None:
    office.change("pending", "none -> warning")
    with office.engine.begin() as db:
        db.execute(ticket.update().values(state="closed"))
        assert office.only().state == "open"
        assert office.desk.ticket_counts() == {"open": 1}


def test_a_ticket_is_what_the_api_promises(office: Office) -> None:
    office.change("pending", "none -> warning")
    found = office.only()
    assert msgspec.convert(msgspec.to_builtins(found), Ticket) == found


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is no database, " * 300, "not a database"), (b"SQLite format 3\0" + b"\xff" * 4096, "state.db")],
    ids=["text", "broken header"],
)
def test_a_state_file_that_is_garbage_is_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(StoreError) as refused:
        open_state(path)
    assert said in str(refused.value)
    assert f"restore {path} from a backup or move it away" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == content


def test_a_state_of_a_newer_forewarn_is_refused(office: Office, state_in: Path | Server) -> None:
    with office.engine.begin() as db:
        keeping.put_value(db, "schema_version", "99")
        keeping.put_value(db, "schema_oldest", "98")
    with pytest.raises(StoreError, match="written by a newer forewarn"):
        open_state(state_in)


def test_a_state_to_which_a_newer_forewarn_only_added_serves_the_older_one_too(
    office: Office, state_in: Path | Server
) -> None:
    with office.engine.begin() as db:
        keeping.put_value(db, "schema_version", "99")
        db.exec_driver_sql("ALTER TABLE ticket ADD COLUMN colour TEXT")
    office.engine.dispose()
    office.engine = open_state(state_in)
    office.change("pending", "none -> warning")
    with office.engine.connect() as db:
        assert keeping.value(db, "schema_version") == "99"
