"""The service units are valid and lock the services in."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
AGENT = SYSTEMD.parents[1] / "agent" / "forewarn_agent" / "service" / "units"
UNITS = {
    "forewarn": SYSTEMD / "forewarn.service",
    "forewarn-agent": AGENT / "forewarn-agent.service",
    "forewarn-smartctl@": AGENT / "forewarn-smartctl@.service",
}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit with the programs of this environment in place of those below /opt."""
    source = UNITS[request.param]
    text = source.read_text()
    assert re.search(r"^ExecStart=.*/opt/forewarn", text, re.M)
    path = tmp_path / source.name
    path.write_text(re.sub(r"/opt/forewarn(-agent/current|/bin)", str(Path(sys.executable).parent), text))
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
    limit = {"forewarn-agent": 3.0, "forewarn-smartctl@": 3.0, "forewarn": 1.5}[unit.stem]
    assert float(found[1]) <= limit, said


def test_the_collector_s_user_is_declared() -> None:
    service = (SYSTEMD / "forewarn.service").read_text()
    (user,) = re.findall(r"^User=(.+)$", service, re.M)
    assert re.search(rf"^u {user} ", (SYSTEMD / "sysusers.conf").read_text(), re.M)
