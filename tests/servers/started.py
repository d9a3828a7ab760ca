"""Ticket systems from Debian that tests start: what they have in common."""

import contextlib
import hashlib
import itertools
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = PROJECT / "build" / "servers"
START_SECONDS = 90.0


class There(NamedTuple):
    """A ticket as its system has it; ``notes``: (login, text, for the customer), the oldest first."""

    id: str
    key: str
    title: str
    state: str
    owner: str
    priority: str
    notes: list[tuple[str, str, bool]]


def free_port() -> int:
    """One that the system gives to nobody by itself: another's connection could take it before the server does."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def run(command: list[str], environment: Mapping[str, str], directory: Path | None = None) -> str:
    """Its output. Raise AssertionError with all that it said when it fails."""
    done = subprocess.run(
        command, env=os.environ | environment, cwd=directory, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def template(name: str, package: str, sources: list[Path], make: Callable[[Path], None]) -> Path:
    """A directory that ``make`` filled, kept until the package or one of the sources changes."""
    version = run(["dpkg-query", "--show", package], {})
    said = version.encode() + b"".join(path.read_bytes() for path in sources)
    path = TEMPLATES / f"{name}-{hashlib.sha256(said).hexdigest()[:16]}"
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        make(fresh)
        with contextlib.suppress(OSError):  # somebody else has made it meanwhile
            fresh.rename(path)
    return path


class Process:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str], directory: Path | None) -> None:
        self._command = command
        self._log = log
        self._environment = os.environ | environment
        self._directory = directory
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, answers: Callable[[], Any]) -> None:
        """Return when ``answers`` does, instead of raising."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, env=self._environment, cwd=self._directory, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                answers()
                return
            except Exception:
                said = self._log.read_text(errors="replace")[-2000:]
                assert self._child.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.1)

    def stop(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def kill(self) -> None:
        """With -9."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        self._child = None


_put_back = itertools.count(1)


def put_back(template: Path, database: Path) -> None:
    """Give a running server the content of ``template`` as its SQLite database.

    SQLite keeps pages in memory as long as the file's change counter is the same (file format, 1.3.7). A content that
    comes back would bring back its counter, and with it pages of the test before: so it gets one that never was.
    """
    content = bytearray(template.read_bytes())
    counter = (1_000_000 * next(_put_back)).to_bytes(4, "big")
    content[24:28] = content[92:96] = counter  # the counter, and for which counter the size in the header is valid
    database.write_bytes(content)
