"""One version's directory: the program, its privileged helper and its units, and the link to the one that runs."""

import hashlib
import importlib.resources
import os
import shutil
import sys
from pathlib import Path

from forewarn_agent.machine import agent_version
from forewarn_agent.service.places import HELPER, PROGRAM, UNITS, Places
from forewarn_agent.service.systemd import ServiceError


def own_file(name: str) -> str:
    """A file of units/."""
    return (importlib.resources.files("forewarn_agent") / "service" / "units" / name).read_text(encoding="utf-8")


def place_files(directory: Path) -> None:
    """What belongs to this version besides the program."""
    for name in UNITS:
        (directory / name).write_text(own_file(name))
    (directory / HELPER).write_text(own_file(HELPER))
    for name in (*UNITS, HELPER):
        (directory / name).chmod(0o644)


def place_own(places: Places) -> Path:
    """Put the running program into a version's directory of its own; a Python environment is linked to."""
    if getattr(sys, "frozen", False):
        source = Path(sys.executable)
        directory = places.programs / f"{agent_version()}-{digest(source)[:8]}"
        make_directory(directory)
        copy_program(source, directory)
    else:
        source = Path(sys.prefix) / "bin" / PROGRAM
        if not source.exists():
            raise ServiceError(f"{source} is not there: install with the program of a virtual environment")
        directory = places.programs / f"{agent_version()}-python"
        make_directory(directory)
        (directory / PROGRAM).unlink(missing_ok=True)
        (directory / PROGRAM).symlink_to(source)
    place_files(directory)
    return directory


def make_directory(directory: Path) -> None:
    for path in (directory.parent, directory):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def copy_program(source: Path, directory: Path) -> Path:
    """Copy beside and rename: a program that runs cannot be written over."""
    target, new = directory / PROGRAM, directory / f"{PROGRAM}.new"
    if not (target.exists() and source.samefile(target)):
        shutil.copyfile(source, new)
        new.chmod(0o755)
        os.replace(new, target)
    return target


def point_to(places: Places, directory: Path) -> None:
    """Let ``current`` be this version, in one step."""
    new = places.programs / "current.new"
    new.unlink(missing_ok=True)
    new.symlink_to(directory.name)
    os.replace(new, places.current)


def digest(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
