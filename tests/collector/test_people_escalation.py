"""Who is told when nobody takes a ticket: the plan, then the loop on a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from forewarn_collector.directory import Whose
from forewarn_collector.people import history
from forewarn_collector.people.clocks import Moment
from forewarn_collector.people.duty import StandIn
from forewarn_collector.people.escalation import Reason, Situation, plan
from forewarn_collector.people.escalator import Escalator
from forewarn_collector.people.lookup import People
from forewarn_collector.people.reading import read_directory
from forewarn_collector.people.register import Register
from forewarn_collector.people.schema import DirectoryFile
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import ACKNOWLEDGED, IN_PROGRESS, OPEN, RESOLVED, WAITING
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind

FILE = read_directory(Path(__file__).resolve().parent.parent / "data" / "collector" / "directory.yaml")
PEOPLE = People(FILE)
MINUTE, HOUR = 60.0, 3600.0
START = 1_793_678_400.0
"""2026-11-03 04:00 UTC, noon in Shanghai; Li Wei is on call."""


def ticket(state: str = OPEN, severity: str = "critical", **more: Any) -> Ticket:
    known: dict[str, Any] = {
        "number": 1, "customer": "Acme", "site": "Store 12", "engineer": "Li Wei", "device": "acme-12-till",
        "device_serial": "D", "part_serial": "P", "fault": "disk-failure", "queue": "", "state": state,
        "severity": severity, "title": "t", "explanation": {}, "probability": None, "within_seconds": None,
        "opened_at": START, "recorded_at": START, "updated_at": START, "acknowledged_at": None, "resolved_at": None,
        "closed_at": None, "owner": "", "waiting_for": "", "outcome": None,
    }  # fmt: skip
    return Ticket(**known | more)


def told(
    minutes: float,
    moments: list[tuple[float, str, str]] | None = None,
    people: People = PEOPLE,
    taken: dict[float, set[str]] | None = None,
    stand_ins: tuple[StandIn, ...] = (),
    **more: Any,
) -> list[tuple[Reason, tuple[str, ...]]]:
    """``moments``: (minutes, state, severity) of the ticket's history."""
    past = [Moment(START + MINUTE * at, *rest) for at, *rest in moments or [(0, OPEN, "critical")]]
    about = ticket(past[-1].state, past[-1].severity, **more)
    situation = Situation(about, past, people, stand_ins, taken or {}, START + minutes * MINUTE)
    return [(one.reason, one.engineers) for one in plan(situation).now if one.reason is not Reason.DUE]


def test_steps_come_in_their_time_and_again() -> None:
    opened, second = (Reason.OPENED, ("Li Wei",)), (Reason.ESCALATED, ("Ann Smith",))
    third = (Reason.ESCALATED, ("Li Wei", "Joe Miller"))
    assert told(0) == [opened]
    assert told(14.9) == [opened]
    assert told(15) == [opened, second]
    assert told(59) == [opened, second, third]
    again = (Reason.ESCALATED, ("Li Wei",))
    assert told(60) == [opened, second, third, again]
    assert told(500) == [opened, second, third, again, second, third]


def test_what_was_done_is_not_done_again() -> None:
    assert told(15, taken={START: {"0.0"}}) == [(Reason.ESCALATED, ("Ann Smith",))]
    assert told(15, taken={START: {"0.0", "0.1"}}) == []
    assert told(15, taken={START - HOUR: {"0.0"}})[0] == (Reason.OPENED, ("Li Wei",)), "that was another time"


@pytest.mark.parametrize("state", [ACKNOWLEDGED, IN_PROGRESS, WAITING, RESOLVED])
def test_steps_stop_at_the_acknowledgement(state: str) -> None:
    assert told(600, [(0, OPEN, "critical"), (10, state, "critical")]) == []


def test_a_ticket_that_is_open_again_begins_anew() -> None:
    moments = [(0, OPEN, "critical"), (10, RESOLVED, "critical"), (100, OPEN, "critical")]
    assert told(105, moments) == [(Reason.OPENED, ("Li Wei",))]


def test_what_is_said_of_the_device_counts() -> None:
    assert told(0, device="acme-13-srv", site="Store 13") == [(Reason.OPENED, ("Joe Miller",))]
    assert told(15, device="acme-13-srv", site="Store 13")[1] == (Reason.ESCALATED, ("Li Wei",))


def test_without_an_escalation_the_responsible_is_told_at_once_and_without_one_who_is_on_call() -> None:
    assert told(500, customer="Globex", site="", device="gx-1") == [(Reason.OPENED, ("Li Wei",))]
    nobody = People(DirectoryFile())
    assert told(0, people=nobody, customer="Other", engineer="Pat") == [(Reason.OPENED, ("Pat",))]
    assert told(0, people=nobody, customer="Other", engineer="") == [(Reason.OPENED, ())]


def test_who_is_on_call_is_asked_when_the_step_is_due() -> None:
    stand_in = StandIn(1, "field-service", "Ann Smith", START, START + HOUR, "boss")
    assert told(30, stand_ins=(stand_in,))[2] == (Reason.ESCALATED, ("Ann Smith", "Joe Miller"))


def test_an_escalation_for_what_is_critical_begins_when_it_becomes_so() -> None:
    (standard,) = FILE.escalations
    only = msgspec.structs.replace(FILE, escalations=[msgspec.structs.replace(standard, levels=["critical"])])
    moments = [(0, OPEN, "warning"), (300, OPEN, "critical")]
    assert told(299, moments[:1], People(only)) == [(Reason.OPENED, ("Li Wei",))]
    assert told(314, moments, People(only)) == [(Reason.OPENED, ("Li Wei",))]
    assert told(315, moments, People(only))[1] == (Reason.ESCALATED, ("Ann Smith",))


def test_one_that_gets_worse_after_it_was_taken_is_told_to_who_took_it() -> None:
    moments = [(0, OPEN, "warning"), (5, ACKNOWLEDGED, "warning"), (90, ACKNOWLEDGED, "critical")]
    assert told(91, moments, owner="Joe Miller") == [(Reason.ROSE, ("Joe Miller",))]


def test_the_steps_of_a_customer_may_keep_its_calendar() -> None:
    (standard,) = FILE.escalations
    by_day = msgspec.structs.replace(standard, around_the_clock=False)
    people = People(msgspec.structs.replace(FILE, escalations=[by_day]))
    evening = [(6 * 60 - 5, OPEN, "critical")]
    assert len(told(6 * 60, evening, people)) == 1
    assert len(told(20 * 60, evening, people)) == 1, "the store is closed at night"
    assert len(told(21 * 60 + 11, evening, people)) == 2, "at 9:10 of the next day"


def clock_warnings(
    minutes: float, moments: list[tuple[float, str, str]], **more: Any
) -> list[tuple[str, tuple[str, ...]]]:
    past = [Moment(START + MINUTE * at, *rest) for at, *rest in moments]
    situation = Situation(ticket(past[-1].state, **more), past, PEOPLE, (), {}, START + minutes * MINUTE)
    return [(one.step, one.engineers) for one in plan(situation).now if one.reason is Reason.DUE]


def test_a_clock_that_runs_out_is_told_before_and_when_it_has() -> None:
    taken = [(0.0, OPEN, "critical"), (10.0, ACKNOWLEDGED, "critical")]
    assert clock_warnings(20, [(0, OPEN, "critical")]) == []
    assert clock_warnings(23, [(0, OPEN, "critical")]) == [("respond soon", ("Li Wei",))]
    assert clock_warnings(31, [(0, OPEN, "critical")]) == [("respond over", ("Li Wei", "Ann Smith"))]
    assert clock_warnings(181, taken, owner="Joe Miller") == [("resolve soon", ("Joe Miller",))]
    assert clock_warnings(241, taken, owner="Joe Miller") == [("resolve over", ("Joe Miller", "Ann Smith"))]
    waiting = [*taken, (20.0, WAITING, "critical")]
    assert clock_warnings(600, waiting, owner="Joe Miller") == []


# The loop


class Office:
    """Desk, register and loop on one database; what would be told is kept."""

    def __init__(self, path: Path | Server) -> None:
        self.now = START
        self.engine = open_state(path)
        self.desk = Desk(self.engine, [], lambda: self.now)
        self.desk.announcer.hearers.append(history.hear)
        self.register = Register(self.engine, lambda: self.now)
        self.told: list[tuple[int, str, str, bool]] = []
        self.broken = False
        self.escalator = Escalator(self.engine, self.register, self.tell, lambda: self.now)

    def tell(self, _db: Any, about: Ticket, engineer: str, reason: Reason, urgent: bool, _text: str) -> None:
        if self.broken:
            raise sa.exc.OperationalError("statement", {}, Exception("the disk is full"))
        self.told.append((about.number, engineer, str(reason), urgent))

    def open_ticket(self, part: str = "P", level: str = "critical") -> int:
        change = Change(
            at=self.now, kind=Kind.DISK, key=("acme-12-till", part), rule="r", fault="disk-failure", before="none",
            after=level, text="broken", title="A disk", status="stable", values={}, labels={}, why="", do=(),
            calm_when=(), forecast=None, queue="",
        )  # fmt: skip
        whose = self.register.whose("acme-12-till") or Whose("Acme", "Store 12", "Li Wei")
        self.desk.record(None, [(change, Part("acme-12-till", "D", part, whose))], [])
        return max(one.number for one in self.desk.tickets())

    def after(self, minutes: float) -> list[tuple[int, str, str, bool]]:
        self.now, self.told = START + minutes * MINUTE, []
        self.escalator.step()
        return self.told


@pytest.fixture
def office(state_in: Path | Server) -> Iterator[Office]:
    made = Office(state_in)
    made.register.apply(FILE, "boss")
    yield made
    made.engine.dispose()


def test_the_loop_tells_each_step_once_and_writes_it_down(office: Office) -> None:
    number = office.open_ticket()
    assert office.after(0) == [(number, "Li Wei", "opened", True)]
    assert office.after(1) == office.after(14) == []
    assert office.after(15) == [(number, "Ann Smith", "escalated", True)]
    office.desk.act(number, "acknowledge", "Ann Smith")
    assert office.after(120) == []
    notes = [(entry.kind, entry.visibility, entry.text) for entry in office.desk.ticket(number).timeline]
    assert ("notify", "internal", "told Li Wei: step 1: primary") in notes
    assert ("notify", "internal", "told Ann Smith: step 2: backup") in notes


def test_a_restart_tells_nothing_twice(office: Office, state_in: Path | Server) -> None:
    number = office.open_ticket()
    office.after(0)
    again = Office(state_in)
    assert again.after(1) == []
    assert again.after(16) == [(number, "Ann Smith", "escalated", True)]
    again.engine.dispose()


def test_what_could_not_be_written_is_told_at_the_next_turn(office: Office) -> None:
    number = office.open_ticket()
    office.broken = True
    with pytest.raises(sa.exc.OperationalError):
        office.after(0)
    office.broken = False
    assert office.after(1) == [(number, "Li Wei", "opened", True)]


def test_another_directory_counts_from_its_application_on(office: Office) -> None:
    number = office.open_ticket()
    office.after(0)
    (standard,) = FILE.escalations
    steps = [*standard.steps[:1], msgspec.structs.replace(standard.steps[1], tell=["Joe Miller"])]
    other = msgspec.structs.replace(FILE, escalations=[msgspec.structs.replace(standard, steps=steps)])
    office.register.apply(other, "boss", base=1)
    assert office.after(15) == [(number, "Joe Miller", "escalated", True)]


def test_last_month_s_tickets_do_not_ring(office: Office) -> None:
    number = office.open_ticket()
    assert office.after(60 * 24 * 30) == []
    assert office.after(60 * 24 * 30 + 1) == []
    assert not [entry for entry in office.desk.ticket(number).timeline if entry.kind == "notify"]


def test_a_ticket_of_which_nothing_is_due_any_more_is_not_read_again(office: Office) -> None:
    office.register.apply(DirectoryFile(), "boss")
    office.open_ticket()
    assert len(office.after(0)) == 1
    asked: list[str] = []
    sa.event.listen(office.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert office.after(1e6) == []
    assert not [statement for statement in asked if "explanation" in statement]
    office.desk.note(1, "Ann Smith", "a change")
    asked.clear()
    office.after(1e6)
    assert [statement for statement in asked if "explanation" in statement]


def test_the_history_of_a_ticket_is_what_it_went_through(office: Office) -> None:
    number = office.open_ticket(level="warning")
    for minutes, action, more in ((5, "acknowledge", {}), (9, "wait", {"waiting_for": "part"}), (40, "resolve", {})):
        office.now = START + minutes * MINUTE
        office.desk.act(number, action, "Li Wei", **more)
    with office.engine.connect() as db:
        found = history.histories(db, office.desk.tickets(states=[RESOLVED]))[number]
    assert [(moment.at - START, moment.state) for moment in found] == [
        (0, OPEN), (300, ACKNOWLEDGED), (540, WAITING), (2400, RESOLVED),
    ]  # fmt: skip


def test_a_ticket_from_before_there_was_a_history_tells_what_it_knows() -> None:
    old = ticket(RESOLVED, acknowledged_at=START + 60, resolved_at=START + 600)
    assert history.completed(old, []) == [
        Moment(START, OPEN, "critical"), Moment(START + 60, ACKNOWLEDGED, "critical"),
        Moment(START + 600, RESOLVED, "critical"),
    ]  # fmt: skip
    later = Moment(START + 900, IN_PROGRESS, "critical")
    assert history.completed(ticket(IN_PROGRESS), [later]) == [Moment(START, OPEN, "critical"), later]
