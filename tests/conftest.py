"""What several rooms' tests share: recorded data, waiting, a real Mosquitto, a collector as a process."""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from servers.postgresql import Database, PostgreSQL
from servers.started import free_port

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

PROJECT = Path(__file__).resolve().parent.parent
AGENT_TREE = PROJECT / "tests" / "data" / "agent" / "tree"


def pytest_xdist_auto_num_workers() -> int:
    """Half of a test's time is spent waiting for processes and clocks."""
    return max(2, (os.cpu_count() or 2) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes a file's tests stay together, and so do those that share a real ticket system."""
    for item in items:
        room = item.path.parent
        item.add_marker(pytest.mark.xdist_group(room.name if room.name == "destinations" else str(item.path)))


@pytest.fixture(scope="session", autouse=True)
def no_login_of_whoever_runs_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real smartctl outputs and drive histories, kept beside the project."""
    path = PROJECT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("../shared/data is not beside this checkout")
    return path


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until ``condition`` is true and return what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {condition}")


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for


class Mosquitto:
    """A real Mosquitto on a loopback port, which can be stopped and started again."""

    def __init__(self, directory: Path, extra: str = "", anonymous: bool = True) -> None:
        self.port = free_port()
        self._config = directory / f"mosquitto-{self.port}.conf"
        allow = "true" if anonymous else "false"
        # As root, Mosquitto would become a user who cannot read the test's files.
        self._config.write_text(f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous {allow}\n{extra}")
        self._log = directory / f"mosquitto-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")), "-v", "-c", str(self._config)],
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start a server with more lines of configuration."""
    if shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("mosquitto is not installed")
    made: list[Mosquitto] = []

    def make(extra: str = "", anonymous: bool = True) -> Mosquitto:
        made.append(Mosquitto(tmp_path, extra, anonymous))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return make_mosquitto()


class CollectorProcess:
    """``forewarn up`` as a process: it can be killed and started again on the same ports and directory."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.mqtt_port, self.api_port = free_port(), free_port()
        self.options = options
        self.log = data.parent / f"{data.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "forewarn_collector", "up", "--data", str(self.data), *self.options]
        command += ["--mqtt-port", str(self.mqtt_port), "--api-port", str(self.api_port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._is_up, 60)

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the collector ended:\n{self.said()}"
        with contextlib.suppress(OSError, ValueError):
            return bool(json.loads((self.data / "api.json").read_text())["pid"] == self.process.pid)
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="session")
def collector_process() -> type[CollectorProcess]:
    """For a collector that outlives one test."""
    return CollectorProcess


@pytest.fixture
def make_collector(tmp_path: Path) -> Iterator[Callable[..., CollectorProcess]]:
    """Start a collector with more options, on a directory of this name."""
    made: list[CollectorProcess] = []

    def make(*options: str, name: str = "data") -> CollectorProcess:
        made.append(CollectorProcess(tmp_path / name, *options))
        made[-1].start()
        return made[-1]

    yield make
    for collector in made:
        collector.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    if not PostgreSQL.installed:
        pytest.skip("postgresql is not installed; as root, make test does that")
    server = PostgreSQL()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def database(postgresql: PostgreSQL) -> Database:
    """A new, empty one."""
    return postgresql.fresh()


class AgentProcess:
    """``forewarn-agent run``: it can be stopped and started again on the same data."""

    def __init__(self, directory: Path, port: int, device: str = "shop-07", **settings: Any) -> None:
        self.device = device
        self.data = directory / "agent"
        self._path = directory / "agent.yaml"
        self._log = directory / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None
        config = {
            "device": device,
            "server": f"mqtt://127.0.0.1:{port}",
            "data": str(self.data),
            "load_interval": 1,
            "reconnect_spread": "1s",
            "probes": {"smart": False},
            "roots": {
                "proc": str(AGENT_TREE / "proc"),
                "sys": str(AGENT_TREE / "sys"),
                "root": str(AGENT_TREE / "root"),
            },
        }
        self._path.write_text(yaml.safe_dump(config | settings))

    def start(self) -> None:
        command = [sys.executable, "-m", "forewarn_agent", "run", "--config", str(self._path)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def made(self) -> int:
        """How many reports it has made and keeps."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/outbox.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT COUNT(*) FROM reports").fetchone()[0])


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    """Start an agent that reports each second from recorded files: make_agent(port, key=value, ...)."""
    made: list[AgentProcess] = []

    def make(port: int, **settings: Any) -> AgentProcess:
        made.append(AgentProcess(tmp_path, port, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for agent in made:
        agent.stop()
