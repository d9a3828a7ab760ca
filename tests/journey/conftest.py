"""Starting the real programs, as an engineer would, on free ports and in fresh directories."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def forewarn(*arguments: str | Path, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run ``forewarn`` to its end; stdout, stderr and exit code are the caller's to judge."""
    command = [sys.executable, "-m", "forewarn_collector", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def wait_for(condition: Callable[[], bool], seconds: float = 30.0, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def collector(make_collector: Callable[..., Any]) -> Any:
    """A collector that is up."""
    return make_collector()


@pytest.fixture
def run_forewarn() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return forewarn


@pytest.fixture
def wait_until() -> Callable[..., None]:
    return wait_for
