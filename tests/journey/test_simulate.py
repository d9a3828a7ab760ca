"""``forewarn simulate`` against real collectors: what was planted is found, and what goes wrong is said in one line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers.certificates import make_authority, make_certificate

from forewarn_collector.simulate.faults import KINDS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.slow
def test_every_fault_that_was_planted_is_found_and_nothing_else(tmp_path: Path, run_forewarn: Run) -> None:
    done = run_forewarn(
        "simulate", "--devices", "20", "--faulty", "50", "--history", "20d", "--rate", "max", "--agents", "2",
        "--data", tmp_path / "data", "--json", timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].endswith(f" up --data {tmp_path / 'data'}"), "it is there to be copied"
    result = json.loads(done.stdout)
    assert {kind["kind"]: (kind["planted"], kind["found"]) for kind in result["kinds"]} == dict.fromkeys(KINDS, (1, 1))
    assert result["false_tickets"] == []
    assert result["sent"] == result["acknowledged"] == result["stored"] > 10_000
    assert 19.9 < result["device_days"] <= 20.01
    assert "Traceback" not in (tmp_path / "data" / "collector.log").read_text()


class Side:
    """A collector that runs, as options name it."""

    def __init__(self, collector: Any, directory: Path) -> None:
        self.collector = collector
        left = json.loads((collector.data / "api.json").read_text())
        token = directory / "token"
        token.touch(mode=0o600)
        token.write_text(left["token"])
        self.options = ["--server", left["url"], "--token-file", str(token)]


@pytest.fixture
def side(make_collector: Callable[..., Any], tmp_path: Path) -> Side:
    return Side(make_collector(), tmp_path)


@pytest.mark.server
@pytest.mark.parametrize("share", ["1", "8"])
def test_life_goes_through_a_broker_too(
    make_mosquitto: Any, make_collector: Any, tmp_path: Path, run_forewarn: Run, share: str
) -> None:
    broker = make_mosquitto("max_queued_messages 0\n")
    url = f"mqtt://127.0.0.1:{broker.port}"
    (tmp_path / "collector.yaml").write_text(yaml.safe_dump({"listen": {"enabled": False}, "broker": {"url": url}}))
    side = Side(make_collector("--config", str(tmp_path / "collector.yaml")), tmp_path)
    more = ("--devices", "20", "--load-interval", "1s", "--smart-interval", "3s", "--for", "4s", "--json")
    done = run_forewarn("simulate", *side.options, "--to", url, "--share", share, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["stored"] == result["sent"] == result["acknowledged"] > 60
    alone = run_forewarn("simulate", *side.options, "--share", "8")
    assert (alone.returncode, "--share is for a broker" in alone.stderr) == (2, True)
    missing = run_forewarn("simulate", *side.options)
    assert missing.returncode == 1
    assert "--to" in missing.stderr


def test_what_ctrl_c_ends_is_told_of(side: Side, wait_until: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "forewarn_collector", "simulate", *side.options]
    command += ["--devices", "10", "--load-interval", "1s", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        devices = [sys.executable, "-m", "forewarn_collector", *side.options, "devices", "--json"]
        wait_until(lambda: len(json.loads(subprocess.check_output(devices))) >= 5, 60)
        running.send_signal(signal.SIGINT)
        said, complaints = running.communicate(timeout=60)
    assert running.returncode == 0, complaints
    result = json.loads(said)
    assert result["stored"] == result["sent"] > 0


def test_a_collector_that_is_killed_and_comes_back_loses_nothing(side: Side, wait_until: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "forewarn_collector", "simulate", *side.options]
    command += ["--devices", "20", "--load-interval", "1s", "--for", "12s", "--agents", "3", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        devices = [sys.executable, "-m", "forewarn_collector", *side.options, "devices", "--json"]
        wait_until(lambda: len(json.loads(subprocess.check_output(devices))) >= 5, 60)
        side.collector.kill()
        side.collector.start()
        said, complaints = running.communicate(timeout=100)
    assert running.returncode == 0, said + complaints
    result = json.loads(said)
    assert result["stored"] == result["sent"] >= 200
    assert result["missing"] == 0


def only_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


def test_a_collector_that_is_gone_for_good_is_one_line(side: Side, wait_until: Callable[..., None]) -> None:
    command = [sys.executable, "-m", "forewarn_collector", "simulate", *side.options]
    command += ["--devices", "20", "--load-interval", "1s", "--patience", "1s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        devices = [sys.executable, "-m", "forewarn_collector", *side.options, "devices", "--json"]
        wait_until(lambda: len(json.loads(subprocess.check_output(devices))) >= 5, 60)
        side.collector.kill()
        said, complaints = running.communicate(timeout=60)
    assert (running.returncode, said) == (1, "")
    (line,) = complaints.strip().splitlines()
    assert f"127.0.0.1:{side.collector.mqtt_port} does not answer" in line


def test_a_wrong_address_is_one_line(side: Side, run_forewarn: Run) -> None:
    nobody = run_forewarn("simulate", *side.options, "--to", "mqtt://127.0.0.1:1")
    assert "127.0.0.1:1 does not take sim1-c000-s-00000" in only_line(nobody)
    nowhere = run_forewarn("simulate", *side.options, "--to", "mqtt://no-such-host.invalid")
    assert "no-such-host.invalid:1883" in only_line(nowhere)
    plain = run_forewarn("simulate", *side.options, "--to", f"mqtts://127.0.0.1:{side.collector.mqtt_port}")
    assert "does it speak TLS there?" in only_line(plain)


def test_with_certificates_and_with_those_of_somebody_else(
    make_collector: Callable[..., Any], tmp_path: Path, run_forewarn: Run
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    make_authority(keys, "ours")
    make_authority(keys, "foreign")
    make_certificate(keys, "server", "/CN=localhost", "ours")
    tls = {"certificate": f"{keys}/server.pem", "key": f"{keys}/server.key", "client_ca": f"{keys}/ours.pem"}
    (tmp_path / "collector.yaml").write_text(yaml.safe_dump({"listen": {"tls": tls}}))
    side = Side(make_collector("--config", str(tmp_path / "collector.yaml")), tmp_path)
    fleet = ("--devices", "3", "--load-interval", "1s", "--agents", "1")
    names = run_forewarn("simulate", *fleet, "--names").stdout.split()
    assert len(names) == 3
    to = ("--to", f"mqtts://localhost:{side.collector.mqtt_port}")

    foreign = run_forewarn("simulate", *side.options, *to, *fleet, "--ca", keys / "foreign.pem")
    assert "certificate verify failed" in only_line(foreign)
    nameless = run_forewarn("simulate", *side.options, *to, *fleet, "--ca", keys / "ours.pem", "--keys", keys)
    assert f"{names[0]}.pem" in only_line(nameless)
    make_certificate(keys, names[0], f"/CN={names[0]}", "foreign")
    refused = run_forewarn("simulate", *side.options, *to, *fleet, "--ca", keys / "ours.pem", "--keys", keys)
    assert names[0] in only_line(refused)

    for name in names:
        make_certificate(keys, name, f"/CN={name}", "ours")
    more = ("--ca", keys / "ours.pem", "--keys", keys, "--for", "3s", "--json")
    done = run_forewarn("simulate", *side.options, *to, *fleet, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["stored"] == result["sent"] > 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rate", "0.5x"), "'0.5x' is neither max nor a factor"),
        (("--rate", "fast"), "'fast' is neither max nor a factor"),
        (("--rate", "max"), "--history"),
        (("--rate", "10x"), "--history"),
        (("--for", "never"), "'never' is not a duration"),
        (("--for", "0s"), "longer than nothing"),
        (("--to", "mqtt://127.0.0.1"), "--server"),
        (("--server", "http://127.0.0.1:1", "--to", "tcp://127.0.0.1"), "not an address"),
        (("--server", "http://127.0.0.1:1", "--data", os.devnull + "x"), "choose one"),
        (("--fault", "gremlins"), "gremlins"),
    ],
)
def test_options_that_contradict_are_told(run_forewarn: Run, options: tuple[str, ...], said: str) -> None:
    done = run_forewarn("simulate", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
