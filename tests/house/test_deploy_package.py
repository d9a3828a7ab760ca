"""What `make package` builds of: exact versions of everything that the agent needs, scripts that a shell can read."""

import re
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "deploy" / "package"


def test_every_need_of_the_agent_has_an_exact_version(project: Path) -> None:
    text = (project / "pyproject.toml").read_text()
    declared = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)
    assert declared is not None
    needs = re.findall(r'^    "([A-Za-z0-9-]+)[^;"]*"', declared[1], re.M)
    assert len(needs) > 5
    lines = [line for line in (PACKAGE / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    exact = {re.fullmatch(r"([A-Za-z0-9-]+)==[0-9.]+", line)[1].lower() for line in lines}  # type: ignore[index]
    assert {need.lower() for need in needs} - exact == set()
    assert "pyinstaller" in exact


@pytest.mark.parametrize("name", ["build", "tree", "debian/postinst", "debian/prerm", "debian/postrm"])
def test_its_scripts_are_read_by_their_shell(name: str) -> None:
    shell = "/bin/sh" if "/" in name else "/bin/bash"
    assert subprocess.run([shell, "-n", str(PACKAGE / name)]).returncode == 0


def test_the_package_declares_what_its_scripts_call() -> None:
    control = (PACKAGE / "debian" / "control").read_text()
    (depends,) = re.findall(r"^Depends: (.+)$", control, re.M)
    for program, package in (("systemd-sysusers", "systemd"), ("userdel", "passwd")):
        scripts = "".join((PACKAGE / "debian" / name).read_text() for name in ("postinst", "postrm"))
        assert program in scripts
        assert package in re.split(r"[ ,]+", depends)
