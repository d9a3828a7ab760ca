"""Installing the agent as a service, and taking it away again without a trace."""

import contextlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from forewarn_agent.config import ConfigError, load_config, parse_config
from forewarn_agent.machine import agent_version
from forewarn_agent.service.manager import Manager, Say
from forewarn_agent.service.places import packaged
from forewarn_agent.service.program import place_files, place_own, point_to, version_directory
from forewarn_agent.service.systemd import ServiceError


@dataclass(frozen=True)
class Wishes:
    """What the command line says; files are copied to where the settings are."""

    server: str | None = None
    device: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def config_text(wishes: Wishes, manager: Manager, installed: bool) -> str:
    """agent.yaml; where it is ``installed`` files are named as they will lie on the machine."""
    places = manager.places

    def named(path: Path | None, name: str) -> str | None:
        if path is None:
            return None
        return places.on_machine(places.settings / name) if installed else str(path.absolute())

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
        "data": places.on_machine(places.data),
        "smartctl": manager.smartctl,
    }
    return yaml.safe_dump({key: value for key, value in document.items() if value}, sort_keys=False)


def install(manager: Manager, wishes: Wishes, say: Say, only_files: bool = False) -> None:
    """Raise ServiceError or ConfigError. Safe to repeat. With ``only_files`` a machine's tree is laid out and nothing
    is started; who may read what is then for whoever makes a machine of it."""
    places = manager.places
    if not only_files:
        manager.check()
    wanted = _wanted_config(manager, wishes)
    if not only_files:
        manager.add_user()
    if wanted is not None:
        _write_settings(manager, wishes, wanted, only_files)
        say(f"written    {places.config}")
    if not packaged() or only_files:
        _place(manager, say, only_files)
    manager.define()
    if only_files:
        say(f"laid out   {places.root}, nothing is started")
        return
    began = time.monotonic()
    manager.start()
    say(f"active     after {time.monotonic() - began:.2f} s; forewarn-agent status says more")
    if shutil.which("smartctl", path=manager.searched) is None:
        say("note       smartctl is not here, so no disk is read: install smartmontools 7.0 or newer")


def _place(manager: Manager, say: Say, only_files: bool) -> None:
    places = manager.places
    directory = version_directory(places, agent_version()) if only_files else place_own(places)
    place_files(directory, manager.files)
    point_to(places, directory)
    if only_files:
        say(f"missing    the program of that machine: put it at {places.program}")
    else:
        say(f"program    {places.program}, also as {places.command}")


def _wanted_config(manager: Manager, wishes: Wishes) -> str | None:
    """The configuration to write; None where the one that is there stays. A mistake is found before anything is
    changed."""
    config = manager.places.config
    if not wishes.server:
        if not config.exists():
            raise ServiceError("--server is missing: install --server mqtts://collector.example.org:8883")
        load_config(config)
        return None
    parse_config("install", config_text(wishes, manager, installed=False))
    text = config_text(wishes, manager, installed=True)
    if config.exists() and config.read_text(encoding="utf-8", errors="replace") != text:
        raise ServiceError(f"{config} is there and says something else: edit it, or remove it first")
    return text


def _write_settings(manager: Manager, wishes: Wishes, text: str, only_files: bool) -> None:
    def protect(path: Path) -> None:
        if not only_files:
            manager.protect(path)

    places = manager.places
    places.settings.mkdir(parents=True, exist_ok=True, mode=0o750)
    protect(places.settings)
    places.config.touch(mode=0o640)
    protect(places.config)
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
            protect(target)
            if not source.samefile(target):
                target.write_bytes(source.read_bytes())


def uninstall(manager: Manager, keep_data: bool, say: Say) -> None:
    """Stop the service and remove what ``install`` has made; with ``keep_data`` settings and outbox stay."""
    places = manager.places
    if not places.programs.exists() and not packaged():
        raise ServiceError("the service is not installed")
    kept: tuple[Path, ...] = ()
    if keep_data:
        with contextlib.suppress(ConfigError):
            kept = (places.settings, load_config(places.config).data)
        kept = kept or (places.settings, places.data)
    manager.stop()
    for directory in (places.programs, *(() if kept else (places.settings, places.data))):
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            raise ServiceError(f"{directory} could not be removed completely")
    manager.remove(with_user=not kept)
    say("removed" + (f", kept: {', '.join(str(path) for path in kept)} and the service's user" if kept else ""))
