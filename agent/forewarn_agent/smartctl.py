"""smartctl's only starter: one process per disk and poll, each with its own time limit."""

import shutil
from pathlib import Path
from typing import Any

from forewarn_agent.runner import Finished, HungError, MissingError, Runner
from forewarn_agent.smart_json import dig, load_object
from forewarn_agent.smart_outcome import STANDBY_EXIT_STATUS
from forewarn_agent.smartctl_socket import PIPE, SUFFIX, PipeRunner, SocketRunner

_ASLEEP_IS_LEFT = ["-n", f"standby,{STANDBY_EXIT_STATUS}"]


class Smartctl:
    """The program at ``path``, looked for on PATH if it is a bare name; or what runs it behind a socket."""

    def __init__(self, path: str, timeout: float, runner: Runner | None = None) -> None:
        self.path = path
        self.runner = runner or _runner(path)
        self._timeout = timeout

    def found(self) -> str | None:
        """The full path of the program or socket, or None."""
        if isinstance(self.runner, SocketRunner):
            return self.path if Path(self.path).is_socket() else None
        if isinstance(self.runner, PipeRunner):
            return self.path if Path(self.path).exists() else None
        return shutil.which(self.path)

    def version(self) -> str | None:
        """``7.3``, or None where smartctl does not answer in JSON (older than 7.0, or not there)."""
        try:
            document = load_object(self._run("version", ["--json=c", "--version"]).output)
        except (MissingError, HungError):
            return None
        major, minor = dig(document, "smartctl", "version", 0), dig(document, "smartctl", "version", 1)
        return f"{major}.{minor}" if isinstance(major, int) and isinstance(minor, int) else None

    def scan(self) -> list[dict[str, Any]]:
        """The rows of ``devices`` of ``--scan-open``: name, type, perhaps open_error. Raise MissingError, HungError."""
        document = load_object(self._run("scan", ["--scan-open", "--json=c"]).output)
        devices = dig(document, "devices")
        return [row for row in devices if isinstance(row, dict)] if isinstance(devices, list) else []

    def read(self, device: str, type_: str | None, wake: bool = False) -> Finished:
        """Everything that one disk says; it is woken only with ``wake``. Raise MissingError or HungError."""
        return self._of_disk(device, type_, [] if wake else _ASLEEP_IS_LEFT, ["-x"])

    def start_self_test(self, device: str, type_: str | None, extended: bool) -> Finished:
        """Have the disk test itself while it goes on working. Waking none. Raise MissingError or HungError."""
        return self._of_disk(device, type_, _ASLEEP_IS_LEFT, ["-t", "long" if extended else "short"])

    def identify(self, device: str, type_: str) -> Finished:
        """Who the disk is that answers to ``type_``, if any. Waking none. Raise MissingError or HungError."""
        return self._of_disk(device, type_, _ASLEEP_IS_LEFT, ["-i"])

    def _of_disk(self, device: str, type_: str | None, before: list[str], what: list[str]) -> Finished:
        by_type = ["-d", type_] if type_ else []
        return self._run(f"{device} {type_}", ["--json=c", *before, *what, *by_type, device])

    def _run(self, name: str, arguments: list[str]) -> Finished:
        return self.runner.run(f"smartctl {name}", [self.path, *arguments], self._timeout)


def _runner(path: str) -> Runner:
    if path == PIPE:
        return PipeRunner(path)
    return SocketRunner(path) if path.endswith(SUFFIX) else Runner()
