"""The service units are valid and lock the services in."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = ("forewarn-agent", "forewarn")

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit with the programs of this environment in place of /opt/forewarn/bin."""
    path = tmp_path / f"{request.param}.service"
    text = (SYSTEMD / path.name).read_text()
    assert "ExecStart=/opt/forewarn/bin/" in text
    path.write_text(text.replace("/opt/forewarn/bin", str(Path(sys.executable).parent)))
    return path


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    assert unit.name not in analyze("verify", "--man=no", unit)


def test_a_mistake_would_be_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=stricter\nProtektHome=yes"))
    said = analyze("verify", "--man=no", unit)
    assert "stricter" in said
    assert "ProtektHome" in said


def test_exposure_is_low(unit: Path) -> None:
    said = analyze("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said)
    assert found is not None, said
    limit = {"forewarn-agent": 3.5, "forewarn": 1.5}[unit.stem]
    assert float(found[1]) <= limit, said


def test_the_collector_s_user_is_declared() -> None:
    service = (SYSTEMD / "forewarn.service").read_text()
    (user,) = re.findall(r"^User=(.+)$", service, re.M)
    assert re.search(rf"^u {user} ", (SYSTEMD / "sysusers.conf").read_text(), re.M)
