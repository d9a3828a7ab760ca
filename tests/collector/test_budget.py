"""The ticket budget: the decisions, the watch list at the desk on a real database, and the command line."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.config_tickets import Tickets
from forewarn_collector.directory import Whose
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.budget import LEAST, MONTH_SECONDS, allowance, decide, next_free
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import NoTicket
from forewarn_collector.tickets.model import Watched
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change, Kind
from forewarn_rules.model import Forecast

DAY = 86_400.0
NOON = 1_780_000_000.0


class Office:
    """A desk with a budget, whose clock is set by the test; every disk is a serial number on one machine."""

    def __init__(self, path: Path | Server, allowed: int | None) -> None:
        self.path = path
        self.allowed = allowed
        self.now = NOON
        self.restart()

    def restart(self) -> None:
        self.engine = open_state(self.path)
        self.desk = Desk(self.engine, ["desk"], lambda: self.now, lambda: self.allowed)

    def say(self, serial: str, levels: str = "none -> warning", likely: float | None = 0.1, **more: Any) -> None:
        before, after = levels.split(" -> ")
        forecast = None if likely is None else Forecast(likely, 30 * DAY, "Backblaze")
        defaults: dict[str, Any] = {"rule": "pending", "fault": "disk-failure", "forecast": forecast}
        change = Change(
            title="Sectors wait", kind=Kind.DISK, key=("shop-07", serial), labels={}, at=self.now, before=before,
            after=after, text=f"{before} -> {after}", why="", do=(), calm_when=(), values={"left": float("inf")},
            queue="storage", status="stable", **(defaults | more),
        )  # fmt: skip
        self.desk.record(1, [(change, part(serial))], [])

    def step(self) -> None:
        """The judge comes by and nothing has changed."""
        self.desk.record(2, [], [])

    def tickets(self) -> list[str]:
        return [found.part_serial for found in sorted(self.desk.tickets(), key=lambda one: one.number)]

    def waiting(self) -> list[str]:
        return [item.part_serial for item in self.items()]

    def items(self) -> list[Watched]:
        return self.desk.watch_list().items


def part(serial: str) -> Part:
    return Part("shop-07", "MB-1", serial, Whose("Acme", "Store 12", "Li Wei", ("till",)))


@pytest.fixture
def make_office(state_in: Path | Server) -> Iterator[Callable[[int | None], Office]]:
    made: list[Office] = []

    def make(allowed: int | None) -> Office:
        made.append(Office(state_in, allowed))
        return made[-1]

    yield make
    for office in made:
        office.engine.dispose()


@pytest.mark.parametrize(
    ("per_1000", "devices", "allowed"),
    [(None, 5, None), (0, 5000, 0), (20, 0, LEAST), (20, 5, LEAST), (0.1, 900, LEAST), (20, 5050, 101), (8, 5000, 40)],
)
def test_a_share_of_a_small_fleet_does_not_round_to_nothing(
    per_1000: float | None, devices: int, allowed: int | None
) -> None:
    assert allowance(per_1000, devices) == allowed


@pytest.mark.parametrize(
    ("kind", "level", "probability", "used", "allowed", "opens"),
    [
        ("fact", "warning", 0.9, 9, 3, True),
        ("prediction", "critical", None, 9, 3, True),
        ("prediction", "critical", 0.3, 9, 3, False),
        ("prediction", "critical", 0.3, 2, 3, True),
        ("prediction", "warning", None, 9, None, True),
        ("prediction", "warning", None, 2, 3, True),
        ("prediction", "warning", None, 3, 3, False),
        ("prediction", "warning", 0.9, 0, 0, False),
    ],
)
def test_what_may_not_come_is_held_back(
    kind: str, level: str, probability: float | None, used: int, allowed: int | None, opens: bool
) -> None:
    assert decide(kind, level, probability, used, allowed).open is opens


def test_when_the_next_is_free() -> None:
    assert next_free([1.0, 2.0, 3.0], 4) is None
    assert next_free([3.0, 1.0, 2.0], 3) == 1.0 + MONTH_SECONDS
    assert next_free([1.0, 2.0, 3.0], 2) == 2.0 + MONTH_SECONDS
    assert next_free([], 0) is None


def test_what_the_budget_has_no_room_for_waits_ranked(make_office: Callable[[int | None], Office]) -> None:
    office = make_office(1)
    office.say("A")
    office.say("unknown", likely=None)
    office.say("low", likely=0.1)
    office.say("high", likely=0.4)
    office.now += 1
    office.say("low-later", likely=0.1)
    assert office.tickets() == ["A"]
    assert office.waiting() == ["high", "low", "low-later", "unknown"]
    found = office.desk.watch_list()
    assert found.items[0].reason == "all 1 predictive tickets of a month are used"
    assert (found.budget.used, found.budget.allowed, found.budget.waiting) == (1, 1, 4)
    assert found.budget.next_free_at == NOON + MONTH_SECONDS


def test_the_top_of_the_list_becomes_a_ticket_when_the_budget_has_room(
    make_office: Callable[[int | None], Office],
) -> None:
    office = make_office(1)
    office.say("A")
    office.say("low", likely=0.1)
    office.say("high", likely=0.4)
    office.engine.dispose()
    office.restart()
    office.now = NOON + MONTH_SECONDS - 1
    office.step()
    assert office.tickets() == ["A"]
    office.now += 1
    office.step()
    assert (office.tickets(), office.waiting()) == (["A", "high"], ["low"])
    (opened,) = [ticket for ticket in office.desk.tickets() if ticket.part_serial == "high"]
    assert (opened.opened_at, opened.probability) == (NOON, 0.4)
    office.allowed = None
    office.step()
    assert (office.tickets(), office.waiting()) == (["A", "high", "low"], [])


def test_what_clears_or_is_replaced_leaves_the_list(make_office: Callable[[int | None], Office]) -> None:
    office = make_office(0)
    office.say("A")
    office.say("B")
    office.say("A", "warning -> none")
    assert office.waiting() == ["B"]
    office.desk.replaced(part("B"), NOON, "another disk")
    assert office.waiting() == []
    office.allowed = None
    office.step()
    assert office.tickets() == []


@pytest.mark.parametrize(
    "arrives",
    [{"levels": "warning -> critical", "likely": None}, {"rule": "self-test", "ticket_kind": "fact"}],
    ids=["critical", "a hard fact"],
)
def test_what_cannot_wait_takes_what_waits_along(
    make_office: Callable[[int | None], Office], arrives: dict[str, Any]
) -> None:
    office = make_office(0)
    office.say("A")
    office.say("A", rule="reallocated")
    assert [item.rules for item in office.items()] == [["pending", "reallocated"]]
    office.say("A", **arrives)
    assert (office.tickets(), office.waiting()) == (["A"], [])
    (ticket,) = office.desk.tickets()
    rules = {item.rule for item in office.desk.ticket(ticket.number).evidence}
    assert rules == {"pending", "reallocated", str(arrives.get("rule", "pending"))}


def test_a_fact_uses_nothing_of_the_budget(make_office: Callable[[int | None], Office]) -> None:
    office = make_office(1)
    office.say("A", ticket_kind="fact")
    office.say("B")
    assert (office.tickets(), office.desk.budget().used) == (["A", "B"], 1)


def test_an_engineer_opens_one(make_office: Callable[[int | None], Office]) -> None:
    office = make_office(0)
    office.say("A")
    number = office.items()[0].number
    opened = office.desk.open_watched(number, "ann")
    assert (opened.part_serial, opened.timeline[-1].actor) == ("A", "ann")
    assert (office.tickets(), office.waiting(), office.desk.budget().used) == (["A"], [], 1)
    for wrong in (number, 2**70, -(2**70)):
        with pytest.raises(NoTicket, match=f"nothing on the watch list has the number {wrong}"):
            office.desk.open_watched(wrong, "ann")


@settings(max_examples=15, deadline=None)
@given(
    allowed=st.integers(0, 3),
    days=st.lists(st.tuples(st.floats(0.0, 12.0), st.sampled_from(["rise", "clear", "nothing"])), max_size=25),
)
def test_in_no_month_are_more_opened_than_the_budget_allows(
    tmp_path_factory: pytest.TempPathFactory, allowed: int, days: list[tuple[float, str]]
) -> None:
    office = Office(tmp_path_factory.mktemp("budget") / "state.db", allowed)
    raised: list[str] = []
    serials = (f"S{n}" for n in itertools.count())
    for pause, what in days:
        office.now += pause * DAY
        if what == "rise":
            raised.append(next(serials))
            office.say(raised[-1])
        elif what == "clear" and raised:
            office.say(raised.pop(0), "warning -> none")
        else:
            office.step()
        live = {ticket.part_serial for ticket in office.desk.tickets(states=("open",))}
        assert live | set(office.waiting()) == set(raised), "none is lost"
    recorded = sorted(ticket.recorded_at for ticket in office.desk.tickets())
    office.engine.dispose()
    for first in recorded:
        assert sum(first <= at < first + MONTH_SECONDS for at in recorded) <= allowed


def test_the_watch_list_on_the_command_line(make_running: Callable[..., Any]) -> None:
    config = Config(
        listen=Listen(port=0), api=Api(port=0), tickets=Tickets(budget_per_1000_devices_a_month=0)
    )  # fmt: skip
    running = make_running(config)
    office_desk: Desk = running.collector.desk

    def ask(*words: str) -> Any:
        result = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"}).invoke(
            forewarn, ["--data", str(running.data), *words]
        )
        assert result.exit_code in (0, 1), result.output
        assert "--json" in words or all(len(line) <= 80 for line in result.output.splitlines())
        return result

    assert "nothing waits" in ask("watch").stdout
    change = Change(
        rule="ata-pending-sectors", title="Sectors cannot be read and wait", kind=Kind.DISK, key=("shop-07", "S3Z1"),
        labels={}, at=running.collector.clock.now() - 2 * DAY, before="none", after="warning", text="8 sectors", why="",
        do=(), calm_when=(), values={}, forecast=Forecast(0.12, 30 * DAY, "Backblaze"), fault="disk-failure",
        queue="storage", status="stable",
    )  # fmt: skip
    office_desk.record(None, [(change, part("S3Z1"))], [])
    shown = ask("watch").stdout
    for wanted in ("shop-07", "S3Z1", "12%", "2 d", "the budget allows no predictive tickets"):
        assert wanted in shown
    (item,) = json.loads(ask("watch", "--json").stdout)["items"]
    assert "0 of 0 predictive tickets a month used, 1 on the watch list" in " ".join(ask("status").stdout.split())
    assert "nothing on the watch list has the number 99" in ask("watch", "open", "99").stderr
    assert ask("watch", "open", str(item["number"])).stdout.startswith("ticket 1: ")
    assert json.loads(ask("tickets", "--json").stdout)[0]["part_serial"] == "S3Z1"
    assert json.loads(ask("status", "--json").stdout)["budget"] == {
        "allowed": 0, "used": 1, "next_free_at": None, "waiting": 0
    }  # fmt: skip
