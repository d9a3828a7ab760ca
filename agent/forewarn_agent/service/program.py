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


def place_files(directory: Path, names: tuple[str, ...] = (*UNITS, HELPER)) -> None:
    """What belongs to this version besides the program."""
    for name in names:
        (directory / name).write_text(own_file(name))
        (directory / name).chmod(0o644)


def place_own(places: Places) -> Path:
    """Put the running program into a version's directory of its own; a Python environment is linked to."""
    if getattr(sys, "frozen", False):
        source = Path(sys.executable)
        directory = version_directory(places, f"{agent_version()}-{digest(source)[:8]}")
        copy_program(source, directory, places.program.name)
    else:
        source = Path(sys.prefix) / "bin" / PROGRAM
        if not source.exists():
            raise ServiceError(f"{source} is not there: install with the program of a virtual environment")
        directory = version_directory(places, f"{agent_version()}-python")
        (directory / PROGRAM).unlink(missing_ok=True)
        (directory / PROGRAM).symlink_to(source)
    return directory


def version_directory(places: Places, version: str) -> Path:
    directory = places.programs if places.current == places.programs else places.programs / version
    make_directory(directory)
    return directory


def make_directory(directory: Path) -> None:
    for path in (directory.parent, directory):
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(0o755)


def copy_program(source: Path, directory: Path, name: str = PROGRAM) -> Path:
    """Copy beside and rename: a program that runs cannot be written over."""
    target, new = directory / name, directory / f"{name}.new"
    if not (target.exists() and source.samefile(target)):
        shutil.copyfile(source, new)
        new.chmod(0o755)
        os.replace(new, target)
    return target


def point_to(places: Places, directory: Path) -> None:
    """Let ``current`` be this version, in one step; where it is no link, it is."""
    if directory == places.current:
        return
    new = places.programs / "current.new"
    new.unlink(missing_ok=True)
    new.symlink_to(directory.name)
    os.replace(new, places.current)


def digest(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
