"""Agents and collector are killed while the network is bad: nothing is lost, nothing is stored twice, and every
fault is one ticket.

`make chaos` takes MINUTES and AGENTS; SEED says which mishaps.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from forewarn_collector.store.history import History
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import open_state_to_read, ticket

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[3]
SECONDS = 60 * float(os.environ.get("FOREWARN_MINUTES", "1"))
AGENTS = int(os.environ.get("FOREWARN_AGENTS", "6"))
SEED = int(os.environ.get("FOREWARN_SEED", "20261126"))
# Until everything has arrived: agents wait longer after each failed attempt, and missing reports are asked for.
SETTLE_SECONDS = 240.0
# Starting an agent and reading a disk are what costs: two cores carry half a start and one reading in a second.
EVERY_SECONDS = 0.5 * max(1.0, AGENTS / 10)
READ_DISK_SECONDS = max(8 * EVERY_SECONDS, float(AGENTS))
AGENT_LIVES_SECONDS = max(9.0, 2.2 * AGENTS)
SBIN = f"{os.environ['PATH']}:/usr/sbin"
RECORDED = (
    "smartctl/netdata__netdata/src__go__plugin__go.d__collector__smartctl__testdata__type-sat__device-hdd-sda.json"
)
Wait = Callable[..., Any]


class Agent:
    """A real agent. Its disk is a recorded one under a serial number of its own."""

    def __init__(
        self, number: int, directory: Path, server: str, keys: Path, recorded: dict[str, Any], program: Any
    ) -> None:
        self.name, self.serial = f"shop-{number:02}", f"CHAOS-{number:02}"
        make_certificate(keys, self.name)
        self._tls = {"ca": f"{keys}/ca.pem", "certificate": f"{keys}/{self.name}.pem", "key": f"{keys}/{self.name}.key"}
        self._directory = directory / self.name
        self._server = server
        self._recorded = recorded | {"serial_number": self.serial}
        (self._directory / "bare" / "block").mkdir(parents=True)
        self.path = self._directory / "agent.yaml"
        self.fault(False)
        (self._directory / "devices.json").write_text(json.dumps({"/dev/sda": {"type": "sat", "file": "disk.json"}}))
        (self._directory / "smartctl").symlink_to(PROJECT / "tests" / "agent" / "fake_smartctl.py")
        self.interval(EVERY_SECONDS)
        self.program = program(self.path)

    def interval(self, seconds: float) -> None:
        tree = PROJECT / "tests" / "data" / "agent" / "tree"
        settings = {
            "device": self.name, "server": self._server, "tls": self._tls, "data": str(self._directory / "data"),
            "load_interval": seconds, "smart_interval": max(seconds, READ_DISK_SECONDS), "reconnect_spread": 1,
            "probes": {"log": False},
            "smartctl": str(self._directory / "smartctl"),
            "roots": {"proc": str(tree / "proc"), "sys": str(self._directory / "bare"), "root": str(tree / "root")},
        }  # fmt: skip
        self.path.write_text(yaml.safe_dump(settings))

    def fault(self, failing: bool) -> None:
        said = self._recorded | {"smart_status": {"passed": not failing}}
        fresh = self._directory / "disk.new"
        fresh.write_text(json.dumps(said))
        fresh.replace(self._directory / "disk.json")

    def sampled(self) -> Counter[str]:
        """Reports ever made, by kind; delivered ones stay in the outbox for a day."""
        path = self._directory / "data" / "outbox.db"
        if not path.exists():  # it has not come that far
            return Counter()
        outbox = sqlite3.connect(path)
        try:
            try:
                made = outbox.execute("SELECT value FROM meta WHERE key = 'next_seq'").fetchone()
            except sqlite3.OperationalError:  # it is just making the file
                made = None
            if made is None:
                return Counter()
            found = Counter(dict(outbox.execute("SELECT kind, COUNT(*) FROM reports GROUP BY kind").fetchall()))
        finally:
            outbox.close()
        assert found.total() == int(made[0]) - 1
        return found


class Stored:
    """What the collector has on disk."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def reports(self) -> dict[str, int]:
        with Reader(self._data) as reader:
            return {row.name: self._received(reader, row.name) for row in reader.devices()}

    def _received(self, reader: Reader, device: str) -> int:
        with reader.snapshot() as connection:
            query = "SELECT COALESCE(SUM(reports), 0) FROM intake WHERE device = ?"
            return int(connection.execute(query, (device,)).fetchone()[0])

    def rows(self, device: str, kind: str) -> int:
        with Reader(self._data) as reader:
            history = History(reader)
            parts = [series.part for series in reader.series_of(device) if series.kind == kind]
            return sum(len(history.read(device, kind, part, [], 0, 1e11)[0]) for part in parts)

    def duplicates_dropped(self) -> int:
        with Reader(self._data) as reader:
            return reader.counts().duplicates

    def tickets(self) -> Counter[str]:
        engine = open_state_to_read(self._data / "state.db")
        with engine.connect() as connection:
            found = Counter(row[0] for row in connection.execute(sa.select(ticket.c.part_serial)))
        engine.dispose()
        return found


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_authority(directory: Path) -> None:
    directory.mkdir()
    openssl(
        directory, "req", "-x509", *NEW_KEY, "-subj", "/CN=chaos", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"
    )


def make_certificate(directory: Path, name: str) -> None:
    """``name``: a device's, or the server's address."""
    openssl(directory, "req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    if name[0].isdigit():
        (directory / "names").write_text(f"subjectAltName=IP:{name}")
    openssl(
        directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "2", *(("-extfile", "names") if name[0].isdigit() else ()), "-out", f"{name}.pem",
    )  # fmt: skip


def weathers(rng: random.Random, make: Any, fine: Any) -> Any:
    return rng.choice([
        fine,
        make(loss=rng.uniform(0.02, 0.25)),
        make(delay_seconds=rng.uniform(0.05, 0.6)),
        make(bytes_per_second=rng.uniform(3_000, 30_000)),
        make(loss=0.05, delay_seconds=0.2, bytes_per_second=10_000),
        make(cut=True),
    ])  # fmt: skip


def broker_of(directory: Path, keys: Path, node: Any, program: Any) -> Any:
    """A Mosquitto with the packaged configuration before the collector, on the same machine."""
    home = directory / "mosquitto"
    home.mkdir()
    packaged = PROJECT / "collector" / "forewarn_collector" / "identity" / "mosquitto"
    for name in ("acl-devices", "acl-collector"):
        shutil.copy(packaged / name, home)
        (home / name).chmod(0o600)
    for name, source in (
        ("ca.crt", "ca.pem"),
        ("server.crt", f"{node.address}.pem"),
        ("server.key", f"{node.address}.key"),
    ):
        shutil.copy(keys / source, home / name)
    (home / "passwd-collector").touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", home / "passwd-collector", "collector", "secret"], check=True)
    (home / "password").write_text("secret")
    (home / "password").chmod(0o600)
    text = (packaged / "forewarn.conf").read_text().replace("/etc/mosquitto/forewarn", str(home))
    text = text.replace("listener 8883", f"listener 8883 {node.address}").replace(f"crlfile {home}/ca.crl\n", "")
    # As root, Mosquitto would become a user who cannot read the test's files.
    (home / "mosquitto.conf").write_text(f"user root\npersistence true\npersistence_location {home}/\n{text}")
    return program(node, home / "log", str(shutil.which("mosquitto", path=SBIN)), "-c", str(home / "mosquitto.conf"))


@pytest.mark.parametrize("door", ["own listener", "Mosquitto"])
def test_nothing_is_lost_and_nothing_comes_twice(
    door: str, tmp_path: Path, make_network: Any, make_program: Any, weather: Any, wait_for: Wait, shared_data: Path
) -> None:
    if door == "Mosquitto" and shutil.which("mosquitto", path=SBIN) is None:
        pytest.skip("mosquitto is not installed")
    make, fine = weather
    rng = random.Random(SEED)
    network = make_network(rng)
    server = network.add()
    data = tmp_path / "data"
    keys = tmp_path / "keys"
    make_authority(keys)
    make_certificate(keys, server.address)
    certificate, key = f"{keys}/{server.address}.pem", f"{keys}/{server.address}.key"
    tls = {"certificate": certificate, "key": key, "client_ca": f"{keys}/ca.pem"}
    settings: dict[str, Any] = {"listen": {"address": server.address, "port": 8883, "tls": tls}}
    mishaps: list[tuple[Any, float]] = []
    if door == "Mosquitto":
        broker = broker_of(tmp_path, keys, server, make_program)
        broker.start()
        mishaps.append((broker, 12.0))
        account = {"username": "collector", "password_file": f"{tmp_path}/mosquitto/password"}
        settings = {"listen": {"enabled": False}, "broker": {"url": "mqtt://127.0.0.1:1883", **account}}
    (tmp_path / "collector.yaml").write_text(yaml.safe_dump(settings))
    collector = make_program(
        server, tmp_path / "collector.log", sys.executable, "-m", "forewarn_collector",
        "up", "--data", str(data), "--config", str(tmp_path / "collector.yaml"),
    )  # fmt: skip
    collector.start()
    mishaps.append((collector, 8.0))
    wait_for(lambda: (data / "api.json").exists(), 60)

    url = f"mqtts://{server.address}:8883"
    recorded = json.loads((shared_data / RECORDED).read_text())

    agents = []
    for number in range(AGENTS):
        node = network.add()

        def program(path: Path, node: Any = node) -> Any:
            log = path.with_suffix(".log")
            return make_program(node, log, sys.executable, "-m", "forewarn_agent", "run", "--config", str(path))

        agents.append((Agent(number, tmp_path, url, keys, recorded, program), node))
        agents[-1][0].program.start()
    mishaps += [(agent.program, AGENT_LIVES_SECONDS) for agent, _ in agents]

    planted = {agent.serial for agent, _ in agents[: AGENTS // 2]}
    faulty = {agent.serial: rng.uniform(0.2, 0.9) * SECONDS for agent, _ in agents[: AGENTS // 2]}
    began = time.monotonic()
    down: list[tuple[float, Any]] = []
    next_weather = 0.0
    next_kill = {id(program): rng.expovariate(1 / mean) for program, mean in mishaps}
    while (now := time.monotonic() - began) < SECONDS:
        for agent, _ in agents:
            if faulty.get(agent.serial, SECONDS) <= now:
                agent.fault(True)
                del faulty[agent.serial]
        for program, mean in mishaps:
            if next_kill[id(program)] <= now and program.process is not None:
                program.kill()
                down.append((now + rng.uniform(0, 4), program))
                next_kill[id(program)] = now + 4 + rng.expovariate(1 / mean)
        for at, program in [entry for entry in down if entry[0] <= now]:
            program.start()
            down.remove((at, program))
        if now >= next_weather:
            next_weather = now + 3
            for _, node in rng.sample(agents, max(1, AGENTS // 2)):
                node.weather = weathers(rng, make, fine)
        time.sleep(0.1)

    for _, node in agents:
        node.weather = fine
    for _, program in down:
        program.start()
    for agent, _ in agents:
        # It is quiet now, and its disk has been read once more.
        agent.program.kill()
        agent.fault(agent.serial in planted)
        agent.interval(3600)
        agent.program.start()
    stored = Stored(data)
    wait_for(lambda: all(agent.sampled()["smart"] > 0 for agent, _ in agents), SETTLE_SECONDS)

    def everything_has_arrived() -> bool:
        reports = stored.reports()
        return all(reports.get(agent.name, 0) == agent.sampled().total() for agent, _ in agents)

    try:
        wait_for(everything_has_arrived, SETTLE_SECONDS)
        wait_for(lambda: stored.tickets().keys() >= planted, SETTLE_SECONDS)
    finally:
        sampled = sum((agent.sampled() for agent, _ in agents), Counter[str]())
        reports = sum(stored.reports().get(agent.name, 0) for agent, _ in agents)
        tickets = stored.tickets()
        kills = {"collector": collector.kills, "agent": sum(agent.program.kills for agent, _ in agents)}
        if door == "Mosquitto":
            kills["broker"] = broker.kills
        print(
            f"{door}, {SECONDS:.0f} s, {AGENTS} agents, seed {SEED}: killed {kills}; "
            f"packets carried {network.carried}, lost {network.lost}; reports sampled {sampled.total()}, "
            f"stored {reports}, came twice and were dropped {stored.duplicates_dropped()}; "
            f"faults planted {len(planted)}, tickets {tickets.total()}"
        )
    for kind in ("load", "smart"):
        for agent, _ in agents:
            assert stored.rows(agent.name, kind) == agent.sampled()[kind], (agent.name, kind)
    assert tickets == dict.fromkeys(planted, 1)
    assert min(*kills.values(), network.lost) > 0
