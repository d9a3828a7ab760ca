"""Starting the real programs, as an engineer would, on free ports and in fresh directories."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def forewarn(*arguments: str | Path, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run ``forewarn`` to its end; stdout, stderr and exit code are the caller's to judge."""
    command = [sys.executable, "-m", "forewarn_collector", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], seconds: float = 30.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.05)


class Running:
    """A collector as a process: it can be killed and started again on the same ports and directory."""

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
        wait_for(self._is_up, what=f"the collector did not start:\n{self.log.read_text()}")

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the collector ended:\n{self.log.read_text()}"
        with contextlib.suppress(OSError, ValueError):
            return bool(json.loads((self.data / "api.json").read_text())["pid"] == self.process.pid)
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "data")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def run_forewarn() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return forewarn


@pytest.fixture
def wait_until() -> Callable[..., None]:
    return wait_for
