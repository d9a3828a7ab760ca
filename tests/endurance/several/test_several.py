"""Three collectors behind one Mosquitto share one PostgreSQL and are killed in turn: reports are stored once, every
fault is one ticket, and every step of an escalation is taken once.

`make several` takes MINUTES and DEVICES; SEED says which disks fail and when.
"""

import asyncio
import http.server
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from servers.postgresql import Database, PostgreSQL

from forewarn_collector.people.tables import duty_step
from forewarn_collector.replay.sender import Crowd
from forewarn_collector.store.history import History
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import ticket, timeline
from forewarn_wire import Cpu, Disk, LoadReport, SmartReport, StatusReport

pytestmark = [pytest.mark.slow, pytest.mark.server]

SECONDS = 60 * float(os.environ.get("FOREWARN_MINUTES", "0.67"))
DEVICES = int(os.environ.get("FOREWARN_DEVICES", "60"))
SEED = int(os.environ.get("FOREWARN_SEED", "20261127"))
NAMES = ("collector-a", "collector-b", "collector-c")
LOAD_SECONDS, SMART_SECONDS = 5.0, 10.0
FAULTY = 0.1
AWAY_SECONDS, BETWEEN_KILLS_SECONDS = 2.0, 3.0
SETTLE_SECONDS = 240.0
DIRECTORY = """
customers:
  - {name: Acme, escalation: standard, responsible: {primary: Ann, backup: Bob}, devices: [{names: [shop-*]}]}
engineers:
  - {name: Ann, channels: [group]}
  - {name: Bob, channels: [group]}
escalations:
  - {name: standard, steps: [{tell: [primary]}, {after: 5s, tell: [backup]}]}
"""
LIVING = f"SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {0x66777273} AND objid = 1001"


class Fleet:
    """Devices that report through virtual agents. ``made``: reports of each."""

    def __init__(self, rng: random.Random) -> None:
        self.made: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()
        self.devices = [f"shop-{number:03}" for number in range(DEVICES)]
        failing = rng.sample(self.devices, max(1, round(DEVICES * FAULTY)))
        # The last ones are noticed by reports that are still to come.
        latest = max(1.0, SECONDS - 2 * SMART_SECONDS)
        self.fails_at = {device: rng.uniform(0, latest) for device in failing}

    async def report(self, crowd: Crowd, ended: threading.Event) -> None:
        began = time.monotonic()
        due = {device: (began + LOAD_SECONDS * n / DEVICES, 0.0) for n, device in enumerate(self.devices)}
        for device in self.devices:
            crowd.send("status", StatusReport(
                device=device, boot="b1", seq=1, sampled_at=time.time(), state="online", session=1
            ))  # fmt: skip
        while time.monotonic() < began + SECONDS:
            now = time.monotonic()
            for device, (load_at, smart_at) in due.items():
                if now >= load_at:
                    load_at += LOAD_SECONDS
                    self.loads[device] += 1
                    crowd.send("load", LoadReport(
                        device=device, boot="b1", seq=self._next(device), sampled_at=time.time(),
                        cpu=Cpu(used_percent=12.5),
                    ))  # fmt: skip
                if now >= smart_at:
                    smart_at = now + SMART_SECONDS
                    crowd.send("smart", SmartReport(
                        device=device, boot="b1", seq=self._next(device), sampled_at=time.time(),
                        disk=Disk(slot="/dev/sda", serial=f"S-{device}"), outcome="measured",
                        passed=not (device in self.fails_at and now >= began + self.fails_at[device]),
                    ))  # fmt: skip
                due[device] = (load_at, smart_at)
            await asyncio.sleep(0.05)
        ended.set()
        await crowd.wait_below(1)
        await crowd.finish()

    def _next(self, device: str) -> int:
        self.made[device] += 1
        return self.made[device]


class House:
    """Three collectors as processes."""

    def __init__(self, directory: Path, database: Database, broker: int, group_url: str) -> None:
        self.kills: Counter[str] = Counter()
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.database = database
        for name, text in (("password", database.password), ("group.url", group_url), ("group.secret", "SEC0")):
            (directory / name).write_text(text)
            (directory / name).chmod(0o600)
        channel = {
            "name": "group", "kind": "dingtalk", "url_file": str(directory / "group.url"),
            "secret_file": str(directory / "group.secret"), "per_minute": 6000,
        }  # fmt: skip
        where = {"url": database.url, "password_file": str(directory / "password")}
        for name in NAMES:
            (directory / name).mkdir(mode=0o700)
            settings = {
                "listen": {"enabled": False}, "api": {"port": 0},
                "broker": {"url": f"mqtt://127.0.0.1:{broker}", "group": "forewarn"},
                "store": {"journal": where | {"name": name}, "state": where},
                "self_check": {"every_seconds": None},
                "tickets": {"budget_per_1000_devices_a_month": None},
                "notify": {"gather_seconds": 0, "storm_after": 1000, "channels": [channel]},
            }  # fmt: skip
            (directory / name / "collector.yaml").write_text(yaml.safe_dump(settings))

    def start(self, name: str) -> None:
        data = self._directory / name
        (data / "api.json").unlink(missing_ok=True)
        with (self._directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "forewarn_collector", "--data", str(data), "up"], stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running.pop(name).wait()
        self.kills[name] += 1

    def is_up(self, name: str) -> bool:
        assert self._running[name].poll() is None, self.said(name)
        return (self._directory / name / "api.json").exists()

    def living(self) -> int:
        return int(self.database.run(LIVING)[0][0])

    def apply(self, name: str) -> None:
        path = self._directory / "directory.yaml"
        path.write_text(DIRECTORY)
        command = [sys.executable, "-m", "forewarn_collector", "--data", str(self._directory / name)]
        subprocess.run([*command, "directory", "apply", str(path)], check=True, capture_output=True)

    def said(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(60)


@pytest.fixture
def group() -> Iterator[str]:
    """A robot that takes everything; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"errcode": 0, "errmsg": "ok"}')

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/robot/send?access_token=t"
    server.shutdown()
    server.server_close()


@pytest.fixture
def database() -> Iterator[Database]:
    if not PostgreSQL.installed:
        pytest.skip("postgresql is not installed; as root, make test does that")
    server = PostgreSQL()
    server.start()
    yield server.fresh()
    server.remove()


def test_collectors_are_killed_in_turn(
    tmp_path: Path, database: Database, group: str, make_mosquitto: Callable[..., Any], wait_for: Callable[..., Any]
) -> None:
    broker = make_mosquitto("max_queued_messages 0\nmax_inflight_messages 100\nlog_type error\n")
    fleet, house = Fleet(random.Random(SEED)), House(tmp_path, database, broker.port, group)
    ended = threading.Event()

    def send() -> None:
        async def run() -> None:
            await fleet.report(Crowd(f"mqtt://127.0.0.1:{broker.port}"), ended)

        asyncio.run(run())

    sending = threading.Thread(target=send)
    try:
        for name in NAMES:
            house.start(name)
        wait_for(lambda: all(house.is_up(name) for name in NAMES) and house.living() == len(NAMES), SETTLE_SECONDS)
        house.apply(NAMES[0])
        sending.start()
        kill_in_turn(house, ended, wait_for)
        sending.join()
        made, faults = sum(fleet.made.values()), len(fleet.fails_at)
        reader = Reader(Postgres(database.url, database.password))
        wait_for(lambda: reader.counts().reports >= made, SETTLE_SECONDS)
        wait_for(lambda: sum(tickets(database).values()) >= faults, SETTLE_SECONDS)
        wait_for(lambda: len(steps(database)) >= 2 * faults, SETTLE_SECONDS)
        time.sleep(BETWEEN_KILLS_SECONDS)  # for what would come twice
        counts = reader.counts()
        found = tickets(database)
        told = Counter(tellings(database))
        taken = Counter({step: often for step, often in told.items() if ": step " in step[1]})
        print(
            f"\n{SECONDS:.0f} s, {DEVICES} devices, {house.kills.total()} kills of {len(NAMES)} collectors:",
            f"{made} reports made, {counts.reports} stored, {counts.duplicates} that came again dropped;",
            f"{faults} faults planted, {sum(found.values())} tickets of {len(found)} disks;",
            f"{len(taken)} steps of escalations, {sum(taken.values())} taken",
        )
        assert {row.name: row.reports for row in reader.devices()} == dict(fleet.made)
        history = History(reader)
        for device, loads in fleet.loads.items():
            assert len(history.read(device, "load", "", [], 0, 1e11)[0]) == loads
        reader.close()
        assert found == {f"S-{device}": 1 for device in fleet.fails_at}
        assert len(taken) == 2 * faults
        assert set(taken.values()) == {1}
        # Who is killed between sending and marking tells it again.
        assert sum(told.values()) - len(told) <= house.kills.total()
        assert not reader_gaps(database, fleet)
    finally:
        ended.set()
        house.stop()
    for name in NAMES:
        assert "Traceback" not in house.said(name), house.said(name)[-3000:]


def kill_in_turn(house: House, ended: threading.Event, wait_for: Callable[..., Any]) -> None:
    turn = 0
    while not ended.wait(BETWEEN_KILLS_SECONDS):
        name = NAMES[turn % len(NAMES)]
        turn += 1
        house.kill(name)
        time.sleep(AWAY_SECONDS)
        house.start(name)
        wait_for(lambda name=name: house.is_up(name) and house.living() == len(NAMES), SETTLE_SECONDS)


def reader_gaps(database: Database, fleet: Fleet) -> list[Any]:
    with Reader(Postgres(database.url, database.password)) as reader:
        return [gap for device in fleet.devices for gap in reader.gaps(device)]


def state(database: Database) -> sa.Engine:
    return sa.create_engine(
        database.url.replace("postgresql://forewarn@", f"postgresql+psycopg://forewarn:{database.password}@"),
        connect_args={"options": "-c search_path=forewarn_state"}, poolclass=sa.NullPool,
    )  # fmt: skip


def tickets(database: Database) -> Counter[str]:
    """By the disk that they are about, whatever became of them."""
    with state(database).connect() as db:
        return Counter(db.execute(sa.select(ticket.c.part_serial)).scalars())


def steps(database: Database) -> list[Any]:
    with state(database).connect() as db:
        return list(db.execute(sa.select(duty_step)))


def tellings(database: Database) -> list[tuple[int, str]]:
    """Ticket and words of every step that told somebody."""
    with state(database).connect() as db:
        query = sa.select(timeline.c.ticket, timeline.c.text).where(timeline.c.kind == "notify")
        return [(number, text) for number, text in db.execute(query)]
