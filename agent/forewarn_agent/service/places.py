"""Where an installed agent's files are, on each platform."""

import sys
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

USER = "forewarn-agent"
PROGRAM = "forewarn-agent"
SERVICE = "forewarn-agent.service"
SOCKET = "forewarn-smartctl.socket"
UNITS = (SERVICE, SOCKET, "forewarn-smartctl@.service")
HELPER = "forewarn-smartctl"
PACKAGE = Path("/usr/lib/forewarn-agent")
"""Where the Debian package puts the program."""


@dataclass(frozen=True)
class Places:
    """Everything that ``install`` makes is below one of these, and ``uninstall`` takes it away again. Below another
    root than the machine's own, files are laid out for a machine to be."""

    root: Path = Path("/")

    def on_machine(self, path: Path) -> str:
        """What the machine itself will call ``path``."""
        return f"/{path.relative_to(self.root).as_posix()}"

    @property
    def settings(self) -> Path:
        return self.root / "etc" / "forewarn-agent"

    @property
    def config(self) -> Path:
        return self.settings / "agent.yaml"

    @property
    def signers(self) -> Path:
        """Who may sign new versions, in ssh-keygen's form."""
        return self.settings / "allowed_signers"

    @property
    def data(self) -> Path:
        return self.root / "var" / "lib" / "forewarn-agent"

    @property
    def programs(self) -> Path:
        """One directory a version, and ``current``, a link to the one that runs."""
        return self.root / "opt" / "forewarn-agent"

    @property
    def current(self) -> Path:
        return self.programs / "current"

    @property
    def program(self) -> Path:
        return self.current / PROGRAM

    @property
    def command(self) -> Path:
        return self.root / "usr" / "local" / "bin" / PROGRAM

    @property
    def sysusers(self) -> Path:
        return self.root / "etc" / "sysusers.d" / "forewarn-agent.conf"

    @property
    def definitions(self) -> Path:
        """What the platform starts services from."""
        return self.root / "etc" / "systemd" / "system"


class MacPlaces(Places):
    @property
    def data(self) -> Path:
        return self.root / "var" / "db" / "forewarn-agent"

    @property
    def programs(self) -> Path:
        return self.root / "usr" / "local" / "lib" / "forewarn-agent"

    @property
    def definitions(self) -> Path:
        return self.root / "Library" / "LaunchDaemons"

    @property
    def log(self) -> Path:
        return self.root / "var" / "log" / "forewarn-agent.log"

    @property
    def log_rotation(self) -> Path:
        return self.root / "etc" / "newsyslog.d" / "forewarn-agent.conf"


class WindowsPlaces(Places):
    def on_machine(self, path: Path) -> str:
        return str(PureWindowsPath("C:/", *path.relative_to(self.root).parts))

    @property
    def settings(self) -> Path:
        return self.root / "ProgramData" / "forewarn-agent"

    @property
    def data(self) -> Path:
        return self.settings / "data"

    @property
    def programs(self) -> Path:
        return self.root / "Program Files" / "forewarn-agent"

    @property
    def current(self) -> Path:
        """Windows has no links that a service should depend on: one directory, which the next version replaces."""
        return self.programs

    @property
    def program(self) -> Path:
        return self.current / f"{PROGRAM}.exe"

    @property
    def command(self) -> Path:
        return self.program

    @property
    def definitions(self) -> Path:
        return self.programs


def packaged() -> bool:
    """Whether this program belongs to the Debian package, which brings units and user."""
    return PACKAGE in Path(sys.executable).resolve().parents
