"""A collector inside the test, and clients that may also misbehave."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import mqtt5
import pytest
from mqtt5 import QoS
from msgspec.structs import replace
from servers.judging import House
from servers.postgresql import Database, PostgreSQL

from forewarn_collector.app import Collector
from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.config_store import SharedJournal, State, Store
from forewarn_collector.ingest.packets import Framer
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.place import Place
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import open_state
from forewarn_collector.store.state_server import SCHEMA
from forewarn_wire import Cpu, LoadReport, StatusReport, encode, up_topic

PACKET_LIMIT = 262_144


class Closed(Exception):
    """The collector has ended the connection."""


class Device:
    """A client made of a socket and the codec."""

    Closed = Closed

    def __init__(self, port: int, name: str = "shop-07", tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        plain = socket.create_connection(("127.0.0.1", port), 10)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self._framer = Framer(PACKET_LIMIT)
        self._received: list[mqtt5.Packet] = []
        self._packet_id = 0

    def send(self, *packets: Any) -> None:
        self.socket.sendall(b"".join(p if isinstance(p, bytes) else p.write() for p in packets))

    def receive(self, seconds: float = 10.0) -> Any:
        """The next packet. Raise Closed when there will be none, TimeoutError when none comes."""
        self.socket.settimeout(seconds)
        while not self._received:
            try:
                data = self.socket.recv(65_536)
            except (ConnectionResetError, ssl.SSLError) as error:
                raise Closed from error
            if not data:
                raise Closed
            self._received += self._framer.feed(data)
        return self._received.pop(0)

    def until_closed(self, seconds: float = 10.0) -> list[Any]:
        """What still comes before the end of the connection."""
        packets = []
        try:
            while True:
                packets.append(self.receive(seconds))
        except Closed:
            return packets

    def read_to_the_end(self) -> bytes:
        """The same, whatever protocol it is."""
        self.socket.settimeout(10)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65_536):
                found += data
        return found

    def connect(self, **options: Any) -> Any:
        """Send CONNECT, return the CONNACK."""
        self.send(mqtt5.ConnectPacket(options.pop("client_id", self.name), **{"keep_alive": 60} | options))
        return self.receive()

    def packet(self, topic: str, payload: bytes, **options: Any) -> bytes:
        self._packet_id = self._packet_id % 65_535 + 1
        options = {"qos": QoS.AT_LEAST_ONCE, "packet_id": self._packet_id} | options
        # The codec refuses to write some topics that others may send.
        name = topic.encode()
        stand_in = b"t" * len(name)
        return mqtt5.PublishPacket(stand_in.decode(), payload, **options).write().replace(stand_in, name, 1)

    def publish(self, topic: str, payload: bytes) -> Any:
        """Send one message, return its PUBACK."""
        self.send(self.packet(topic, payload))
        return self.receive()

    def close(self) -> None:
        self.socket.close()


def load(device: str = "shop-07", seq: int = 1, boot: str = "b1", at: float | None = None) -> bytes:
    """The payload of a good report."""
    sampled_at = time.time() - 86_400 + seq if at is None else at
    report = LoadReport(device=device, boot=boot, seq=seq, sampled_at=sampled_at, cpu=Cpu(used_percent=12.5))
    return encode(report)


def status(device: str = "shop-07", session: int = 1, state: str = "online", boot: str = "b1") -> bytes:
    message = StatusReport(device=device, boot=boot, seq=1, sampled_at=time.time(), state=state, session=session)
    return encode(message)


class RunningCollector:
    """A whole collector in this process; its event loop has a thread of its own."""

    stored: ClassVar[Callable[[Path], Store]] = lambda _: Store()
    """Where a collector with this data directory keeps what it knows."""

    def __init__(self, data: Path, config: Config | None = None) -> None:
        self.data = data
        config = config or Config(listen=Listen(port=0), api=Api(port=0, requests_per_minute=100_000))
        if config.store == Store():
            config = replace(config, store=RunningCollector.stored(data))
        self.collector = Collector(config, data)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.collector.start(), self.loop).result(60)
        self.reader: Reader = self.collector.journal.reader()
        self._good = 0

    @property
    def port(self) -> int:
        return int(str(self.collector.mqtt_url).rsplit(":", 1)[1])

    def stop(self) -> None:
        if self.loop.is_closed():
            return
        self.reader.close()
        asyncio.run_coroutine_threadsafe(self.collector.stop(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    @property
    def ended(self) -> Counter[str]:
        """How connections ended, by reason."""
        return self.collector.listener.ended

    def letters(self) -> Counter[str]:
        """Dead letters so far, by reason."""
        return Counter(self.reader.dead_letter_totals())

    def take_a_good_report(self, tls: ssl.SSLContext | None = None, name: str = "good-one") -> None:
        """Assert that a new connection's report is stored."""
        known = self.reader.device(name)
        before = known.reports if known else 0
        self._good += 1
        device = Device(self.port, name, tls)
        assert device.connect().reason_code == 0
        assert device.publish(up_topic(name, "load"), load(name, self._good)).reason_code == 0
        device.close()
        assert self.reader.device(name).reports == before + 1  # type: ignore[union-attr]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests marked ``both_stores`` run over files and over PostgreSQL, unless they are also marked ``once``. With
    FOREWARN_STORE all run over that one, but for those marked ``only_files``, which look into them."""
    marked = metafunc.definition.get_closest_marker
    if chosen := os.environ.get("FOREWARN_STORE"):
        stores = ["files" if marked("only_files") else chosen]
    elif marked("both_stores"):
        stores = ["files"] if marked("once") or marked("only_files") else ["files", "postgresql"]
    else:
        return
    metafunc.parametrize("kept_in", stores, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def kept_in(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where collectors keep what they know; each data directory has a database of its own."""
    if getattr(request, "param", "files") == "files":
        yield
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    template: Database = request.getfixturevalue("store_template")
    databases: dict[Path, Database] = {}

    def stored(data: Path) -> Store:
        database = databases.get(data) or databases.setdefault(data, server.fresh(template))
        data.mkdir(exist_ok=True)
        password = data / "postgresql.password"
        password.touch(0o600)
        password.write_text(database.password)
        where = {"url": database.url, "password_file": str(password)}
        return Store(journal=SharedJournal(**where), state=State(**where))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningCollector, "stored", staticmethod(stored))
        yield
    for database in databases.values():
        server.drop(database)


@pytest.fixture(scope="module")
def start_collector(kept_in: None) -> Callable[..., RunningCollector]:
    """start_collector(data, config): whoever starts it stops it."""
    return RunningCollector


@pytest.fixture(scope="module")
def running(kept_in: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """One collector for the tests of a module."""
    running = RunningCollector(tmp_path_factory.mktemp("collector") / "data")
    yield running
    running.stop()


@pytest.fixture
def door(running: RunningCollector, no_errors_logged: None) -> Iterator[RunningCollector]:
    """The collector. After the test it must take a good report on another connection, and have nothing to regret."""
    yield running
    running.take_a_good_report()
    assert not running.collector.health().troubles


@pytest.fixture
def no_errors_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    bad = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR or record.exc_info]
    assert not bad, [record.getMessage() for record in bad]


@pytest.fixture(scope="session")
def device_type() -> type[Device]:
    """For many connections that are closed at once."""
    return Device


@pytest.fixture
def make_device() -> Iterator[Callable[..., Device]]:
    """Open a connection: make_device(port, name, tls=...). It is closed after the test."""
    made: list[Device] = []

    def make(port: int, name: str = "shop-07", tls: ssl.SSLContext | None = None) -> Device:
        made.append(Device(port, name, tls))
        return made[-1]

    yield make
    for device in made:
        device.close()


@pytest.fixture
def make_running(tmp_path: Path) -> Iterator[Callable[..., RunningCollector]]:
    """Start a collector of the test's own: make_running(config, data=...)."""
    made: list[RunningCollector] = []

    def make(config: Config | None = None, data: Path | None = None) -> RunningCollector:
        made.append(RunningCollector(data or tmp_path / "data", config))
        return made[-1]

    yield make
    for running in made:
        running.stop()


@pytest.fixture(scope="session")
def load_payload() -> Callable[..., bytes]:
    return load


@pytest.fixture(scope="session")
def status_payload() -> Callable[..., bytes]:
    return status


@pytest.fixture(scope="session")
def store_template(postgresql: PostgreSQL) -> Database:
    """With the tables of journal and state, so that a test need not make them."""
    made = postgresql.fresh()
    open_state(Server(made.url, made.password, SCHEMA)).dispose()
    Journal(Postgres(made.url, made.password)).close()
    return made


@pytest.fixture
def empty_store(postgresql: PostgreSQL, store_template: Database) -> Database:
    return postgresql.fresh(store_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def state_in(request: pytest.FixtureRequest, tmp_path: Path) -> Path | Server:
    """Each place where a state can be, empty: what ``open_state`` takes."""
    if request.param == "sqlite":
        return tmp_path / "state.db"
    database: Database = request.getfixturevalue("empty_store")
    return Server(database.url, database.password, SCHEMA)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | Place:
    """Each place where a journal can be, empty."""
    if request.param == "sqlite":
        return tmp_path
    database: Database = request.getfixturevalue("empty_store")
    return Postgres(database.url, database.password)


@pytest.fixture
def journal(place: Path | Place) -> Iterator[Journal]:
    with Journal(place) as journal:
        yield journal


@pytest.fixture
def reader(journal: Journal) -> Iterator[Reader]:
    with journal.reader() as reader:
        yield reader


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Of the judge."""
    found = House(tmp_path)
    yield found
    found.close()
