"""A month of service at speed: three customers, sixty stores, five engineers. Clocks, escalations, ratings and the
quality report are compared with a count that is made here by other means: minute by minute, from the same plan."""

import itertools
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from forewarn_collector.directory import Whose
from forewarn_collector.people import history
from forewarn_collector.people.escalation import Reason
from forewarn_collector.people.escalator import Escalator
from forewarn_collector.people.reading import check_directory
from forewarn_collector.people.register import Register
from forewarn_collector.people.schema import (
    Calendar,
    Customer,
    Devices,
    DirectoryFile,
    Engineer,
    Escalation,
    Hours,
    Responsible,
    Schedule,
    Shift,
    Site,
    Sla,
    Step,
    Targets,
)
from forewarn_collector.people.service_levels import ServiceLevels
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets import reported
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.quality import Quality, QualityReport, report
from forewarn_collector.tickets.ratings import Ratings
from forewarn_collector.tickets.served import served
from forewarn_rules import Change, Kind

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
TICK = 30
"""Minutes."""
ENGINEERS = ("Ann", "Bob", "Chen", "Dai", "Eve")
ZONES = {"Acme": "Asia/Shanghai", "Globex": "Europe/Berlin", "Initech": "UTC"}
OPENS = {"Acme": (9, 21), "Globex": (8, 18)}
"""Open hours by the wall, Monday to Saturday; Initech never closes."""
HOLIDAYS = {date(2026, 10, 1), date(2026, 10, 2)}
RESPOND = {"critical": 60, "warning": 240}
RESOLVE = {"critical": 480, "warning": 1_440}
OUTCOMES = ("replaced-in-time", "failed", "cleaned", "configuration", "could-not-reproduce", "false-alarm")
STEPS = (0, 60, 120)
"""Minutes after which primary, backup and Eve are told, around the clock."""


class Planned(NamedTuple):
    """One fault and what is done about it. Times are minutes from the first of October, UTC."""

    name: str
    customer: str
    store: int
    severity: str
    by_customer: bool
    opened: int
    acknowledged: int | None
    waits: tuple[int, int] | None
    resolved: int
    closed: int | None
    outcome: str
    stars: int | None
    again_of: str | None = None

    @property
    def engineer(self) -> str:
        return ENGINEERS[self.store % 5]


def planned() -> list[Planned]:
    found = []
    for n in range(90):
        opened = n * 480 + n * 7 % 16 * TICK
        by_itself = n % 11 == 10
        acknowledged = None if by_itself else opened + (30, 60, 90, 120, 150, 600, 1_500)[n % 7]
        begun = opened if acknowledged is None else acknowledged
        waits = (begun + 60, begun + 60 + 300) if n % 4 == 0 and not by_itself else None
        resolved = begun + 420 + (120, 240, 720, 1_440, 2_880)[n % 5]
        closed = None if by_itself else resolved + 60
        outcome = "condition-cleared" if by_itself else OUTCOMES[n % 6]
        stars = None if by_itself or n % 5 else 1 + n // 5 % 5
        severity = "critical" if n % 4 == 1 else "warning"
        one = Planned(
            f"fault-{n}", list(ZONES)[n % 3], n // 3 % 20, severity, n % 9 == 4 and not by_itself, opened,
            acknowledged, waits, resolved, closed, outcome, stars,
        )  # fmt: skip
        found.append(one)
        if n % 13 == 12 and closed is not None and not one.by_customer:
            back = closed + 2 * 1_440
            again: dict[str, Any] = {
                "name": f"{one.name} again", "opened": back, "acknowledged": back + 30, "waits": None,
                "resolved": back + 90, "closed": back + 150, "outcome": "cleaned", "stars": None, "again_of": one.name,
            }  # fmt: skip
            found.append(one._replace(**again))
    return found


def directory() -> DirectoryFile:
    week: Any = ["mon", "tue", "wed", "thu", "fri", "sat"]
    customers = [
        Customer(
            name=name, time_zone=zone, calendar=name if name in OPENS else "", sla="gold", escalation="standard",
            on_call="field",
            sites=[
                Site(
                    name=f"Store {store}", devices=[Devices(names=[f"{name.lower()}-{store}-*"])],
                    responsible=Responsible(primary=ENGINEERS[store % 5], backup=ENGINEERS[(store + 1) % 5]),
                )
                for store in range(20)
            ],
        )
        for name, zone in ZONES.items()
    ]  # fmt: skip
    calendars = [
        Calendar(
            name=name, open=[Hours(days=week, opens=f"{opens:02}:00", closes=f"{closes:02}:00")],
            holidays=sorted(HOLIDAYS),
        )
        for name, (opens, closes) in OPENS.items()
    ]  # fmt: skip
    promised = {
        level: Targets(respond=f"{RESPOND[level]}m", resolve=f"{RESOLVE[level]}m") for level in ("critical", "warning")
    }
    steps = [
        Step(tell=["primary"]), Step(after=f"{STEPS[1]}m", tell=["backup"]), Step(after=f"{STEPS[2]}m", tell=["Eve"])
    ]  # fmt: skip
    ann = Shift(engineer="Ann", start="2026-09-01 00:00", end="2027-01-01 00:00")
    file = DirectoryFile(
        customers=customers, engineers=[Engineer(name=name) for name in ENGINEERS], calendars=calendars,
        slas=[Sla(name="gold", **promised)], escalations=[Escalation(name="standard", steps=steps)],
        on_call=[Schedule(name="field", shifts=[ann])],
    )  # fmt: skip
    check_directory(file)
    return file


class Month:
    """Plays the plan: what is due at a tick happens, then the escalator looks."""

    def __init__(self, path: Path) -> None:
        self.now = OCTOBER
        self.engine = open_state(path)
        register = Register(self.engine, lambda: self.now)
        register.apply(directory(), "ann")
        self.desk = Desk(self.engine, [], lambda: self.now)
        self.desk.announcer.hearers.append(history.hear)
        self.told: list[tuple[int, Reason, str]] = []
        self.escalator = Escalator(self.engine, register, self._tell, lambda: self.now)
        self.levels = ServiceLevels(self.engine, register, lambda: self.now)
        self.ratings = Ratings(self.engine, self.desk.announcer, lambda: self.now, 30 * DAY)
        self.numbers: dict[str, int] = {}

    def _tell(self, db: sa.Connection, ticket: Ticket, engineer: str, reason: Reason, urgent: bool, text: str) -> None:
        self.told.append((ticket.number, reason, engineer))

    def play(self, plan: list[Planned]) -> None:
        events: list[tuple[int, int, Planned, str]] = []
        for one in plan:
            waits = one.waits or (None, None)
            times = (one.opened, one.acknowledged, *waits, one.resolved, one.closed)
            for order, (at, what) in enumerate(
                zip(times, ("open", "ack", "wait", "go", "resolve", "close"), strict=True)
            ):
                if at is not None:
                    events.append((at, order, one, what))
        events.sort(key=lambda event: event[:2])
        last = events[-1][0]
        for minute in range(0, last + TICK, TICK):
            self.now = OCTOBER + minute * MINUTE
            while events and events[0][0] <= minute:
                _, _, one, what = events.pop(0)
                self.happen(one, what)
            self.escalator.step()

    def happen(self, one: Planned, what: str) -> None:
        if what == "open":
            self.open(one)
            return
        number = self.numbers[one.name]
        if what == "resolve" and one.closed is None:
            self.change(one, one.severity, "none")
        elif what == "close":
            self.desk.act(number, "close", one.engineer, outcome=one.outcome)
            if one.stars is not None:
                self.ratings.rate(self.ratings.make_link(number, one.engineer).code, one.stars, "")
        else:
            actions = {"ack": "acknowledge", "wait": "wait", "go": "start", "resolve": "resolve"}
            how: Any = {"waiting_for": "part"} if what == "wait" else {}
            self.desk.act(number, actions[what], one.engineer, **how)

    def open(self, one: Planned) -> None:
        if not one.by_customer:
            self.change(one, "none", one.severity)
            newest = max(self.desk.tickets(device=self.part(one).device, limit=1_000), key=lambda found: found.number)
            self.numbers[one.name] = newest.number
            return
        wanted = reported.Report(one.name, "", one.severity, "other", "customer")
        with self.engine.begin() as db:
            number, new = reported.open_ticket(db, self.desk.announcer, self.part(one), wanted, one.engineer, self.now)
        assert new
        self.numbers[one.name] = number

    def change(self, one: Planned, before: str, after: str) -> None:
        part = self.part(one)
        change = Change(
            rule="pending", title="Sectors wait", kind=Kind.DISK, key=(part.device, part.part_serial), labels={},
            at=self.now, before=before, after=after, text=f"{before} -> {after}", why="", do=(), calm_when=(),
            values={}, forecast=None, fault="disk-failure", queue="", status="stable", ticket_kind="fact",
        )  # fmt: skip
        self.desk.record(None, [(change, part)], [])

    def part(self, one: Planned) -> Part:
        device = f"{one.customer.lower()}-{one.store}-till"
        disk = one.again_of or one.name
        return Part(device, f"MB {device}", disk, Whose(one.customer, f"Store {one.store}", one.engineer))


@pytest.fixture(scope="module")
def plan() -> list[Planned]:
    return planned()


@pytest.fixture(scope="module")
def month(plan: list[Planned], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    found = Month(tmp_path_factory.mktemp("month") / "state.db")
    found.play(plan)
    yield found
    found.engine.dispose()


def test_the_plan_is_worth_playing(plan: list[Planned]) -> None:
    assert len({(one.customer, one.store) for one in plan}) == 60
    assert {one.engineer for one in plan} == set(ENGINEERS)
    assert {one.outcome for one in plan} == {*OUTCOMES, "condition-cleared"}
    assert len([one for one in plan if one.again_of]) > 3
    assert len([one for one in plan if one.by_customer]) > 5


# Clocks, counted minute by minute


def is_open(customer: str, minute: int) -> bool:
    if customer not in OPENS:
        return True
    local = datetime.fromtimestamp(OCTOBER + minute * MINUTE, ZoneInfo(ZONES[customer]))
    opens, closes = OPENS[customer]
    return local.weekday() < 6 and local.date() not in HOLIDAYS and opens <= local.hour < closes


def counts(one: Planned, minute: int, waits: tuple[int, int] | None) -> bool:
    return not (waits and waits[0] <= minute < waits[1]) and is_open(one.customer, minute)


def test_every_clock_is_met_or_missed_as_counted_minute_by_minute(month: Month, plan: list[Planned]) -> None:
    tickets = {ticket.number: ticket for ticket in month.desk.tickets(limit=1_000)}
    found = month.levels.clocks_of(list(tickets.values()))
    seen: Counter[tuple[str, str]] = Counter()
    for one in plan:
        respond, resolve = found[month.numbers[one.name]]
        taken = one.resolved if one.acknowledged is None else one.acknowledged
        for clock, until, promised, waits in (
            (respond, taken, RESPOND[one.severity], None),
            (resolve, one.resolved, RESOLVE[one.severity], one.waits),
        ):
            running = (minute for minute in itertools.count(one.opened) if counts(one, minute, waits))
            due = next(itertools.islice(running, promised - 1, None)) + 1
            used = len([minute for minute in range(one.opened, until) if counts(one, minute, waits)])
            expected = ("missed" if until > due else "met", OCTOBER + due * MINUTE, OCTOBER + until * MINUTE)
            assert (clock.state, clock.due_at, clock.stopped_at) == expected, (one, clock)
            assert clock.left_seconds == pytest.approx((promised - used) * MINUTE), (one, clock)
            seen[clock.kind, clock.state] += 1
    assert min(seen.values()) > 5, "both kinds are met and missed"
    assert len(seen) == 4


# Escalations


def test_every_step_was_taken_until_somebody_took_the_ticket(month: Month, plan: list[Planned]) -> None:
    expected: Counter[tuple[int, str]] = Counter()
    for one in plan:
        until = one.resolved if one.acknowledged is None else one.acknowledged
        who = (one.engineer, ENGINEERS[(one.store + 1) % 5], "Eve")
        for after, engineer in zip(STEPS, who, strict=True):
            if one.opened + after < until:
                expected[month.numbers[one.name], engineer] += 1
    told = Counter((number, who) for number, reason, who in month.told if reason in (Reason.OPENED, Reason.ESCALATED))
    assert told == expected
    assert len(month.told) > sum(expected.values()), "clocks that run out are told of too"


# The report


def by_hand(who: str, plan: list[Planned], stories: dict[str, str]) -> Quality:
    """``stories``: a fault that came back, and as what."""
    ended = [one for one in plan if one.resolved * MINUTE + OCTOBER < NOVEMBER]
    opened = [one for one in plan if one.opened * MINUTE + OCTOBER < NOVEMBER]
    real = [one for one in ended if one.outcome in ("failed", "replaced-in-time", "cleaned", "configuration")]
    prevented = [one for one in real if not one.by_customer and one.outcome != "failed"]
    fixed = [one for one in real if one.name not in stories]
    taken = [one for one in ended if one.acknowledged is not None]
    stars = [one.stars for one in ended if one.stars is not None]
    return Quality(
        who=who,
        opened=len(opened),
        found_by_us=len([one for one in opened if not one.by_customer]),
        reported_by_customer=len([one for one in opened if one.by_customer]),
        ended=len(ended),
        prevented=len(prevented) / len(real) if real else None,
        first_time_fix=len(fixed) / len(real) if real else None,
        seconds_to_acknowledge=statistics.median([(o.acknowledged or 0) - o.opened for o in taken]) * MINUTE,
        seconds_to_resolve=statistics.median([one.resolved - one.opened for one in taken]) * MINUTE,
        ratings=len(stars),
        stars=sum(stars) / len(stars) if stars else None,
    )


@pytest.fixture(scope="module")
def counted_report(month: Month) -> QualityReport:
    with month.engine.connect() as db:
        return report(served(db, NOVEMBER), "2026-10", "UTC")


def test_the_quality_report_is_as_counted_by_hand(counted_report: QualityReport, plan: list[Planned]) -> None:
    stories = {one.again_of: one.name for one in plan if one.again_of}
    assert counted_report.total == by_hand("all", plan, stories)
    assert counted_report.total.ratings > 10
    for name, rows, of in (
        ("customer", counted_report.customers, sorted(ZONES)), ("engineer", counted_report.engineers, ENGINEERS)
    ):  # fmt: skip
        expected = [by_hand(who, [one for one in plan if getattr(one, name) == who], stories) for who in of]
        assert rows == expected


def test_a_fault_that_came_back_follows_the_ticket_that_it_had(month: Month, plan: list[Planned]) -> None:
    for one in plan:
        if one.again_of:
            ticket = month.desk.ticket(month.numbers[one.name])
            assert ticket.follows == month.numbers[one.again_of]
