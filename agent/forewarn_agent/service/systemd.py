"""systemctl, journalctl and systemd-sysusers: their only caller."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from forewarn_agent.runner import plain_environment
from forewarn_agent.service.places import SERVICE

_SECONDS = 150.0
_SHOWN = "ActiveState,SubState,ActiveEnterTimestamp,MainPID,NRestarts,Result,UnitFileState,LoadState"


class ServiceError(Exception):
    """The service is not as it should be; the text says what, and what to do."""


@dataclass(frozen=True)
class Done:
    status: int
    text: str


def call(*command: str, given: bytes | None = None) -> Done:
    """Exit status and everything that the program says. Raise ServiceError where it cannot be run."""
    try:
        done = subprocess.run(
            command,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} is not there: install it") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{' '.join(command)}: no answer within {_SECONDS:g} s") from None
    return Done(done.returncode, done.stdout.decode("utf-8", "replace").strip())


def must(*command: str) -> None:
    """Run; raise ServiceError with the program's own words where it fails."""
    done = call(*command)
    if done.status:
        raise ServiceError(f"{' '.join(command)}: {done.text or f'exit status {done.status}'}")


def is_running() -> bool:
    """Whether systemd is this machine's process 1."""
    return Path("/run/systemd/system").is_dir()


def show() -> Mapping[str, str]:
    """What systemd knows of the service; times as ``@`` and Unix seconds."""
    text = call("systemctl", "show", "--timestamp=unix", f"--property={_SHOWN}", SERVICE).text
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def last_words() -> str:
    """The last line that the service's last run has logged: it says best why it does not run."""
    run = call("systemctl", "show", "--property=InvocationID", "--value", SERVICE).text
    shown = ("--no-pager", "--output=cat", "--lines=1", "--quiet")
    return call("journalctl", *shown, f"_SYSTEMD_INVOCATION_ID={run}").text[-300:] or "it has logged nothing"
