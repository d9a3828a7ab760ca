"""A desk, and one vendor's strict server as its destination, put together as the collector does it from its
configuration."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from vendors.cases import Case

from forewarn_collector.config_destinations import DestinationEntry, destination_mistakes
from forewarn_collector.destinations import Destinations, plan
from forewarn_collector.directory import Whose
from forewarn_collector.store.state import delivery, metadata, open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.destination import DeliveryError, Parcel
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.systems.exchange import Exchange
from forewarn_collector.tickets.systems.external import Links
from forewarn_collector.tickets.systems.interface import TicketSystem
from forewarn_rules import Change, Kind

NOON = 1_780_000_000.0
DISK = Part("shop-07", "MB-1", "S3Z1", Whose("Acme", "Store 12", "Li Wei"))


class Bench:
    """``desk`` here, ``server`` there, ``send`` what waits."""

    def __init__(self, directory: Path, engine: sa.Engine, case: Case, **changed: Any) -> None:
        self.case = case
        self.now = NOON
        self.server = case.server()
        self.engine = engine
        self.desk = Desk(self.engine, [case.kind], lambda: self.now)
        self.entry = self._entry(directory, **changed)
        assert destination_mistakes([self.entry]) == []
        found = Destinations([plan(self.entry)], lambda name: Links(self.engine, name), self.desk, lambda: self.now)
        (self.destination,) = found.senders
        self.exchange: Exchange | None = found.exchanges.get(case.kind)

    def _entry(self, directory: Path, **changed: Any) -> DestinationEntry:
        for name, text in {"token": self.case.token, **self.case.secrets}.items():
            (directory / name).write_text(changed.pop(name, text))
            (directory / name).chmod(0o600)
        keys: dict[str, Any] = {
            "name": self.case.kind,
            "kind": self.case.kind,
            "url": self.server.url + self.case.path,
            "token_file": str(directory / "token"),
            "secret_files": {name: str(directory / name) for name in self.case.secrets},
            "options": {**self.case.options, **dict.fromkeys(self.case.addresses, self.server.url)},
            "users": dict(self.case.users),
        }
        return DestinationEntry(**keys | changed)

    @property
    def system(self) -> TicketSystem:
        assert self.exchange is not None
        return self.exchange.system

    def finds(self, levels: str = "none -> warning", rule: str = "disk-pending", part: Part = DISK) -> Ticket:
        """A rule's level changes; return the newest ticket."""
        before, after = levels.split(" -> ")
        change = Change(
            rule=rule, at=self.now, before=before, after=after, title="Sectors cannot be read", kind=Kind.DISK,
            key=(part.device, part.part_serial), labels={}, text=f"8 sectors wait, Ünïcödé 磁盘 <b>&\n{after}",
            why="they grow", do=("replace the disk",), calm_when=("a new serial",), values={"sectors": 8.0},
            forecast=None, fault="disk-failure", queue="storage", status="stable",
        )  # fmt: skip
        self.desk.record(None, [(change, part)], [])
        return self.desk.ticket(max(found.number for found in self.desk.tickets()))

    def ticket(self) -> Ticket:
        (found,) = self.desk.tickets()
        return self.desk.ticket(found.number)

    def send(self) -> None:
        """Everything that waits, in its order, as the delivery loop does."""
        for parcel in self._waiting():
            self.destination.send(parcel)
            with self.engine.begin() as db:
                db.execute(delivery.update().where(delivery.c.id == parcel.id).values(state="done"))

    def send_in_bad_weather(self, most: int) -> int:
        """Until nothing waits any more, a ticket's later deliveries after its earlier ones; return how many failed.
        Raise the one after ``most`` failures, or one that is said to be for ever."""
        failures = 0
        while waiting := self._waiting():
            stuck: set[int] = set()
            for parcel in waiting:
                if parcel.ticket in stuck:
                    continue
                try:
                    self.destination.send(parcel)
                except DeliveryError as error:
                    if error.permanent or failures == most:
                        raise
                    stuck.add(parcel.ticket)
                    failures += 1
                    self.now += error.retry_after or 1
                    continue
                with self.engine.begin() as db:
                    db.execute(delivery.update().where(delivery.c.id == parcel.id).values(state="done"))
        return failures

    def again(self) -> None:
        """What was sent is sent once more: the collector was killed before it had marked it."""
        with self.engine.begin() as db:
            db.execute(delivery.update().values(state="pending"))
        self.send()

    def trouble(self) -> DeliveryError:
        with pytest.raises(DeliveryError) as refused:
            self.send()
        for secret in (self.case.token, *self.case.secrets.values()):
            assert secret not in str(refused.value)
        return refused.value

    def seen(self) -> tuple[Any, Any]:
        """(state, priority) of the only ticket there, in the vendor's words."""
        (kept,) = self.server.kept.values()
        return self.case.seen(kept)

    def _waiting(self) -> list[Parcel]:
        query = sa.select(delivery).where(delivery.c.state == "pending").order_by(delivery.c.id)
        with self.engine.connect() as db:
            return [Parcel(**{name: row[name] for name in Parcel._fields}) for row in db.execute(query).mappings()]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], sa.Engine]]:
    """engines(n): the n-th state.db, emptied. Making one takes longer than most tests here."""
    made: list[sa.Engine] = []

    def empty(number: int) -> sa.Engine:
        if number == len(made):
            made.append(open_state(tmp_path_factory.mktemp("state") / "state.db"))
        with made[number].begin() as db:
            for table in reversed(metadata.sorted_tables):
                db.execute(table.delete())
            db.exec_driver_sql("DELETE FROM sqlite_sequence")
        return made[number]

    yield empty
    for engine in made:
        engine.dispose()


@pytest.fixture
def make_bench(tmp_path: Path, engines: Callable[[int], sa.Engine]) -> Iterator[Callable[..., Bench]]:
    """make_bench(case, directory, key=value): with other words in the configuration."""
    made: list[Bench] = []

    def make(case: Case, directory: Path = tmp_path, **changed: Any) -> Bench:
        made.append(Bench(directory, engines(len(made)), case, **changed))
        return made[-1]

    yield make
    for bench in made:
        bench.server.stop()
