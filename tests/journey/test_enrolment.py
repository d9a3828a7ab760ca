"""A machine from its one line to its reports: real programs, the printed command, renewal with short lifetimes."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from forewarn_collector.cli.main import forewarn

Wait = Callable[..., Any]


class Site:
    """A collector with enrolment on, and machines that are directories."""

    def __init__(self, collector: Any, directory: Path) -> None:
        self.collector = collector
        self.directory = directory
        self.agents: list[subprocess.Popen[bytes]] = []

    def forewarn(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "forewarn_collector", "--data", str(self.collector.data), *arguments, "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def invite(self, **options: Any) -> list[str]:
        """What is printed for a Linux machine, from --enrol on."""
        given = {"customer": "Acme", "site": "Store 12"} | options
        made = self.forewarn("enrol-token", "create", *(f"--{name}={value}" for name, value in given.items()))
        words = shlex.split(made["linux"])
        assert words[:3] == ["sudo", "forewarn-agent", "install"]
        return words[3:]

    def machine(self, name: str, **settings: Any) -> Path:
        """A configuration file, as an engineer would leave it beside the identity."""
        path = self.directory / name / "agent.yaml"
        path.parent.mkdir(exist_ok=True)
        probes = {"probes": {"smart": False}, "load_interval": 0.5, "reconnect_spread": 0.2}
        path.write_text(yaml.safe_dump({"data": str(path.parent / "data"), **probes, **settings}))
        return path

    def enrol(self, config: Path, invitation: list[str], *more: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "forewarn_agent",
            "enrol",
            "--config",
            str(config),
            *invitation,
            *more,
            "--json",
        ]
        return subprocess.run(command, capture_output=True, text=True)

    def run(self, config: Path) -> Path:
        """Start the agent; return its log."""
        log = config.with_suffix(".log")
        with log.open("ab") as file:
            command = [sys.executable, "-m", "forewarn_agent", "run", "--config", str(config)]
            self.agents.append(subprocess.Popen(command, stdout=file, stderr=file))
        return log

    def device(self, name: str) -> Any:
        """Asked again and again: in this process."""
        done = CliRunner().invoke(forewarn, ["--data", str(self.collector.data), "device", name, "--json"])
        return json.loads(done.stdout)


@pytest.fixture
def site(make_collector: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**enrol: Any) -> Site:
        config = tmp_path / "collector.yaml"
        config.write_text(yaml.safe_dump({"enrol": {"port": 0, "names": ["localhost"], **enrol}}))
        made.append(Site(make_collector("--config", str(config)), tmp_path))
        return made[-1]

    yield make
    for each in made:
        for agent in each.agents:
            agent.terminate()
            agent.wait(20)


def test_from_the_printed_line_to_reports_and_through_renewals(site: Callable[..., Site], wait_for: Wait) -> None:
    here = site(certificate_days=20 / 86_400)
    config = here.machine("till")
    done = here.enrol(config, here.invite(), "--device", "till-3")
    assert done.returncode == 0, done.stderr
    identity = json.loads(done.stdout)
    assert identity["device"] == "till-3"
    directory = config.parent / "data" / "identity"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    log = here.run(config)
    wait_for(lambda: (here.device("till-3")["line"]["reports"] or 0) > 3, 60)
    seen = here.device("till-3")
    assert (seen["line"]["customer"], seen["line"]["site"]) == ("Acme", "Store 12")
    first = seen["identity"]["certificate_until"]
    wait_for(lambda: here.device("till-3")["identity"]["certificate_until"] > first + 20, 90)
    renewed_at = time.time()
    wait_for(lambda: here.device("till-3")["last_sampled"] > renewed_at + 2, 60)
    events = {event["name"] for event in here.device("till-3")["events"]}
    assert {"identity-enrolled", "identity-renewed"} <= events
    assert "identity-cloned" not in events
    assert "Traceback" not in log.read_text()
    loaded = Path(f"/proc/{here.agents[0].pid}/maps").read_text()
    assert "ssl" in loaded
    assert "cryptography" not in loaded, "keys are made in a child process"
