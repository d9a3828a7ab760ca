"""The targets of the Makefile and the scripts behind them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

SETUP = Path(__file__).resolve().parents[2] / "deploy" / "setup"


def make(project: Path, *arguments: str) -> str:
    """make's words, without the settings of a make around this test."""
    ours = ("DATA", "UP", "PYTEST", "PYTHON")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name not in ours
    }
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def targets(project: Path) -> set[str]:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (project / "Makefile").read_text(), re.M)
    return {name for name in phony.split() if "-" not in name}


def test_help_lists_every_target(project: Path) -> None:
    listed = re.findall(r"^make (\w+) ", make(project, "help"), re.M)
    assert set(listed) == targets(project) >= {"run", "test", "check", "package", "nspawn", "fresh", "clean", "help"}
    assert make(project) == make(project, "help")


def test_run_starts_the_collector_with_this_machine_s_agent(project: Path) -> None:
    planned = make(project, "-n", "run", "DATA=elsewhere", "UP=--api-port 0")
    assert planned.splitlines()[-1].startswith(
        'exec .venv/bin/forewarn up --data "elsewhere" --with-agent --api-port 0'
    )


def test_test_checks_and_ends_with_pytest_over_everything(project: Path) -> None:
    planned = make(project, "-n", "test").splitlines()
    all_cores = ["--numprocesses", "auto", "--dist", "loadgroup"]
    assert planned[-1].split() == ["PYTHONUNBUFFERED=1", "exec", ".venv/bin/pytest", *all_cores]
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert any(line.startswith(f".venv/bin/{tool}") for line in planned), tool


def test_ci_runs_make_test(project: Path) -> None:
    script = project / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert "make test" in text


@pytest.mark.parametrize(("summary", "status"), [("3 passed in 0.10s", 0), ("1 failed, 2 passed in 0.10s", 1)])
def test_the_summary_is_ci_s_last_line_and_the_status_is_right(
    project: Path, tmp_path: Path, summary: str, status: int
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(project / ".ci" / "run", tmp_path / ".ci" / "run")
    line = f"========= {summary} ========="
    (tmp_path / "Makefile").write_text(f"test:\n\t@echo '== deceptive ==' && echo '{line}' && exit {status}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run([tmp_path / ".ci" / "run"], env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == (status != 0)
    assert done.stdout.splitlines()[-1] == line


def test_clean_spares_data(project: Path) -> None:
    planned = make(project, "-n", "clean").split()
    assert ".venv" in planned
    assert not {"run", "./run", "*"} & set(planned)


def setup(script: str, *arguments: str, path: Path) -> "subprocess.CompletedProcess[str]":
    """A script of deploy/setup with nothing but ``path`` to find programs in."""
    return subprocess.run(
        ["/bin/bash", str(SETUP / script), *arguments], env={"PATH": str(path)}, capture_output=True, text=True
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    path = tmp_path / "bin"
    path.mkdir()
    return path


def test_without_apt_a_missing_package_is_left_out_and_named(programs: Path) -> None:
    done = setup("debian", "mosquitto", "smartmontools", path=programs)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("left out: mosquitto (this is not Debian)")
    assert lines[1].endswith("apt-get install --no-install-recommends smartmontools")


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this is not Debian")
def test_what_is_installed_is_not_touched(programs: Path) -> None:
    (programs / "dpkg-query").symlink_to(str(shutil.which("dpkg-query")))
    done = setup("debian", "dpkg", "base-files", path=programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_python_that_serves_is_taken_as_it_is(programs: Path) -> None:
    done = setup("python", sys.executable, "python3-venv", path=programs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_python_that_does_not_serve_is_refused_with_a_remedy(programs: Path) -> None:
    old = programs / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = setup("python", str(old), "python3-venv", path=programs)
    assert done.returncode == 1
    assert "is not Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr
