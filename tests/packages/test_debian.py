"""The Debian package on a new Debian where no systemd runs, as in an image that is being made."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_finds_no_error(debian_package: Path) -> None:
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", str(debian_package)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_installs_runs_and_is_purged_without_a_trace(
    new_root: Callable[[str], Any], debian_package: Path, compare: Callable[..., list[str]]
) -> None:
    root = new_root("debian")
    package = root.put(debian_package, "/srv/forewarn-agent.deb")
    # dpkg writes its own lists anew at its first run.
    root.run("dpkg", "--install", package)
    root.run("dpkg", "--purge", "forewarn-agent")
    before = root.files()
    root.run("dpkg", "--install", package)
    assert root.run("getent", "passwd", "forewarn-agent").startswith("forewarn-agent:")
    assert "version" in root.run("forewarn-agent", "--version")
    reading = json.loads(root.run("forewarn-agent", "probe", "--json"))
    assert reading["load"]["memory"]["total_bytes"] > 0
    assert "problem  server" in root.run("forewarn-agent", "doctor", status=1)
    said = root.run("forewarn-agent", "install", "--server", "mqtts://collector.example.org:8883", status=1)
    assert "systemd does not run here" in said
    root.run("dpkg", "--remove", "forewarn-agent")
    root.run("dpkg", "--purge", "forewarn-agent")
    assert compare(before, root.files()) == []


def test_settings_that_are_there_before_start_it_with_the_machine(
    new_root: Callable[[str], Any], debian_package: Path
) -> None:
    root = new_root("preseeded")
    package = root.put(debian_package, "/srv/forewarn-agent.deb")
    (root.path / "etc/forewarn-agent").mkdir()
    (root.path / "etc/forewarn-agent/agent.yaml").write_text("server: mqtts://collector.example.org:8883\n")
    root.run("dpkg", "--install", package)
    assert root.run("systemctl", "is-enabled", "forewarn-agent.service").strip() == "enabled"
    root.run("dpkg", "--purge", "forewarn-agent")
    assert not (root.path / "etc/forewarn-agent").exists()
    assert not list((root.path / "etc/systemd/system").rglob("forewarn-*"))
