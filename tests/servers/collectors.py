"""Several collectors on one broker and one PostgreSQL, the devices that report to them, and what became of it all."""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
import yaml
from servers.postgresql import Database

from forewarn_collector.people.tables import duty_step
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_collector.store.history import History
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import ticket, timeline
from forewarn_wire import Cpu, Disk, LoadReport, SmartReport, StatusReport

NAMES = ("collector-a", "collector-b", "collector-c")
FAULTY = 0.1
SETTLE_SECONDS = 240.0
TWICE_SECONDS = 3.0
DIRECTORY = """
customers:
  - {name: Acme, escalation: standard, responsible: {primary: Ann, backup: Bob}, devices: [{names: [shop-*]}]}
engineers:
  - {name: Ann, channels: [group]}
  - {name: Bob, channels: [group]}
escalations:
  - {name: standard, steps: [{tell: [primary]}, {after: 5s, tell: [backup]}]}
"""
LOCKS = f"pg_locks WHERE locktype = 'advisory' AND classid = {0x66777273}"
LIVING = f"SELECT COUNT(*) FROM {LOCKS} AND objid = 1001"
RUNNER = f"SELECT name FROM forewarn_journal.collector WHERE pid IN (SELECT pid FROM {LOCKS} AND objid = 1000)"


class Fleet:
    """Devices that report through virtual agents, in a thread of its own. ``made``: reports of each; ``fails_at``: when
    the disks of some begin to say that they fail, seconds after the start; ``ended``: no more reports are made."""

    def __init__(
        self, rng: random.Random, devices: int, seconds: float, load_seconds: float = 5.0, smart_seconds: float = 10.0
    ) -> None:
        self.seconds, self.load_seconds, self.smart_seconds = seconds, load_seconds, smart_seconds
        self.made: Counter[str] = Counter()
        self.loads: Counter[str] = Counter()
        self.devices = [f"shop-{number:03}" for number in range(devices)]
        failing = rng.sample(self.devices, max(1, round(devices * FAULTY)))
        # The last ones are noticed by reports that are still to come.
        latest = max(1.0, seconds - 2 * smart_seconds)
        self.fails_at = {device: rng.uniform(0, latest) for device in failing}
        self.ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, port: int) -> None:
        async def run() -> None:
            await self._report(VirtualAgents(f"mqtt://127.0.0.1:{port}"))

        self._thread = threading.Thread(target=lambda: asyncio.run(run()))
        self._thread.start()

    def join(self) -> None:
        """Return when every report is acknowledged."""
        assert self._thread is not None
        self._thread.join()

    async def _report(self, crowd: VirtualAgents) -> None:
        began = time.monotonic()
        apart = self.load_seconds / len(self.devices)
        due = {device: (began + apart * n, 0.0) for n, device in enumerate(self.devices)}
        for device in self.devices:
            crowd.send("status", StatusReport(
                device=device, boot="b1", seq=1, sampled_at=time.time(), state="online", session=1
            ))  # fmt: skip
        while time.monotonic() < began + self.seconds and not self.ended.is_set():
            now = time.monotonic()
            for device, (load_at, smart_at) in due.items():
                if now >= load_at:
                    load_at += self.load_seconds
                    self.loads[device] += 1
                    crowd.send("load", LoadReport(
                        device=device, boot="b1", seq=self._next(device), sampled_at=time.time(),
                        cpu=Cpu(used_percent=12.5),
                    ))  # fmt: skip
                if now >= smart_at:
                    smart_at = now + self.smart_seconds
                    crowd.send("smart", SmartReport(
                        device=device, boot="b1", seq=self._next(device), sampled_at=time.time(),
                        disk=Disk(slot="/dev/sda", serial=f"S-{device}"), outcome="measured",
                        passed=not (device in self.fails_at and now >= began + self.fails_at[device]),
                    ))  # fmt: skip
                due[device] = (load_at, smart_at)
            await asyncio.sleep(0.05)
        self.ended.set()
        await crowd.wait_below(1)
        await crowd.finish()

    def _next(self, device: str) -> int:
        self.made[device] += 1
        return self.made[device]


class House:
    """Collectors as processes. ``history``: the address of the store that they forward to."""

    def __init__(
        self, directory: Path, database: Database, broker: int, group_url: str, names: Sequence[str] = NAMES,
        history: str | None = None,
    ) -> None:  # fmt: skip
        self.kills: Counter[str] = Counter()
        self.broker = broker
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
        forwarded = {"history": {"url": history}} if history else {}
        for name in names:
            (directory / name).mkdir(mode=0o700)
            settings = {
                "listen": {"enabled": False}, "api": {"port": 0},
                "broker": {"url": f"mqtt://127.0.0.1:{broker}", "group": "forewarn"},
                "store": {"journal": where | {"name": name}, "state": where} | forwarded,
                "self_check": {"every_seconds": None},
                "tickets": {"budget_per_1000_devices_a_month": None},
                "notify": {"gather_seconds": 0, "storm_after": 1000, "channels": [channel]},
            }  # fmt: skip
            (directory / name / "collector.yaml").write_text(yaml.safe_dump(settings))

    def start(self, name: str, code: Path | None = None) -> None:
        """``code``: where another version of the collector's package is."""
        data = self.data(name)
        (data / "api.json").unlink(missing_ok=True)
        with (self._directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "forewarn_collector", "--data", str(data), "up"], stdout=log, stderr=log,
                env=os.environ | ({"PYTHONPATH": str(code)} if code else {}),
            )  # fmt: skip

    def end(self, name: str) -> None:
        """As for an upgrade: it gives up what it has."""
        process = self._running.pop(name)
        process.terminate()
        assert process.wait(60) == 0, self.said(name)

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running.pop(name).wait()
        self.kills[name] += 1

    def data(self, name: str) -> Path:
        return self._directory / name

    def status(self, name: str) -> dict[str, Any]:
        """What a collector says of itself."""
        said: dict[str, Any] = self._ask(name, "/api/v1/status").raise_for_status().json()
        return said

    def troubles(self, name: str) -> bool:
        """Whether its health check fails."""
        return self._ask(name, "/healthz").status_code == 503

    def _ask(self, name: str, path: str) -> httpx.Response:
        known = json.loads((self.data(name) / "api.json").read_text())
        return httpx.get(known["url"] + path, headers={"Authorization": f"Bearer {known['token']}"}, timeout=60)

    @property
    def runner(self) -> str | None:
        """Who does what is scheduled, as PostgreSQL says; None while nobody does."""
        found = self.database.run(RUNNER)
        return str(found[0][0]) if found else None

    @property
    def complete(self) -> bool:
        """Every collector that was started is up and has joined the others."""
        for name, process in self._running.items():
            assert process.poll() is None, self.said(name)
        up = all((self.data(name) / "api.json").exists() for name in self._running)
        return up and int(self.database.run(LIVING)[0][0]) == len(self._running)

    def apply(self, name: str) -> None:
        path = self._directory / "directory.yaml"
        path.write_text(DIRECTORY)
        command = [sys.executable, "-m", "forewarn_collector", "--data", str(self.data(name))]
        subprocess.run([*command, "directory", "apply", str(path)], check=True, capture_output=True)

    def said(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(60)

    def check_logs(self) -> None:
        for log in self._directory.glob("*.log"):
            said = log.read_text(errors="replace")
            assert "Traceback" not in said, said[-3000:]


def everything_once(fleet: Fleet, database: Database, wait_for: Callable[..., Any], told_again: int = 0) -> str:
    """Wait until all that was reported is stored and judged, assert that nothing is missing and nothing is there twice,
    and say so in words. ``told_again``: who is killed between sending and marking tells it again, so often at most."""
    made, faults = sum(fleet.made.values()), len(fleet.fails_at)
    with Reader(Postgres(database.url, database.password)) as reader:
        wait_for(lambda: reader.counts().reports >= made, SETTLE_SECONDS)
        wait_for(lambda: tickets(database).total() >= faults, SETTLE_SECONDS)
        wait_for(lambda: len(steps(database)) >= 2 * faults, SETTLE_SECONDS)
        time.sleep(TWICE_SECONDS)  # for what would come twice
        counts, found = reader.counts(), tickets(database)
        told = Counter(tellings(database))
        taken = Counter({step: often for step, often in told.items() if ": step " in step[1]})
        assert {row.name: row.reports for row in reader.devices()} == dict(fleet.made)
        history = History(reader)
        for device, loads in fleet.loads.items():
            assert len(history.read(device, "load", "", [], 0, 1e11)[0]) == loads
            assert not reader.gaps(device)
    assert found == {f"S-{device}": 1 for device in fleet.fails_at}
    assert len(taken) == 2 * faults
    assert set(taken.values()) == {1}
    assert told.total() - len(told) <= told_again
    return (
        f"{made} reports made, {counts.reports} stored, {counts.duplicates} that came again dropped; {faults} faults "
        f"planted, {found.total()} tickets of {len(found)} disks; {len(taken)} steps of escalations, "
        f"{taken.total()} taken"
    )


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
