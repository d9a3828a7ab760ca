"""What the agent can be told, as plain values. ``config`` reads them from YAML."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from forewarn_agent.platforms import Platform


@dataclass(frozen=True)
class Server:
    host: str
    port: int
    tls: bool

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


@dataclass(frozen=True)
class Tls:
    ca: Path | None
    certificate: Path | None
    key: Path | None


@dataclass(frozen=True)
class Roots:
    """Where the machine's own trees are; other places let the agent run on a captured one. ``recorded`` holds what its
    programs said, None where they are asked."""

    proc: Path
    sys: Path
    root: Path
    recorded: Path | None = None


@dataclass(frozen=True)
class Filesystems:
    """Filesystem types and mount points that are not reported."""

    exclude_fstypes: frozenset[str]
    exclude_mounts: frozenset[str]


@dataclass(frozen=True)
class OutboxLimits:
    max_bytes: int
    max_age: float
    keep: float = 86400.0


@dataclass(frozen=True)
class SelfTests:
    """How often each disk is to test itself, in seconds; None where the agent starts none of that kind."""

    short: float | None = None
    extended: float | None = None


@dataclass(frozen=True)
class Config:
    """Every setting; durations in seconds. ``probes`` holds the names of those that are on, ``local`` the keys
    that the machine's own file sets."""

    device: str
    server: Server
    tls: Tls
    password_file: Path | None
    data: Path
    load_interval: float
    smart_interval: float
    probes: frozenset[str]
    smartctl: str
    smartctl_timeout: float
    roots: Roots
    filesystems: Filesystems
    outbox: OutboxLimits
    reconnect_spread: float
    self_tests: SelfTests = SelfTests()
    smart_force_after: int | None = None
    local: frozenset[str] = frozenset()
    platform: Platform = Platform.LINUX
    log_interval: float = 300.0
