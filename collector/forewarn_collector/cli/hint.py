"""The command line that reaches this collector from the directory where we were started, ready to be copied."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from forewarn_collector.paths import default_data


def command(data: Path) -> str:
    """``forewarn``, or ``.venv/bin/forewarn --data run``: whatever works here for the collector on ``data``."""
    return spell(Path(sys.executable), data, Path.cwd(), os.environ, default_data())


def start(data: Path) -> str:
    """The command that starts a collector on ``data`` from here."""
    here = Path.cwd()
    words = _program(Path(sys.executable), here, os.environ.get("PATH"))
    return shlex.join([*words, "up", "--data", _from(here, data.absolute())])


def spell(python: Path, data: Path, here: Path, environment: Mapping[str, str], usual: Path) -> str:
    """``python``: ours; its ``forewarn`` lies beside it. ``usual``: where a collector is looked for without --data."""
    words = _program(python, here, environment.get("PATH"))
    if data != usual or "FOREWARN_DATA" in environment:
        words += ["--data", _from(here, data)]
    return shlex.join(words)


def _program(python: Path, here: Path, path: str | None) -> list[str]:
    script = python.with_name("forewarn")
    if not script.exists():
        return [str(python), "-m", "forewarn_collector"]
    found = shutil.which(script.name, path=path)
    if found and Path(found).samefile(script):
        return [script.name]
    shown = _from(here, script)
    return [shown if "/" in shown else f"./{shown}"]


def _from(here: Path, path: Path) -> str:
    """A service is started in /; nobody who reads its log is there."""
    return str(path.relative_to(here)) if path.is_relative_to(here) and here != Path(here.anchor) else str(path)
