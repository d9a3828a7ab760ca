"""Two collectors on one PostgreSQL: what each answers about devices that the other one judges."""

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from servers.postgresql import PostgreSQL

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.config_store import SharedJournal, State, Store
from forewarn_collector.orders.model import State as OrderState
from forewarn_collector.people.schema import Customer, Devices, DirectoryFile
from forewarn_collector.store.postgres_tables import SHARES, share_of
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import Docket, Overtaken
from forewarn_rules import Kind
from forewarn_wire import Answer, Command, CommandOrder, Disk, ReplyReport, SmartReport, encode, up_topic

PATIENCE = 60.0
DISK = "S-1"
NAMES = map("shop-{:03}".format, itertools.count())


class Two(NamedTuple):
    """``mine``: a device that the first one judges, ``theirs`` one that the other one judges."""

    one: Any
    other: Any
    mine: str
    theirs: str


@pytest.fixture(scope="module")
def pair(
    postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory, start_collector: Callable[..., Any]
) -> Iterator[tuple[Any, Any]]:
    database = postgresql.fresh()
    directory = tmp_path_factory.mktemp("two")
    password = directory / "password"
    password.write_text(database.password)
    password.chmod(0o600)

    def start(name: str) -> Any:
        journal = SharedJournal(url=database.url, password_file=str(password), name=name)
        store = Store(journal=journal, state=State(url=database.url, password_file=str(password)))
        return start_collector(directory / name, Config(listen=Listen(port=0), api=Api(port=0), store=store))

    one, other = start("collector-a"), start("collector-b")
    yield one, other
    for running in (one, other):
        running.stop()


@pytest.fixture
def two(pair: tuple[Any, Any], wait_for: Callable[..., Any]) -> Two:
    """With devices that no other test has."""
    one, other = pair
    for running in pair:
        team = running.collector.team
        wait_for(lambda team=team: [len(member.shares) for member in team.members] == [SHARES // 2] * 2, PATIENCE)

    def next_of(running: Any) -> str:
        return next(name for name in NAMES if running.collector.judge.holds(name))

    return Two(one, other, next_of(one), next_of(other))


def failing(device: str, seq: int = 1) -> bytes:
    disk = Disk(slot="/dev/sda", serial=DISK)
    at = time.time()
    return encode(
        SmartReport(device=device, boot="b1", seq=seq, sampled_at=at, disk=disk, outcome="measured", passed=False)
    )


def send(two: Two, make_device: Callable[..., Any], device: str, status: Callable[..., bytes]) -> Any:
    """Through the first collector's door, whoever judges it."""
    client = make_device(two.one.port, device)
    assert client.connect().reason_code == 0
    assert client.publish(up_topic(device, "status"), status(device)).reason_code == 0
    assert client.publish(up_topic(device, "smart"), failing(device)).reason_code == 0
    return client


def test_each_answers_about_the_whole_fleet_and_names_who_judges(
    two: Two, make_device: Callable[..., Any], status_payload: Callable[..., bytes], wait_for: Callable[..., Any]
) -> None:
    send(two, make_device, two.theirs, status_payload)
    for running in (two.one, two.other):
        desk = running.collector.desk
        wait_for(lambda desk=desk: len(desk.tickets(device=two.theirs)) == 1, PATIENCE)
        fleet = running.collector.fleet
        wait_for(lambda fleet=fleet: ("critical", two.theirs) in [(x.level, x.name) for x in fleet.lines()], PATIENCE)
        view = fleet.device(two.theirs)
        assert [s.rule for s in view.standing if s.level == "critical"] == ["drive-reports-failed"]
    asked = ["--data", str(two.one.data), "rules", "explain", "drive-reports-failed", "--device", two.theirs]
    result = CliRunner().invoke(forewarn, asked)
    assert result.exit_code == 1
    assert f"{two.theirs} is judged by collector collector-b ({two.other.collector.api.public_url})" in result.stderr
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(forewarn, ["--data", str(two.one.data), "status"]).stdout
    assert f"judges 8 of {SHARES} shares of the fleet" in shown
    assert shown.count("does what is scheduled") == 1
    assert two.one.collector.health().judged_position <= two.one.collector.health().position


def test_an_answer_that_comes_in_by_the_other_collector_is_taken(
    two: Two, make_device: Callable[..., Any], status_payload: Callable[..., bytes], wait_for: Callable[..., Any]
) -> None:
    client = send(two, make_device, two.theirs, status_payload)
    book = two.other.collector.orders._book
    order = CommandOrder(id="0123456789ab", command=Command.PROBE_NOW, expires_at=time.time() + 600)
    book.add_command(two.theirs, order, "Ann", time.time())
    reply = ReplyReport(
        device=two.theirs, boot="b1", seq=2, sampled_at=time.time(), in_reply_to=order.id, answer=Answer.DONE
    )
    assert client.publish(up_topic(two.theirs, "reply"), encode(reply)).reason_code == 0
    wait_for(lambda: book.order(order.id).state == OrderState.DONE, PATIENCE)


def test_a_directory_that_was_applied_at_one_counts_at_the_other(two: Two, wait_for: Callable[..., Any]) -> None:
    two.one.collector.register.apply(DirectoryFile(customers=[Customer(name="Acme")]), "Ann")
    wait_for(lambda: "Acme" in two.other.collector.register.people.customers, PATIENCE)


def test_a_ticket_of_the_next_moment_has_its_customer_already(
    two: Two, make_device: Callable[..., Any], status_payload: Callable[..., bytes], wait_for: Callable[..., Any]
) -> None:
    refreshing = two.other.collector.team._refreshing
    refreshing.stop()  # it would come now and then, and here never comes
    acme = Customer(name="Acme", devices=[Devices(names=["shop-*"])])
    two.one.collector.register.apply(DirectoryFile(customers=[acme]), "Ann")
    send(two, make_device, two.theirs, status_payload)
    desk = two.other.collector.desk
    wait_for(lambda: len(desk.tickets(device=two.theirs)) == 1, PATIENCE)
    assert [ticket.customer for ticket in desk.tickets(device=two.theirs)] == ["Acme"]
    refreshing.start()


def test_whoever_was_overtaken_records_nothing(state_in: Any) -> None:
    engine = open_state(state_in)
    desk = Desk(engine, [], time.time)
    mine, theirs = Docket(share_of("shop-07"), "mine"), Docket(share_of("shop-07"), "theirs")
    desk.take(mine)
    desk.record(5, [], [(str(Kind.DISK), ("shop-07", "S1"), b"{}")], docket=mine)
    desk.take(theirs)
    with pytest.raises(Overtaken, match="another collector judges share"):
        desk.record(7, [], [(str(Kind.DISK), ("shop-07", "S1"), None)], docket=mine)
    assert desk.judged_position(theirs) == 5
    assert [data for _, _, data in desk.snapshots()] == [b"{}"]
    desk.record(7, [], [], docket=theirs)
    assert desk.judged_position(theirs) == 7
    engine.dispose()
