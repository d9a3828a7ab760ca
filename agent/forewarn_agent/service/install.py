"""Installing the agent as a service under systemd, and taking it away again without a trace."""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from forewarn_agent.config import ConfigError, load_config, parse_config
from forewarn_agent.service import systemd
from forewarn_agent.service.places import PROGRAM, SERVICE, SOCKET, UNITS, USER, Places, packaged
from forewarn_agent.service.program import own_file, place_own, point_to
from forewarn_agent.service.systemd import ServiceError

SMARTCTL_SOCKET = "/run/forewarn-smartctl.socket"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What the command line says; files are copied to /etc/forewarn-agent."""

    server: str | None = None
    device: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def config_text(wishes: Wishes, settings: Path | None) -> str:
    """agent.yaml; with ``settings`` the files are named as they will lie there."""

    def named(path: Path | None, name: str) -> str | None:
        return None if path is None else str(path.absolute() if settings is None else settings / name)

    tls = {
        "ca": named(wishes.ca, "ca.crt"),
        "certificate": named(wishes.certificate, "device.crt"),
        "key": named(wishes.key, "device.key"),
    }
    document = {
        "device": wishes.device,
        "server": wishes.server,
        "tls": {name: path for name, path in tls.items() if path},
        "password_file": named(wishes.password_file, "password"),
        "data": "/var/lib/forewarn-agent",
        "smartctl": SMARTCTL_SOCKET,
    }
    return yaml.safe_dump({key: value for key, value in document.items() if value}, sort_keys=False)


def install(places: Places, wishes: Wishes, say: Say) -> None:
    """Raise ServiceError or ConfigError. Safe to repeat."""
    if not systemd.is_running():
        raise ServiceError("systemd does not run here: start forewarn-agent run by whatever starts services here")
    wanted = _wanted_config(places, wishes)
    if not packaged():
        if (Path("/usr/lib/systemd/system") / SERVICE).exists():
            raise ServiceError("the package forewarn-agent is installed: use its own /usr/bin/forewarn-agent")
        places.sysusers.parent.mkdir(exist_ok=True)
        places.sysusers.write_text(own_file("sysusers.conf"))
        systemd.must("systemd-sysusers", str(places.sysusers))
    if wanted is not None:
        _write_settings(places, wishes, wanted)
        say(f"written    {places.config}")
    if not packaged():
        point_to(places, place_own(places))
        _link(places)
        say(f"program    {places.current}/{PROGRAM}, also as {places.command}")
    systemd.must("systemctl", "daemon-reload")
    systemd.must("systemctl", "enable", "--quiet", SERVICE)
    began = time.monotonic()
    systemd.must("systemctl", "restart", SOCKET)
    if systemd.call("systemctl", "restart", SERVICE).status:
        raise ServiceError(f"installed, but the service does not start: {systemd.last_words()}")
    say(f"active     after {time.monotonic() - began:.2f} s; forewarn-agent status says more")
    if shutil.which("smartctl", path="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin") is None:
        say("note       smartctl is not here, so no disk is read: install smartmontools 7.0 or newer")


def _wanted_config(places: Places, wishes: Wishes) -> str | None:
    """The configuration to write; None where the one that is there stays. A mistake is found before anything is
    changed."""
    if not wishes.server:
        if not places.config.exists():
            raise ServiceError("--server is missing: install --server mqtts://collector.example.org:8883")
        load_config(places.config)
        return None
    parse_config("install", config_text(wishes, None))
    text = config_text(wishes, places.settings)
    if places.config.exists() and places.config.read_text(encoding="utf-8", errors="replace") != text:
        raise ServiceError(f"{places.config} is there and says something else: edit it, or remove it first")
    return text


def _write_settings(places: Places, wishes: Wishes, text: str) -> None:
    """Root writes, the agent's user reads, nobody else."""
    places.settings.mkdir(exist_ok=True)
    shutil.chown(places.settings, "root", USER)
    places.settings.chmod(0o750)
    places.config.touch()
    _readable(places.config)
    places.config.write_text(text)
    for source, name in (
        (wishes.password_file, "password"),
        (wishes.ca, "ca.crt"),
        (wishes.certificate, "device.crt"),
        (wishes.key, "device.key"),
    ):
        if source is not None:
            target = places.settings / name
            target.touch(mode=0o600)
            _readable(target)
            if not source.samefile(target):
                target.write_bytes(source.read_bytes())


def _readable(path: Path) -> None:
    path.chmod(0o640)
    shutil.chown(path, "root", USER)


def _link(places: Places) -> None:
    """Units and the command are links through ``current``: a version brings its own."""
    places.command.parent.mkdir(parents=True, exist_ok=True)
    for name in UNITS:
        _link_one(places.root / "etc" / "systemd" / "system" / name, places.current / name)
    _link_one(places.command, places.current / PROGRAM)


def _link_one(link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        raise ServiceError(f"{link} is there and is not ours: move it away")
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def uninstall(places: Places, keep_data: bool, say: Say) -> None:
    """Stop the service and remove what ``install`` has made; with ``keep_data`` settings and outbox stay."""
    if packaged():
        raise ServiceError("installed by the package: apt-get purge forewarn-agent (remove keeps data and settings)")
    if not places.programs.exists():
        raise ServiceError("the service is not installed")
    kept: tuple[Path, ...] = ()
    if keep_data:
        with contextlib.suppress(ConfigError):
            kept = (places.settings, load_config(places.config).data)
        kept = kept or (places.settings, places.data)
    systemd.call("systemctl", "disable", "--now", "--quiet", SERVICE, SOCKET)
    for path in (*(places.root / "etc" / "systemd" / "system" / name for name in UNITS), places.command):
        if path.is_symlink():
            path.unlink()
    for directory in (places.programs, *(() if kept else (places.settings, places.data))):
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            raise ServiceError(f"{directory} could not be removed completely")
    systemd.must("systemctl", "daemon-reload")
    systemd.call("systemctl", "reset-failed", SERVICE)
    if not kept:
        places.sysusers.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others' files are in it, too
            places.sysusers.parent.rmdir()
        systemd.call("userdel", USER)
    say("removed" + (f", kept: {', '.join(str(path) for path in kept)} and the user {USER}" if kept else ""))
