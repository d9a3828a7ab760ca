"""The privileged half of the agent where no shell can be it: requests and answers of ``units/forewarn-smartctl``.

A request: the seconds after which the run is killed, then one argument a line, then an empty line. The answer: what
smartctl prints, then a line ``exit STATUS``; 137 is a run that was killed.
"""

import re
from collections.abc import Sequence
from typing import BinaryIO

from forewarn_agent.runner import HungError, MissingError, Runner

_KILLED = 137
_MOST = 16
_VALUES = {
    "-d": ("type", re.compile(r"[a-z0-9,+/_-]*")),
    "-n": ("power mode", re.compile(r"standby(,[0-9].*)?")),
    "-t": ("test", re.compile(r"short|long")),
    "-l": ("log", re.compile(r"selftest|xselftest,selftest")),
}
_ALONE = frozenset({"--json=c", "--version", "--scan-open", "-x", "-i", "-a", "-c"})
_DEVICE = re.compile(r"/dev/(?!.*\.\.)[A-Za-z0-9/_:.-]+")


def refusal(arguments: Sequence[str]) -> str | None:
    """Why these arguments of smartctl are not run: they do more than read and have a disk test itself."""
    if len(arguments) > _MOST:
        return "too many arguments"
    option = None
    for argument in arguments:
        if option is not None:
            name, form = _VALUES[option]
            option = None
            if not form.fullmatch(argument):
                return name
        elif argument in _VALUES:
            option = argument
        elif argument.startswith("/dev/"):
            if not _DEVICE.fullmatch(argument):
                return "device"
        elif argument not in _ALONE:
            return "argument"
    return "value missing" if option is not None else None


def answer(connection: BinaryIO, runner: Runner, smartctl: str) -> None:
    """Serve one request."""
    lines: list[str] = []
    while line := connection.readline(1000).decode("utf-8", "replace").rstrip("\r\n"):
        lines.append(line)
    connection.write(_run(lines, runner, smartctl))


def _run(lines: list[str], runner: Runner, smartctl: str) -> bytes:
    seconds, *arguments = lines or [""]
    if not re.fullmatch(r"[1-9]|[1-9][0-9]|[12][0-9][0-9]", seconds):
        return b"\nexit refused seconds\n"
    if why := refusal(arguments):
        return f"\nexit refused {why}\n".encode()
    try:
        finished = runner.run("smartctl", [smartctl, *arguments], float(seconds))
    except MissingError:
        return b"\nexit refused smartctl is not installed\n"
    except HungError:
        return f"\nexit {_KILLED}\n".encode()
    return finished.output + f"\nexit {finished.exit_status}\n".encode()
