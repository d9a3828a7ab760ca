"""The commands as a person or a script meets them."""

import importlib.metadata
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from forewarn_wire import LoadReport, SmartReport, decode


def agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forewarn_agent", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def config(tmp_path: Path, agent_data: Path, machine: Any, shared_data: Path) -> Callable[..., str]:
    """Write a configuration for the captured tree with one readable disk; return its path."""
    file = shared_data / "smartctl" / "prometheus-community__smartctl_exporter" / "testdata__ST3500418AS_12.json"
    smartctl = machine({"/dev/sda": {"type": "sat", "file": str(file)}})
    tree = agent_data / "tree"

    def write(**changes: Any) -> str:
        settings = {
            "device": "shop-07",
            "data": str(tmp_path / "data"),
            "smartctl": str(smartctl),
            "roots": {name: str(tree / name) for name in ("proc", "sys", "root")},
        }
        path = tmp_path / "agent.yaml"
        path.write_text(yaml.safe_dump(settings | changes))
        return str(path)

    return write


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_probe_prints_a_table(config: Callable[..., str]) -> None:
    done = agent("probe", "--config", config())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["PROBE", "PART", "QUANTITY", "VALUE"]
    column = lines[0].index("VALUE")
    assert all(line[column - 1] == " " for line in lines if len(line) > column), "the columns are aligned"
    assert {line.split()[0] for line in lines[1:]} == {
        "load",
        "memory",
        "filesystem",
        "temperature",
        "uptime",
        "arrays",
        "fan",
        "voltage",
        "ecc",
        "battery",
        "throttling",
        "pressure",
        "network",
        "gpu",
        "log",
        "smart",
    }
    (reallocated,) = [line for line in lines if "5 Reallocated_Sector_Ct" in line]
    assert "304 (value" in reallocated
    assert any("/dev/vda" in line and "virtual" in line for line in lines)
    assert any("could not be measured" in line for line in lines)


def test_probe_as_json_is_what_would_be_sent(config: Callable[..., str]) -> None:
    done = agent("probe", "--json", "--config", config())
    document = json.loads(done.stdout)
    assert set(document) == {"load", "smart"}
    load = decode("load", json.dumps(document["load"] | {"boot": "b"}).encode())
    assert isinstance(load, LoadReport)
    assert load.device == "shop-07"
    reports = [decode("smart", json.dumps(report | {"boot": "b"}).encode()) for report in document["smart"]]
    assert all(isinstance(report, SmartReport) for report in reports)


def test_probe_of_one_name(config: Callable[..., str]) -> None:
    done = agent("probe", "uptime", "--config", config())
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["PROBE", "uptime"]


def test_an_unknown_probe_is_one_line() -> None:
    done = agent("probe", "fans")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: fans: no such probe: known are load, memory, filesystem, temperature, uptime, arrays, "
        "fan, voltage, ecc, battery, throttling, pressure, network, gpu, log, smart\n"
    )


def test_probe_works_without_a_file_on_this_machine() -> None:
    done = agent("probe", "memory")
    assert done.returncode == 0
    assert "total_bytes" in done.stdout


def test_doctor_names_every_disk_and_every_problem(config: Callable[..., str]) -> None:
    done = agent("doctor", "--config", config(server="mqtt://127.0.0.1:1"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"ok", "problem"}
    for disk in ("/dev/sda", "/dev/sdb", "/dev/nvme0", "/dev/vda", "/dev/mmcblk0"):
        assert any(f"disk {disk}" in line for line in lines), disk
    problems = [line for line in lines if line.startswith("problem")]
    assert all(" -> " in line for line in problems), "each problem with its remedy"
    assert any("server: mqtt://127.0.0.1:1: Connection refused" in line for line in problems)
    assert any("disk /dev/sdb" in line and "bridge-hides-smart" in line for line in problems)
    assert any(line.startswith("ok") and "disk /dev/vda" in line and "virtual" in line for line in lines)
    assert any(line.startswith("ok") and "smartctl" in line and "version 7.3" in line for line in lines)


def test_doctor_is_content_when_all_is_well(
    config: Callable[..., str], tmp_path: Path, open_port: int, agent_data: Path
) -> None:
    (tmp_path / "sys" / "block" / "sda").mkdir(parents=True)
    tree = agent_data / "tree"
    path = config(
        server=f"mqtt://127.0.0.1:{open_port}",
        roots={"proc": str(tree / "proc"), "sys": str(tmp_path / "sys"), "root": str(tree / "root")},
        probes={"filesystem": False},
    )
    done = agent("doctor", "--json", "--config", path)
    checks = json.loads(done.stdout)
    assert [check for check in checks if check["state"] != "ok"] == []
    assert done.returncode == 0
    assert {"subject": "server", "state": "ok", "finding": f"mqtt://127.0.0.1:{open_port} accepts connections"} in [
        {key: check[key] for key in ("subject", "state", "finding")} for check in checks
    ]


def test_doctor_without_smartctl(config: Callable[..., str]) -> None:
    done = agent("doctor", "--config", config(smartctl="/nowhere/smartctl"))
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("problem  smartctl")]
    assert line.endswith("install smartmontools 7.0 or newer, or set smartctl to its path")


def test_doctor_says_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("load_interval: soon\nspeed: 5\n")
    done = agent("doctor", "--config", str(path))
    assert done.returncode == 1
    assert len([line for line in done.stdout.splitlines() if line.startswith("problem  config")]) == 2


def test_doctor_tells_a_broken_outbox(config: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "outbox.db").write_text("no database")
    done = agent("doctor", "--config", config())
    assert any(line.startswith("problem  outbox") for line in done.stdout.splitlines())


def test_run_with_a_bad_file_is_lines_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("load_interval: soon\nserver: mqtt://collector.example.org\n")
    done = agent("run", "--config", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2
    assert "Traceback" not in done.stderr


def test_run_without_a_file_says_so(tmp_path: Path) -> None:
    done = agent("run", "--config", str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert done.stderr == f"Error: {tmp_path}/none.yaml: file: cannot be read: No such file or directory\n"
    assert agent("run").returncode == 2


def test_run_with_a_data_directory_of_no_use_is_one_line(config: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = agent("run", "--config", config(data=str(tmp_path / "taken" / "data")))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_agent_on_the_same_data_is_refused(
    config: Callable[..., str], agent_process: Any, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    settings = yaml.safe_load(Path(config(server="mqtt://127.0.0.1:1")).read_text())
    first = agent_process(settings)
    first.start()
    wait_for(lambda: (tmp_path / "data" / "outbox.db").exists())
    done = agent("run", "--config", config())
    assert done.returncode == 1
    assert "is in use by the agent with process id" in done.stderr


def test_the_version_is_that_of_the_distribution() -> None:

    assert agent("--version").stdout.strip().endswith(importlib.metadata.version("forewarn"))


def test_the_agent_starts_without_the_collectors_libraries() -> None:
    """A client machine has the base dependencies only, and pySMART only in its child."""
    code = (
        "import sys, forewarn_agent.app, forewarn_agent.cli, forewarn_agent.doctor, forewarn_agent.table\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("pySMART", "rich", "numpy", "sqlalchemy", "httpx", "litestar", "forewarn_collector"):
        assert f"'{name}'" not in loaded


def test_what_runs_for_months_holds_nothing_that_only_a_command_needs() -> None:
    """Each of these takes about a megabyte of every client machine."""
    code = "import sys, forewarn_agent.__main__, forewarn_agent.app; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"forewarn_agent.publish", "paho.mqtt.client"} <= set(loaded)
    assert {"click", "yaml", "psutil", "tarfile", "importlib.metadata"} & set(loaded) == set()
