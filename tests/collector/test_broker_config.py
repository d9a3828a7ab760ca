"""`forewarn broker config mosquitto`: a real Mosquitto runs with what it writes, and keeps strangers out."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec

from forewarn_collector.cli.main import forewarn
from forewarn_collector.identity.authority import Authority
from forewarn_collector.identity.broker_directory import PACKAGED
from forewarn_collector.identity.broker_files import access_list
from forewarn_collector.identity.certificates import key_pem
from forewarn_wire import up_topic

Make = Callable[..., Any]
SBIN = f"{os.environ['PATH']}:/usr/sbin"
WRITTEN = ["forewarn.conf", "acl-devices", "acl-collector", "ca.crt", "ca.crl", "server.crt", "server.key"]


def run(data: Path, *arguments: str) -> Any:
    return CliRunner().invoke(forewarn, ["--data", str(data), *arguments])


def write(data: Path, out: Path, *more: str) -> Any:
    return run(data, "broker", "config", "mosquitto", "--out", str(out), *more)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with an authority."""
    path = tmp_path / "data"
    assert run(path, "ca", "init", "--name", "localhost").exit_code == 0
    return path


def certificate(authority: Authority, name: str, path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(name, key.public_key(), time.time() - 3600, timedelta(days=1))
    path.write_bytes(key_pem(key) + issued.pem.encode())
    return path


def trusting(out: Path, pem: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(out / "ca.crt"))
    if pem is not None:
        context.load_cert_chain(pem)
    return context


@pytest.fixture
def start(tmp_path: Path, wait_for: Make) -> Iterator[Make]:
    """start(out): a Mosquitto as Debian sets one up, whose include_dir is this directory, on free ports; that of
    devices."""
    made: list[subprocess.Popen[bytes]] = []

    def make(out: Path) -> int:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            devices, collector = first.getsockname()[1], second.getsockname()[1]
        command = ["mosquitto_passwd", "-c", "-b", str(out / "passwd-collector"), "collector", "secret"]
        subprocess.run(command, check=True, capture_output=True)
        text = (out / "forewarn.conf").read_text()
        for before, after in (("8883", f"{devices} 127.0.0.1"), ("1883 127.0.0.1", f"{collector} 127.0.0.1")):
            assert f"listener {before}" in text
            text = text.replace(f"listener {before}", f"listener {after}")
        (out / "forewarn.conf").write_text(text)
        # As root, Mosquitto would become a user who cannot read the test's files.
        (tmp_path / "mosquitto.conf").write_text(f"user root\ninclude_dir {out}\n")
        program = str(shutil.which("mosquitto", path=SBIN))
        made.append(subprocess.Popen([program, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL))

        def answers() -> bool:
            assert made[-1].poll() is None
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", devices)) == 0

        wait_for(answers, 60)
        return int(devices)

    yield make
    for process in made:
        process.terminate()
        process.wait(20)


@pytest.mark.server
@pytest.mark.skipif(shutil.which("mosquitto", path=SBIN) is None, reason="mosquitto is not installed")
def test_a_mosquitto_with_it_lets_a_device_in_and_no_stranger(
    data: Path, tmp_path: Path, start: Make, make_device: Make, load_payload: Make
) -> None:
    out = tmp_path / "broker"
    result = write(data, out, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert (said["directory"], said["written"], said["missing"]) == (str(out), WRITTEN, ["passwd-collector"])
    assert said["next"][0] == f"choose the collector's password: mosquitto_passwd -c {out}/passwd-collector collector"
    assert oct((out / "server.key").stat().st_mode)[-3:] == "640"
    port = start(out)

    own = make_device(port, "shop-07", trusting(out, certificate(Authority(data / "ca"), "shop-07", tmp_path / "own")))
    assert own.connect().reason_code == 0
    assert own.publish(up_topic("shop-07", "load"), load_payload()).reason_code == 0x10  # nobody subscribes
    assert own.publish(up_topic("shop-08", "load"), load_payload("shop-08")).reason_code == 0x87

    elsewhere = Authority(tmp_path / "elsewhere")
    elsewhere.create(["localhost"], time.time() - 7200)
    for pem in (certificate(elsewhere, "shop-07", tmp_path / "foreign"), None):
        with pytest.raises((ssl.SSLError, ConnectionError, own.Closed)):
            make_device(port, "shop-07", trusting(out, pem)).connect()


def test_without_an_authority_it_says_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "broker"
    result = write(tmp_path / "data", out)
    assert result.exit_code == 0, result.output
    assert f"{out}: wrote forewarn.conf, acl-devices, acl-collector" in result.output
    assert "1. put ca.crt, ca.crl, server.crt, server.key of your authority there" in result.output
    assert not (tmp_path / "data").exists()
    text = (out / "forewarn.conf").read_text()
    assert f"crlfile {out}/ca.crl" in text
    assert "/etc/mosquitto/forewarn/ca" not in text


def test_nothing_is_overwritten_and_then_nothing_is_written(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    out.mkdir()
    (out / "server.key").write_text("another broker's")
    result = write(data, out)
    assert result.exit_code == 1
    assert result.output == f"Error: {out}/server.key: is there already; name another directory, or remove it\n"
    assert [path.name for path in out.iterdir()] == ["server.key"]
    assert (out / "server.key").read_text() == "another broker's"


def test_a_place_that_cannot_be_had_is_an_error_in_one_line(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = write(data, tmp_path / "file" / "broker")
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}/file/broker: Not a directory\n"


def test_what_a_running_collector_made_comes_along_as_it_is(data: Path, tmp_path: Path) -> None:
    authority = Authority(data / "ca")
    chain, _ = authority.server_files(["localhost"], time.time())
    revoked = authority.write_crl({authority.issuers()[0].fingerprint: [("abc", time.time())]}, time.time())
    before = chain.read_bytes(), revoked.read_bytes()
    assert write(data, tmp_path / "broker").exit_code == 0
    assert (chain.read_bytes(), revoked.read_bytes()) == before
    assert ((tmp_path / "broker/server.crt").read_bytes(), (tmp_path / "broker/ca.crl").read_bytes()) == before


def test_the_rights_of_devices_have_one_source() -> None:
    packaged = (PACKAGED / "acl-devices").read_text()
    assert access_list([]) == packaged
    assert access_list(["shop-08", "shop-07"]).startswith(packaged)
    assert access_list(["shop-08", "shop-07"]).endswith(
        "user shop-07\ntopic deny #\nuser shop-08\ntopic deny #\n"
    )  # fmt: skip
