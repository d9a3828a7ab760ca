"""The typed table of configuration keys: path, how a value is read, the default, and what it is for."""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from forewarn_agent.platforms import Platform, this_platform
from forewarn_agent.probes import PROBES
from forewarn_agent.settings import Server
from forewarn_agent.units import duration_text, parse_duration, parse_size
from forewarn_wire import device_name_problem


@dataclass(frozen=True)
class Key:
    path: str
    parse: Callable[[object], object]
    default: object
    meaning: str


@dataclass(frozen=True)
class Computed:
    """A default that depends on the machine; ``text`` says how."""

    text: str
    compute: Callable[[], object]


def computed_default(key: Key) -> object:
    return key.default.compute() if isinstance(key.default, Computed) else key.default


def _device(value: object) -> str:
    text = str(value)
    problem = device_name_problem(text)
    if problem:
        raise ValueError(problem)
    return text


def device_name_of(hostname: str) -> str:
    """``Shop_07.example.org`` as ``shop-07``: the first label, made into a device name."""
    return re.sub(r"[^a-z0-9]+", "-", hostname.split(".")[0].lower()).strip("-")[:63]


def parse_server(value: object) -> Server:
    example = "write mqtts://host:8883, or mqtt://127.0.0.1:1883 on this machine"
    try:
        parts = urlsplit(str(value))
        port = parts.port
    except ValueError:
        raise ValueError(f"is not an address: {example}") from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"is not an address: {example}")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or a password: the device name is the user, see password_file")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"has something after the port: {example}")
    tls = parts.scheme == "mqtts"
    server = Server(parts.hostname, port or (8883 if tls else 1883), tls)
    if not tls and not server.loopback:
        raise ValueError("would send plain text over the network: write mqtts://, plain mqtt:// is for loopback only")
    return server


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is not on or off")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a name or a path")
    return value


def _at_least(least: float) -> Callable[[object], float | None]:
    """A duration that is not shorter than ``least`` seconds, or off."""

    def parse(value: object) -> float | None:
        if value is False or value == "off":
            return None
        seconds = parse_duration(value)
        if seconds < least:
            raise ValueError(f"wears the disk for nothing: give {duration_text(least)} or more, or off")
        return seconds

    return parse


def _skips(value: object) -> int | None:
    if value is False or value == "off":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
        raise ValueError("is not a number of readings: write 48, or off")
    return value


def _path(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _file(value: object) -> Path:
    path = _path(value)
    if not path.is_file():
        raise ValueError("is not a file here: give the full path of an existing file")
    return path


def _directory(value: object) -> Path:
    path = _path(value)
    if not path.is_dir():
        raise ValueError("is not a directory here: give the full path of an existing directory")
    return path


def _platform(value: object) -> Platform:
    try:
        return Platform(str(value))
    except ValueError:
        raise ValueError(f"is not a platform: known are {', '.join(Platform)}") from None


def _root(path: str) -> Computed:
    """Where a platform has no such tree its own root stands for it: nothing is read there."""
    return Computed(path, lambda: Path(path) if Path(path).is_dir() else Path(Path.cwd().anchor))


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of names, such as [squashfs, iso9660]")
    return frozenset(value)


def _data_directory() -> Path:
    if this_platform() is Platform.WINDOWS:
        return Path(os.environ.get("PROGRAMDATA") or r"C:\ProgramData") / "forewarn-agent" / "data"
    if this_platform() is Platform.MACOS:
        own = Path.home() / "Library" / "Application Support" / "forewarn-agent"
        return Path("/var/db/forewarn-agent") if os.geteuid() == 0 else own
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/forewarn-agent")
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "forewarn-agent"


# Images that are full by nature, so their 100 % would say nothing.
FULL_BY_NATURE = frozenset({"cramfs", "erofs", "iso9660", "romfs", "squashfs", "udf"})

KEYS: tuple[Key, ...] = (
    Key(
        "device",
        _device,
        Computed("the host name", lambda: device_name_of(socket.gethostname())),
        "name of this machine; also MQTT client id and user name",
    ),
    Key("server", parse_server, Server("127.0.0.1", 1883, False), "where the collector or its broker listens"),
    Key("tls.ca", _file, None, "certificates that may vouch for the server; without it the system's own"),
    Key("tls.certificate", _file, None, "this device's certificate"),
    Key("tls.key", _file, None, "the certificate's private key"),
    Key("password_file", _file, None, "file whose first line is the device's password, for servers that ask for one"),
    Key(
        "data",
        _path,
        Computed(
            "/var/lib/forewarn-agent as root, else $XDG_STATE_HOME/forewarn-agent; on Windows "
            "%PROGRAMDATA%\\forewarn-agent\\data, on macOS as root /var/db/forewarn-agent",
            _data_directory,
        ),
        "directory of the outbox",
    ),
    Key("load_interval", parse_duration, 60.0, "time between two load reports"),
    Key("smart_interval", parse_duration, 1800.0, "time between two SMART readings of a disk"),
    Key("log_interval", parse_duration, 300.0, "time between two readings of the system's log"),
    *(Key(f"probes.{probe.name}", _switch, probe.default, probe.measures) for probe in PROBES),
    Key("smartctl", _text, "smartctl", "name or path of smartctl"),
    Key("smartctl_timeout", parse_duration, 30.0, "a smartctl that runs longer is killed"),
    Key(
        "smart_force_after",
        _skips,
        None,
        "a disk that was asleep at so many SMART readings in a row is woken for the next one",
    ),
    Key("self_tests.short", _at_least(86400), None, "each disk does its short self-test so often, 1d or more"),
    Key(
        "self_tests.extended", _at_least(7 * 86400), None, "each disk does its extended self-test so often, 7d or more"
    ),
    Key(
        "platform",
        _platform,
        Computed("what it runs on", this_platform),
        "linux, windows or macos: how the machine is read; another one serves a captured machine only",
    ),
    Key("roots.proc", _directory, _root("/proc"), "where proc is"),
    Key("roots.sys", _directory, _root("/sys"), "where sysfs is"),
    Key("roots.root", _directory, Path("/"), "where the root of the file tree is"),
    Key("roots.recorded", _directory, None, "what the system's programs said, in files; without it they are asked"),
    Key("filesystems.exclude_fstypes", _names, FULL_BY_NATURE, "filesystem types that are not reported"),
    Key("filesystems.exclude_mounts", _names, frozenset[str](), "mount points that are not reported"),
    Key("outbox.max_bytes", parse_size, 64 * 1024**2, "payload kept on disk; delivered reports go first"),
    Key("outbox.max_age", parse_duration, 30 * 86400.0, "age at which an unsent report is dropped"),
    Key("outbox.keep", parse_duration, 86400.0, "how long a delivered report is kept, for a server that asks again"),
    Key(
        "reconnect_spread",
        parse_duration,
        Computed("60s; 2s for a server on this machine", lambda: None),
        "a lost connection is tried again after a random part of this time, later ones after up to twice it",
    ),
)
