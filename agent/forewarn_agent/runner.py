"""Starts other programs, each with a time limit, and leaves none behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

# How long a killed process may take to go; one that waits inside the kernel for a disk cannot.
_KILL_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    """A run that came to its end."""

    output: bytes
    exit_status: int


class MissingError(Exception):
    """The program is not there or cannot be started; the text says which."""


class HungError(Exception):
    """The run took too long; the text says whether it could be killed."""


class Runner:
    """Runs programs by name. While a run hangs inside the kernel, none of the same name is started."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._hung: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def run(self, name: str, command: list[str], timeout: float) -> Finished:
        """Standard output and exit status of ``command``. Raise MissingError or HungError."""
        earlier = self._hung.get(name)
        if earlier is not None and earlier.poll() is None:
            raise HungError("an earlier run still hangs and could not be killed")
        process = self._start(command)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            try:
                process.communicate(timeout=_KILL_SECONDS)
            except subprocess.TimeoutExpired:
                self._hung[name] = process
                raise HungError(f"no answer within {timeout:g} s, and it could not be killed") from None
            raise HungError(f"no answer within {timeout:g} s, killed") from None
        finally:
            with self._lock:
                self._running.discard(process)
        return Finished(output, process.returncode)

    def close(self) -> None:
        """Kill what still runs; later runs fail at once."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _kill(process)

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise HungError("the agent is stopping")
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=plain_environment(),
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except OSError as error:
                raise MissingError(f"{command[0]}: {error.strerror or error}") from None
            self._running.add(process)
            return process


def plain_environment() -> dict[str, str]:
    """Ours, in plain English, and without the library path by which the single executable finds its own parts."""
    environment = {**os.environ, "LC_ALL": "C"}
    if getattr(sys, "frozen", False):
        environment.pop("LD_LIBRARY_PATH", None)
        if before := os.environ.get("LD_LIBRARY_PATH_ORIG"):
            environment["LD_LIBRARY_PATH"] = before
    return environment


def own_program() -> list[str]:
    """How to start another ``forewarn-agent``: the single executable is one, a Python needs to be told."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "forewarn_agent"]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and whatever it started, if it lets itself be killed."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, OSError):
        # One that became another user is not ours to kill.
        with contextlib.suppress(OSError):
            process.kill()
