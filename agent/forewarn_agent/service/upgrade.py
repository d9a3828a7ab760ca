"""A new version beside the old one: switched to, and back where it does not come up."""

import shutil
import time
from pathlib import Path

from forewarn_agent.service import systemd
from forewarn_agent.service.checked import check_program
from forewarn_agent.service.manager import Say
from forewarn_agent.service.places import HELPER, PROGRAM, SERVICE, SOCKET, UNITS, Places, packaged
from forewarn_agent.service.program import copy_program, digest, make_directory, point_to
from forewarn_agent.service.systemd import ServiceError

# A version that is ready and falls over right after is not taken either.
_STEADY_SECONDS = 3.0


class RolledBackError(ServiceError):
    """The new version did not come up; the old one runs again."""


def upgrade(places: Places, source: Path, sha256: str | None, say: Say) -> None:
    """``source`` is the new executable or its directory. Raise ServiceError, before which nothing was changed, or
    RolledBackError."""
    if packaged():
        raise ServiceError("installed by the package: upgrade with dpkg --install or apt-get")
    if not places.current.is_symlink():
        raise ServiceError("the service is not installed: forewarn-agent install --server URL")
    file = source / PROGRAM if source.is_dir() else source
    if not file.is_file():
        raise ServiceError(f"{file} is not a file")
    old = places.current.resolve()
    new = _bring_in(places, file, sha256, say)
    if new == old:
        say(f"{old.name} runs already")
        return
    began = time.monotonic()
    fault = _switch(places, new)
    if fault is None:
        say(f"upgraded   {old.name} -> {new.name}, ready after {time.monotonic() - began:.2f} s")
        _forget_others(places, {old, new})
        return
    second = _switch(places, old)
    shutil.rmtree(new, ignore_errors=True)
    if second is not None:
        raise ServiceError(f"{new.name}: {fault}; going back to {old.name} failed too: {second}")
    raise RolledBackError(f"{new.name}: {fault}; rolled back, {old.name} runs again")


def _bring_in(places: Places, file: Path, sha256: str | None, say: Say) -> Path:
    """The new version's directory, complete. What is checked is the copy that will run."""
    staged = places.programs / "new"
    shutil.rmtree(staged, ignore_errors=True)
    make_directory(staged)
    try:
        program = copy_program(file, staged)
        say(f"checked    {check_program(program, file, sha256, places.signers)}")
        version = _ask(program, "--version").rpartition(" ")[2]
        if not version.replace(".", "").isalnum():
            raise ServiceError(f"{file}: is not a forewarn agent")
        _ask(program, "place", str(staged))
        if missing := [name for name in (*UNITS, HELPER) if not (staged / name).is_file()]:
            raise ServiceError(f"{file}: brings no {missing[0]}")
        directory = places.programs / f"{version}-{digest(program)[:8]}"
        if directory.exists():
            return directory
        staged.rename(directory)
        return directory
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _ask(program: Path, *arguments: str) -> str:
    try:
        done = systemd.call(str(program), *arguments)
    except OSError as error:
        raise ServiceError(f"{program.name}: cannot be started: {error.strerror}") from None
    if done.status:
        raise ServiceError(f"{program.name} {arguments[0]}: exit status {done.status}: {done.text[-200:]}")
    return done.text


def _switch(places: Places, directory: Path) -> str | None:
    """Let this version run; say what is wrong, or None where it is ready and stays so."""
    point_to(places, directory)
    systemd.must("systemctl", "daemon-reload")
    systemd.call("systemctl", "reset-failed", SERVICE)
    systemd.call("systemctl", "restart", SOCKET)
    # It comes back when the agent has said that it is ready, or has failed to.
    if systemd.call("systemctl", "restart", SERVICE).status:
        return f"did not become ready: {systemd.last_words()}"
    first = systemd.show()
    deadline = time.monotonic() + _STEADY_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.25)
        now = systemd.show()
        if (now.get("ActiveState"), now.get("MainPID")) != ("active", first.get("MainPID")):
            return f"became ready and then ended: {systemd.last_words()}"
    return None


def _forget_others(places: Places, kept: set[Path]) -> None:
    """The version that runs and the one before it stay."""
    for path in places.programs.iterdir():
        if path.is_dir() and not path.is_symlink() and path not in kept:
            shutil.rmtree(path, ignore_errors=True)
