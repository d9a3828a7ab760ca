"""What starts and supervises the service: one interface, one module a platform."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from forewarn_agent.service.places import Places
from forewarn_agent.service.systemd import ServiceError

Say = Callable[[str], None]


class ServiceStatus(msgspec.Struct):
    """Times in Unix seconds; null is "not known", and ``detail`` says why where something is."""

    state: str
    """systemd's word: active, activating, failed, inactive; or not-installed."""
    version: str | None = None
    since: float | None = None
    process_id: int | None = None
    restarts: int | None = None
    starts_with_machine: bool | None = None
    reports_waiting: int | None = None
    bytes_waiting: int | None = None
    oldest_waiting_at: float | None = None
    last_delivered_at: float | None = None
    detail: str = ""


class Manager(Protocol):
    """Methods that say so only write files below ``places.root``, so they serve any machine's tree; the others speak
    to the machine that they run on. All raise ServiceError."""

    @property
    def places(self) -> Places: ...

    @property
    def smartctl(self) -> str:
        """What runs smartctl for the agent."""

    @property
    def searched(self) -> str:
        """Where smartctl is looked for, as PATH says such things."""

    @property
    def files(self) -> tuple[str, ...]:
        """Of units/, what a version needs beside its program."""

    def check(self) -> None:
        """Whether services can be installed here and by this user."""

    def add_user(self) -> None:
        """Make the user that the service runs as, if it is not there."""

    def protect(self, path: Path) -> None:
        """The administrator writes, the service reads, nobody else."""

    def define(self) -> None:
        """Write what the platform starts the service from. Only files."""

    def start(self) -> None:
        """Start it, now and with the machine; come back when it is active."""

    def stop(self) -> None:
        """End it, and do not start it with the machine any more."""

    def remove(self, with_user: bool) -> None:
        """Take away the definition and, ``with_user``, the service's user; called after ``stop``."""

    def read(self, status: ServiceStatus) -> None:
        """Fill in how the service is."""


def manager_of(platform: str = sys.platform, root: Path | None = None) -> Manager:
    """``platform`` as ``sys.platform`` names it."""
    if platform == "linux":
        from forewarn_agent.service.linux import Linux

        return Linux(root or Path("/"))
    if platform == "darwin":
        from forewarn_agent.service.macos import MacOS

        return MacOS(root or Path("/"))
    if platform == "win32":
        from forewarn_agent.service.windows import Windows

        return Windows(root or Path("C:/"))
    raise ServiceError(f"no services on {platform}: Linux with systemd, macOS and Windows have them")
