"""Machines and servers for the agent's tests."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "agent"


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until ``condition`` is true and return what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {condition}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for


@pytest.fixture(scope="session")
def agent_data() -> Path:
    return DATA


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[dict[str, dict[str, Any]]], Path]:
    """Give devices, get the path of a smartctl that knows them."""
    spec = importlib.util.spec_from_file_location("fake_smartctl", HERE / "fake_smartctl.py")
    assert spec is not None
    assert spec.loader is not None
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)

    def install(devices: dict[str, dict[str, Any]]) -> Path:
        path: Path = fake.install(tmp_path / "machine", devices)
        return path

    return install


@pytest.fixture
def empty_roots(tmp_path: Path) -> dict[str, str]:
    """Roots of a machine whose kernel shows no disks; proc is that of the captured tree."""
    bare = tmp_path / "bare"
    (bare / "block").mkdir(parents=True)
    return {"proc": str(DATA / "tree" / "proc"), "sys": str(bare), "root": str(DATA / "tree" / "root")}


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


class AgentProcess:
    """``forewarn-agent run`` as a process of its own."""

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self._config = directory / "agent.yaml"
        self._config.write_text(yaml.safe_dump(config))
        self._log = directory / "agent.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "forewarn_agent", "run", "--config", str(self._config)], stdout=log, stderr=log
            )

    def end(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(20)
        self._process = None
        return code

    def log(self) -> str:
        return self._log.read_text()

    def clean_up(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture
def agent_process(tmp_path: Path) -> Iterator[Callable[[dict[str, Any]], AgentProcess]]:
    made: list[AgentProcess] = []

    def make(config: dict[str, Any]) -> AgentProcess:
        made.append(AgentProcess(tmp_path, {"data": str(tmp_path / "data"), **config}))
        return made[-1]

    yield make
    for process in made:
        process.clean_up()
