"""The single executable: it needs no Python and no library of the machine, and brings everything."""

import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from forewarn_agent.machine import agent_version
from forewarn_agent.service.places import HELPER, UNITS


class Run:
    def __init__(self, executable: Path, directory: Path) -> None:
        self.executable = executable
        self.directory = directory

    def __call__(self, *arguments: str, path: str = "/nowhere") -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": path, "TMPDIR": str(self.directory), "HOME": str(self.directory)}
        return subprocess.run(
            [str(self.executable), *arguments], env=environment, capture_output=True, text=True, timeout=120
        )


@pytest.fixture
def run(executable: Path, tmp_path: Path) -> Run:
    return Run(executable, tmp_path)


def test_it_says_its_version(run: Run) -> None:
    assert run("--version").stdout == f"forewarn-agent, version {agent_version()}\n"


def test_it_probes_and_leaves_nothing_unpacked_behind(run: Run, tmp_path: Path) -> None:
    done = run("probe", "--json")
    assert done.returncode == 0, done.stderr
    reading = json.loads(done.stdout)
    assert reading["load"]["memory"]["total_bytes"] > 0
    assert list(tmp_path.glob("_MEI*")) == []


def test_the_doctor_examines_with_it(run: Run) -> None:
    done = run("doctor", "--json")
    checks = {check["subject"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1, "there is no collector"
    assert checks["server"]["finding"].endswith("Connection refused")
    assert checks["smartctl"]["finding"] == "smartctl is not there"


def test_it_speaks_tls(run: Run, keys: Path, tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{keys}/ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with context.wrap_socket(door.accept()[0], server_side=True) as connection:
                connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        address = f"mqtts://127.0.0.1:{door.getsockname()[1]}"
        tls = {"ca": f"{keys}/ca.crt", "certificate": f"{keys}/shop-07.crt", "key": f"{keys}/shop-07.key"}
        config = tmp_path / "agent.yaml"
        config.write_text(json.dumps({"device": "shop-07", "server": address, "tls": tls}))
        checks = json.loads(run("doctor", "--json", "--config", str(config)).stdout)
    assert f"{address} accepts connections, TLSv1.3" in [check["finding"] for check in checks]


def test_py_smart_is_in_it(run: Run, tmp_path: Path) -> None:
    smartctl = tmp_path / "smartctl"
    smartctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n')
    smartctl.chmod(0o755)
    done = run("hint", str(smartctl))
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert "--scan-open" in (tmp_path / "asked").read_text()


def test_units_and_helper_are_in_it(run: Run, tmp_path: Path) -> None:
    assert run("place", str(tmp_path)).returncode == 0
    assert {*UNITS, HELPER} <= {path.name for path in tmp_path.iterdir()}
