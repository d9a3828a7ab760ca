"""A collector whose PostgreSQL is full, takes no writes, hangs, is slow or goes away: it acknowledges only what is
stored, keeps no more than may be in flight, says what is wrong, and goes on by itself."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
from servers.agents import Sending
from servers.network import CutNetwork, slowly
from servers.postgresql import PASSWORD, Database, PostgreSQL
from servers.small_disk import fill, small_disk

from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.config_store import SharedJournal, State, Store
from forewarn_collector.replay.sender import IN_FLIGHT
from forewarn_collector.store import postgres_driver
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres import Postgres
from forewarn_wire import Cpu, Disk, LoadReport, Outcome, SmartReport

pytestmark = [pytest.mark.server, pytest.mark.slow]

Make = Callable[..., Any]
PATIENCE = 60.0
DEVICES, REPORTS = 8, 40
PATIENT_SECONDS = 3.0
CUT_SECONDS = 20.0


@pytest.fixture
def start(tmp_path: Path, make_running: Make) -> Make:
    """A collector at this database."""

    def start(url: str) -> Any:
        password = tmp_path / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        store = Store(
            journal=SharedJournal(url=url, password_file=str(password), name="collector-a"),
            state=State(url=url, password_file=str(password)),
        )
        return make_running(Config(listen=Listen(port=0), api=Api(port=0), store=store))

    return start


def reports(first: int) -> list[Any]:
    """REPORTS of every device, the last one of a disk that fails."""
    last = first + REPORTS - 1
    found: list[Any] = [
        LoadReport(
            device=f"shop-{number:02}", boot="b1", seq=seq, sampled_at=time.time() - 3600 + seq,
            cpu=Cpu(used_percent=float(seq % 100)),
        )
        for seq in range(first, last) for number in range(DEVICES)
    ]  # fmt: skip
    for number in range(DEVICES):
        disk = Disk(slot="/dev/sda", kind="hdd", serial=f"S-{number}", model="Example 1000")
        found.append(SmartReport(
            device=f"shop-{number:02}", boot="b1", seq=last, sampled_at=time.time(), disk=disk,
            outcome=Outcome.MEASURED, passed=False,
        ))  # fmt: skip
    return found


class Trouble:
    """A collector that took reports before its PostgreSQL got into trouble, and more are sent to it in the meantime."""

    def __init__(self, running: Any, wait_for: Make) -> None:
        self._running = running
        self._wait_for = wait_for
        Sending(running.port, *reports(1)).finish()
        self._before = DEVICES * REPORTS
        self._sending: Sending | None = None

    def send(self) -> None:
        self._sending = Sending(self._running.port, *reports(REPORTS + 1))

    def is_said(self, *words: str) -> None:
        """And what comes waits at the devices."""
        intake = self._running.collector.intake
        self._wait_for(lambda: all(word in (intake.trouble or "") for word in words), PATIENCE)
        assert self._sending is not None
        assert self._sending.stored < self._before
        assert intake.depth <= DEVICES * IN_FLIGHT

    def status(self) -> str:
        """What a person is told."""
        collector = self._running.collector
        token = json.loads((self._running.data / "api.json").read_text())["token"]
        answer = httpx.get(
            f"{collector.api_url}/api/v1/status", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        )
        assert answer.status_code in (200, 503)
        said = answer.json()
        return " ".join(said["troubles"]) if answer.status_code == 200 else str(said["detail"])

    def ends(self) -> None:
        """Everything is acknowledged, stored and judged once."""
        assert self._sending is not None
        self._sending.finish()
        collector = self._running.collector
        assert self._running.reader.counts().reports == 2 * self._before
        self._wait_for(lambda: len(collector.desk.tickets()) == DEVICES, PATIENCE)
        self._wait_for(lambda: not self.status(), PATIENCE)


@pytest.fixture(name="small_disk")
def tablespace(postgresql: PostgreSQL) -> Iterator[Path]:
    """Where PostgreSQL may keep tables."""
    with small_disk(postgresql.directory / "small", 32) as directory:
        yield directory


def test_a_full_disk(postgresql: PostgreSQL, small_disk: Path, start: Make, wait_for: Make) -> None:
    database = postgresql.fresh(directory=small_disk)
    running = start(database.url)
    trouble = Trouble(running, wait_for)
    filling = fill(small_disk)
    trouble.send()
    trouble.is_said("No space left on device", "nothing of this was stored: free some space on the server")
    assert "No space left on device" in trouble.status()
    filling.unlink()
    trouble.ends()
    running.stop()
    postgresql.drop(database)


@pytest.fixture
def with_a_small_log() -> Iterator[tuple[PostgreSQL, Path]]:
    """A server of the test's own, and the disk that its write-ahead log is on."""
    if not PostgreSQL.installed:
        pytest.skip("postgresql is not installed; as root, make test does that")
    # Where the server's own user may go.
    with TemporaryDirectory(prefix="forewarn-wal-") as directory, small_disk(Path(directory) / "disk", 24) as disk:
        Path(directory).chmod(0o755)
        log = disk / "wal"
        log.mkdir()
        server = PostgreSQL(log)
        server.start()
        yield server, disk
        server.remove()


def test_the_disk_of_its_write_ahead_log_is_full(
    with_a_small_log: tuple[PostgreSQL, Path], start: Make, wait_for: Make
) -> None:
    """It ends itself then, and cannot start before there is space."""
    server, disk = with_a_small_log
    trouble = Trouble(start(server.fresh().url), wait_for)
    filling = fill(disk)
    with suppress(psycopg.Error):
        while True:  # to the end of what it had set aside
            server.run("SELECT pg_current_xact_id(), pg_switch_wal()")
    trouble.send()
    trouble.is_said("check that the server runs and can be reached from here")
    assert "check that the server runs" in trouble.status()
    filling.unlink()
    server.kill()
    assert "No space left on device" in server.said()
    server.start()
    trouble.ends()


def test_its_network_is_cut(postgresql: PostgreSQL, database: Database, start: Make, wait_for: Make) -> None:
    """For less than a connection is given up after: the collector goes on with the one that it has."""
    network = CutNetwork(postgresql.port)
    running = start(database.url.replace(f":{postgresql.port}/", f":{network.port}/"))
    trouble = Trouble(running, wait_for)
    claims = running.collector.team._claims
    began = time.monotonic()
    with network.cut():
        trouble.send()
        wait_for(lambda: not claims.runs(), PATIENCE)  # another one may have taken over what is scheduled
        trouble.is_said("the journal has not answered for")
        time.sleep(max(0.0, CUT_SECONDS - (time.monotonic() - began)))
    trouble.ends()
    wait_for(claims.runs, PATIENCE)
    network.close()


def test_it_takes_no_writes_any_more(postgresql: PostgreSQL, database: Database, start: Make, wait_for: Make) -> None:
    name = database.url.rpartition("/")[2]

    def set_read_only(value: str) -> None:
        """As when another server becomes the primary."""
        postgresql.run(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        end_connections(postgresql, database)

    trouble = Trouble(start(database.url), wait_for)
    set_read_only("on")
    trouble.send()
    trouble.is_said("read-only transaction", "name the primary, not a standby")
    assert "name the primary" in trouble.status()
    set_read_only("off")
    trouble.ends()


def test_it_hangs(
    postgresql: PostgreSQL, database: Database, start: Make, wait_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_driver.Connection, "patience", PATIENT_SECONDS)
    trouble = Trouble(start(database.url), wait_for)
    with postgresql.hanging():
        trouble.send()
        trouble.is_said("check that the server runs and can be reached from here; it is tried again")
        assert "check that the server runs" in trouble.status()
    trouble.ends()


def test_it_is_killed(postgresql: PostgreSQL, database: Database, start: Make, wait_for: Make) -> None:
    trouble = Trouble(start(database.url), wait_for)
    postgresql.kill()
    try:
        trouble.send()
        trouble.is_said("check that the server runs and can be reached from here")
        assert "check that the server runs" in trouble.status()
    finally:
        postgresql.start()
    trouble.ends()


def test_it_is_slow_and_breaks_off_now_and_then(
    postgresql: PostgreSQL, database: Database, start: Make, wait_for: Make
) -> None:
    network, url = slowly(database.url, 0.005)
    trouble = Trouble(start(url), wait_for)
    trouble.send()
    for _ in range(5):
        time.sleep(0.3)
        end_connections(postgresql, database)
    trouble.ends()
    network.close()


def end_connections(postgresql: PostgreSQL, database: Database) -> None:
    name = database.url.rpartition("/")[2]
    postgresql.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_it_is_too_old() -> None:
    """What PostgreSQL 11 says at the start of a session (its manual's chapter on the protocol, message formats)."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=greet_as_11, args=(listening,), daemon=True).start()
        with pytest.raises(StoreError, match="this is PostgreSQL 11; forewarn needs 12 or newer"):
            Journal(Postgres(f"postgresql://u@127.0.0.1:{listening.getsockname()[1]}/d", "x"))


def greet_as_11(listening: socket.socket) -> None:
    encryption = {80877103, 80877104}
    with listening.accept()[0] as client:
        while True:
            length, code = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
            client.recv(length - 8, socket.MSG_WAITALL)
            if code not in encryption:
                break
            client.sendall(b"N")
        said = {b"server_version": b"11.22", b"server_encoding": b"UTF8", b"client_encoding": b"UTF8"}
        messages = [(b"R", struct.pack("!i", 0))]
        messages += [(b"S", key + b"\0" + value + b"\0") for key, value in said.items()]
        messages += [(b"K", struct.pack("!ii", 1, 1)), (b"Z", b"I")]
        client.sendall(b"".join(kind + struct.pack("!i", 4 + len(body)) + body for kind, body in messages))
        client.recv(5)
