"""Certificates on both sides, with a real Mosquitto."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.server


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server named localhost and a device named shop-07."""
    directory = tmp_path_factory.mktemp("keys")
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        directory, "req", "-x509", *new_key, "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key",
        "-out", "ca.crt",
    )  # fmt: skip
    for name in ("localhost", "shop-07"):
        openssl(directory, "req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (directory / "names").write_text(f"subjectAltName=DNS:{name}")
        openssl(
            directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", f"{name}.crt",
        )  # fmt: skip
    return directory


@pytest.fixture
def settings(keys: Path, make_mosquitto: Any, empty_roots: dict[str, str]) -> dict[str, Any]:
    server = make_mosquitto(
        f"cafile {keys}/ca.crt\ncertfile {keys}/localhost.crt\nkeyfile {keys}/localhost.key\n"
        "require_certificate true\nuse_identity_as_username true\n",
        anonymous=False,
    )
    return {
        "device": "shop-07",
        "server": f"mqtts://localhost:{server.port}",
        "tls": {"ca": f"{keys}/ca.crt", "certificate": f"{keys}/shop-07.crt", "key": f"{keys}/shop-07.key"},
        "roots": empty_roots,
        "load_interval": 0.2,
        "smartctl": "/nowhere/smartctl",
    }


def test_a_device_with_its_certificate_is_let_in(
    settings: dict[str, Any], agent_process: Any, wait_for: Callable[..., Any]
) -> None:
    agent = agent_process(settings)
    agent.start()
    wait_for(lambda: "connected to mqtts://localhost" in agent.log())
    assert agent.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("wrong", ["no certificate", "other authority"])
def test_a_handshake_that_fails_is_named_and_tried_again(
    settings: dict[str, Any], agent_process: Any, wait_for: Callable[..., Any], wrong: str
) -> None:
    if wrong == "no certificate":
        settings["tls"] = {"ca": settings["tls"]["ca"]}
    else:
        del settings["tls"]["ca"]
    agent = agent_process(settings | {"reconnect_spread": 0.2})
    agent.start()
    wait_for(lambda: agent.log().count("WARNING mqtts://localhost") >= 2)
    assert "connected to" not in agent.log()
    assert "Traceback" not in agent.log()
    assert agent.end(signal.SIGTERM) == 0


def test_doctor_does_the_handshake(settings: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "doctor.yaml"
    path.write_text(yaml.safe_dump(settings | {"data": str(tmp_path / "data")}))
    command = [sys.executable, "-m", "forewarn_agent", "doctor", "--config", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    (line,) = [line for line in lines if "server:" in line]
    assert line.startswith("ok")
    assert "TLSv1." in line
