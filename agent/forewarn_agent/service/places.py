"""Where an installed agent's files are."""

import sys
from dataclasses import dataclass
from pathlib import Path

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
    """Everything that ``install`` makes is below one of these, and ``uninstall`` takes it away again."""

    root: Path = Path("/")

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
    def command(self) -> Path:
        return self.root / "usr" / "local" / "bin" / PROGRAM

    @property
    def sysusers(self) -> Path:
        return self.root / "etc" / "sysusers.d" / "forewarn-agent.conf"


def packaged() -> bool:
    """Whether this program belongs to the Debian package, which brings units and user."""
    return PACKAGE in Path(sys.executable).resolve().parents
