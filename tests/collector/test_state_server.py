"""The state in PostgreSQL: opened, refused with one clear line, gone and back again, moved there."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from servers.postgresql import Database, PostgreSQL

from forewarn_collector.access.tables import audit
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.store.model import StoreError, TooNew
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import metadata, open_state, open_state_to_read, reading
from forewarn_collector.store.state_schema import OLDEST, Step, bring_up_to_date
from forewarn_collector.store.state_server import SCHEMA
from forewarn_collector.tickets import keeping
from forewarn_wire import Disk, Outcome, SmartReport

Make = Callable[..., Any]


def server(database: Database, password: str | None = None) -> Server:
    return Server(database.url, password or database.password, SCHEMA)


@pytest.fixture
def config(tmp_path: Path, database: Database) -> Path:
    """A collector's configuration with its state there."""
    (tmp_path / "pg.pw").write_text(database.password)
    (tmp_path / "pg.pw").chmod(0o600)
    path = tmp_path / "collector.yaml"
    state = {"url": database.url, "password_file": str(tmp_path / "pg.pw")}
    path.write_text(yaml.safe_dump({"store": {"state": state}, "self_check": {"every_seconds": None}}))
    return path


def failing(port: int, device: str, serial: str, seq: int = 1) -> None:
    """Deliver a report of a disk that says that it fails."""
    disk = Disk(slot="/dev/sda", kind="hdd", serial=serial, model="Example 1000")
    report = SmartReport(
        device=device, boot="b1", seq=seq, sampled_at=time.time(), disk=disk, outcome=Outcome.MEASURED, passed=False
    )

    async def deliver() -> None:
        crowd = VirtualAgents(f"mqtt://127.0.0.1:{port}")
        crowd.send("smart", report)
        await crowd.finish()

    asyncio.run(deliver())


def forewarn(data: Path, *arguments: str) -> Any:
    """What a command says as JSON."""
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(data), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_made_and_migrated_tables_are_those_that_the_code_means(state_in: Path | Server) -> None:
    engine = open_state(state_in)
    with engine.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_type": isinstance(state_in, Server)})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_step_runs_once_on_what_an_older_forewarn_left(state_in: Path | Server) -> None:
    engine = open_state(state_in)

    def add(db: sa.Connection) -> None:
        db.exec_driver_sql("ALTER TABLE ticket ADD COLUMN colour TEXT")

    engine = engine.execution_options(checked=None)  # whoever knows the step knows its tables
    for oldest in (1, 2):
        for _ in range(2):
            with engine.begin() as db:
                bring_up_to_date(db, metadata, "here", [Step(add, oldest)])
        with engine.begin() as db:
            assert keeping.value(db, "schema_version") == "2"
            keeping.put_value(db, "schema_version", "1")
            db.exec_driver_sql("ALTER TABLE ticket DROP COLUMN colour")
    with pytest.raises(StoreError, match="written by a newer forewarn"):
        open_state(state_in)
    engine.dispose()


def test_who_is_too_old_for_the_tables_by_now_writes_nothing(database: Database) -> None:
    """Also what waited for the turn of whoever changed them; and it says so each time."""
    engine, newer = open_state(server(database)), open_state(server(database))
    for number in range(10):  # as often as the driver needs to prepare a statement
        with engine.begin() as db:
            keeping.put_value(db, "count", str(number))
    refused: list[BaseException] = []

    def write() -> None:
        try:
            with engine.begin() as db:
                keeping.put_value(db, "count", "too late")
        except StoreError as error:
            refused.append(error)

    with newer.begin() as db:
        waiting = threading.Thread(target=write)
        waiting.start()
        keeping.put_value(db, OLDEST, "99")
    waiting.join(60)
    write()
    assert [type(error) for error in refused] == [TooNew, TooNew]
    assert "written by a newer forewarn (schema 99); update forewarn" in str(refused[0])
    with reading(engine).connect() as db:
        assert keeping.value(db, "count") == "9"
    for one in (engine, newer):
        one.dispose()


def test_two_that_start_at_once_make_one_set_of_tables(database: Database) -> None:
    engines: list[sa.Engine] = []
    threads = [threading.Thread(target=lambda: engines.append(open_state(server(database)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(engines) == 4
    for engine in engines:
        engine.dispose()


def test_who_writes_waits_for_who_writes_and_who_reads_does_not(state_in: Path | Server) -> None:
    engine = open_state(state_in)
    order: list[str] = []

    def add() -> None:
        with engine.begin() as db:
            order.append(str(keeping.value(db, "count")))
            keeping.put_value(db, "count", "2")

    with engine.begin() as db:
        keeping.put_value(db, "count", "1")
        thread = threading.Thread(target=add)
        thread.start()
        with reading(engine).connect() as other:
            assert keeping.value(other, "count") is None
        order.append("first")
    thread.join(60)
    assert order == ["first", "1"]
    with pytest.raises(sa.exc.DBAPIError), reading(open_state_to_read(state_in)).begin() as db:
        keeping.put_value(db, "count", "3")
    engine.dispose()


def test_the_audit_log_is_only_ever_added_to(database: Database) -> None:
    engine = open_state(server(database))
    for statement in (audit.update().values(who="nobody"), audit.delete(), sa.text("TRUNCATE audit")):
        with pytest.raises(sa.exc.DBAPIError, match="only ever added to"), engine.begin() as db:
            db.execute(statement)
    engine.dispose()


@pytest.mark.parametrize("character", ["\0", "\x1f", "\U0001f525", "'"])
def test_text_comes_back(state_in: Path | Server, character: str) -> None:
    engine = open_state(state_in)
    with engine.begin() as db:
        keeping.put_value(db, f"key {character} {'x' * 100}", character)
        found = keeping.value(db, f"key {character} {'x' * 100}")
    assert found == ("\ufffd" if character == "\0" and isinstance(state_in, Server) else character)
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong-one"}, "password authentication failed for user"),
        ({"database": "nothing"}, "create the database, or name another one in the URL"),
        ({"port": 1}, "check that the server runs and can be reached from here"),
        ({"options": "?options=-c%20default_transaction_read_only%3Don"}, "the server takes no writes"),
    ],
    ids=["wrong password", "no such database", "not reachable", "read-only"],
)
def test_a_start_without_it_is_one_clear_line(
    tmp_path: Path, config: Path, database: Database, postgresql: PostgreSQL, change: dict[str, Any], said: str
) -> None:
    url = database.url.replace(f":{postgresql.port}/", f":{change.get('port', postgresql.port)}/")
    if "database" in change:
        url = f"{url.rpartition('/')[0]}/{change['database']}"
    if "options" in change:
        database.run(f"ALTER DATABASE {database.url.rpartition('/')[2]} SET default_transaction_read_only = on")
    (tmp_path / "pg.pw").write_text(change.get("password", database.password))
    config.write_text(config.read_text().replace(database.url, url))
    command = [sys.executable, "-m", "forewarn_collector", "up", "--data", str(tmp_path / "data"), "--config"]
    done = subprocess.run(
        [*command, str(config), "--mqtt-port", "0", "--api-port", "0"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert said in line
    assert line.startswith("Error: PostgreSQL at 127.0.0.1")
    assert database.password not in line
    assert "wrong-one" not in line


def test_a_collector_lives_with_it_loses_it_and_goes_on(
    tmp_path: Path, config: Path, database: Database, postgresql: PostgreSQL, make_collector: Make, wait_for: Make
) -> None:
    collector = make_collector("--config", str(config))
    data = collector.data

    def tickets() -> list[dict[str, Any]]:
        return sorted(forewarn(data, "tickets"), key=lambda ticket: int(ticket["number"]))

    def troubles() -> str:
        return " ".join(forewarn(data, "status")["troubles"])

    failing(collector.mqtt_port, "shop-01", "FIRST")
    wait_for(tickets, 60)
    forewarn(data, "ticket", "ack", "1", "--text", "on my way")
    collector.kill()
    collector.start()
    (ticket,) = tickets()
    assert (ticket["number"], ticket["state"]) == (1, "acknowledged")

    postgresql.kill()
    try:
        failing(collector.mqtt_port, "shop-02", "SECOND")
        wait_for(lambda: "state: PostgreSQL at 127.0.0.1" in troubles(), 60)
        assert "judge: PostgreSQL at 127.0.0.1" in troubles()
        token = json.loads((data / "api.json").read_text())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(f"{collector.api_url}/api/v1/tickets", headers=headers, timeout=60)
        assert answer.status_code == 503
        assert "check that the server runs" in answer.json()["detail"]
    finally:
        postgresql.start()
    wait_for(lambda: len(tickets()) == 2, 90)
    wait_for(lambda: not troubles(), 90)
    assert not (data / "state.db").exists()
    assert database.password not in collector.said()
    assert "Traceback" not in collector.said()


def test_a_state_moves_there_whole(
    tmp_path: Path, config: Path, database: Database, make_collector: Make, wait_for: Make
) -> None:
    before = make_collector(name="data")
    failing(before.mqtt_port, "shop-01", "FIRST")
    wait_for(lambda: forewarn(before.data, "tickets"), 60)
    forewarn(before.data, "ticket", "ack", "1")
    told = forewarn(before.data, "ticket", "show", "1")
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(before.data), "store", "move-state"]
    refused = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1
    assert "another collector" in refused.stderr
    before.stop()
    moved = forewarn(before.data, "store", "move-state", "--config", str(config))
    assert moved["tables"]["ticket"] == 1
    assert moved["rows"] == sum(moved["tables"].values()) > 5
    assert not (before.data / "state.db").exists()
    assert (before.data / "state.db.moved").exists()

    before.options = ("--config", str(config))
    before.start()
    assert forewarn(before.data, "ticket", "show", "1") == told
    failing(before.mqtt_port, "shop-02", "SECOND")
    wait_for(lambda: len(forewarn(before.data, "tickets")) == 2, 60)
    assert max(ticket["number"] for ticket in forewarn(before.data, "tickets")) == 2
    before.stop()

    open_state(tmp_path / "data" / "state.db").dispose()
    again = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120)
    assert again.returncode == 1
    assert "there is a state already" in again.stderr
    assert (before.data / "state.db").exists()


def test_a_collector_loads_no_library_of_a_server_that_it_has_not() -> None:
    """Each would take 10 MB of every collector."""
    code = "import sys, forewarn_collector.app; print([m for m in ('psycopg', 'influxdb_client') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
