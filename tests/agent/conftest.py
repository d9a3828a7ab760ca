"""Machines and servers for the agent's tests."""

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "agent"


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real filesystem with very little room."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)], capture_output=True)
    if made.returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


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

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

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
