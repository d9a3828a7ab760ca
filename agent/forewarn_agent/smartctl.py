"""smartctl's only starter: one process per disk and poll, each with its own time limit."""

import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from typing import Any

from forewarn_agent.smart_json import dig, load_object
from forewarn_agent.smart_outcome import STANDBY_EXIT_STATUS

# How long a killed process may take to go; one that waits inside the kernel for a disk cannot.
_KILL_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    """A run that came to its end."""

    output: bytes
    exit_status: int


class SmartctlMissingError(Exception):
    """smartctl is not there or cannot be started; the text says which."""


class SmartctlHungError(Exception):
    """The run took too long; the text says whether it could be killed."""


class Smartctl:
    """Runs ``path``. A disk whose last run still hangs inside the kernel is not asked again until that one is gone."""

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self._timeout = timeout
        self._running: set[subprocess.Popen[bytes]] = set()
        self._hung: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def found(self) -> str | None:
        """The full path of the program, or None."""
        return shutil.which(self.path)

    def version(self) -> str | None:
        """``7.3``, or None where smartctl does not answer in JSON (older than 7.0, or not there)."""
        try:
            document = load_object(self._run("version", ["--json=c", "--version"]).output)
        except (SmartctlMissingError, SmartctlHungError):
            return None
        major, minor = dig(document, "smartctl", "version", 0), dig(document, "smartctl", "version", 1)
        return f"{major}.{minor}" if isinstance(major, int) and isinstance(minor, int) else None

    def scan(self) -> list[dict[str, Any]]:
        """The rows of ``devices`` of ``--scan-open``: name, type, perhaps open_error."""
        document = load_object(self._run("scan", ["--scan-open", "--json=c"]).output)
        devices = dig(document, "devices")
        return [row for row in devices if isinstance(row, dict)] if isinstance(devices, list) else []

    def read(self, device: str, type_: str | None) -> Finished:
        """Everything that one disk says, without waking it. Raise SmartctlMissingError or SmartctlHungError."""
        arguments = ["--json=c", "-n", f"standby,{STANDBY_EXIT_STATUS}", "-x"]
        if type_:
            arguments += ["-d", type_]
        return self._run(f"{device} {type_}", [*arguments, device])

    def close(self) -> None:
        """Kill what still runs; later runs fail at once."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _kill(process)

    def _run(self, name: str, arguments: list[str]) -> Finished:
        earlier = self._hung.get(name)
        if earlier is not None and earlier.poll() is None:
            raise SmartctlHungError("an earlier smartctl still hangs on it and could not be killed")
        process = self._start(arguments)
        try:
            output, _ = process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            try:
                process.communicate(timeout=_KILL_SECONDS)
            except subprocess.TimeoutExpired:
                self._hung[name] = process
                raise SmartctlHungError(
                    f"smartctl hung for {self._timeout:g} s and could not be killed: the disk does not answer"
                ) from None
            raise SmartctlHungError(f"smartctl took longer than {self._timeout:g} s and was killed") from None
        finally:
            with self._lock:
                self._running.discard(process)
        return Finished(output, process.returncode)

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise SmartctlHungError("the agent is stopping")
            try:
                process = subprocess.Popen(
                    [self.path, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            except OSError as error:
                raise SmartctlMissingError(f"{self.path}: {error.strerror or error}") from None
            self._running.add(process)
            return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, OSError):
        process.kill()
