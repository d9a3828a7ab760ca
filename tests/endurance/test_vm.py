"""`make vm`: the agent in a virtual machine with emulated NVMe and SATA disks, a collector outside of it."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

DEVICE = "shop-vm"
# By this address QEMU's user network reaches the machine that it runs on.
HOST = "10.0.2.2"


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    directory.mkdir()
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(directory, "req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt")
    for name, alternative in (("server", f"IP:{HOST}"), (DEVICE, f"DNS:{DEVICE}")):
        openssl(directory, "req", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (directory / "names").write_text(f"subjectAltName={alternative}")
        openssl(
            directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", f"{name}.crt",
        )  # fmt: skip
    return directory


@pytest.fixture
def collector(keys: Path, tmp_path: Path, make_collector: Callable[..., Any]) -> Any:
    tls = {"certificate": str(keys / "server.crt"), "key": str(keys / "server.key"), "client_ca": str(keys / "ca.crt")}
    config = tmp_path / "collector.yaml"
    config.write_text(yaml.safe_dump({"listen": {"address": "127.0.0.1", "tls": tls}}))
    return make_collector("--config", str(config))


def ask(collector: Any, *words: str) -> Any:
    command = [sys.executable, "-m", "forewarn_collector", "--data", str(collector.data), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def eventually(found: Callable[[], Any], what: str, machine: Any, seconds: float = 600) -> Any:
    began = time.monotonic()
    while not (result := found()):
        if time.monotonic() - began > seconds:
            pytest.fail(
                f"not within {seconds:g} s: {what}\n{machine.run('systemctl status forewarn-agent --no-pager || true')}"
            )
        time.sleep(1)
    print(f"{what}: after {time.monotonic() - began:.0f} s")
    return result


def install(machine: Any, keys: Path, port: int) -> None:
    """What the image cannot know: where the collector is, and the keys."""
    place = "/etc/forewarn-agent"
    config = {
        "device": DEVICE,
        "server": f"mqtts://{HOST}:{port}",
        "data": "/var/lib/forewarn-agent",
        "load_interval": "10s",
        "smart_interval": "20s",
        "tls": {"ca": f"{place}/ca.crt", "certificate": f"{place}/{DEVICE}.crt", "key": f"{place}/{DEVICE}.key"},
    }
    contents = {"agent.yaml": yaml.safe_dump(config).encode()}
    contents |= {name: (keys / name).read_bytes() for name in ("ca.crt", f"{DEVICE}.crt", f"{DEVICE}.key")}
    machine.run(f"mkdir -p {place}")
    for name, content in contents.items():
        # In pieces: a terminal takes lines of up to 4095 characters.
        text = base64.b64encode(content).decode()
        for start in range(0, len(text), 1000):
            machine.run(f"echo -n {text[start : start + 1000]} >>/tmp/{name}")
        machine.run(f"base64 -d /tmp/{name} >{place}/{name}")
    machine.run("systemctl start forewarn-agent", 600)


def test_disks_are_found_warn_and_vanish_and_a_power_cut_is_told(machine: Any, collector: Any, keys: Path) -> None:
    began = time.monotonic()
    machine.start()
    print(f"started: after {time.monotonic() - began:.0f} s")
    install(machine, keys, collector.mqtt_port)

    def disks() -> dict[str, str]:
        page = ask(collector, "device", DEVICE) or {"series": []}
        return {row["part"]: row["facts"]["outcome"] for row in page["series"] if row["kind"] == "smart"}

    def ticket(part: str, rule: str) -> Any:
        shown = [ask(collector, "ticket", "show", str(each["number"])) for each in ask(collector, "tickets") or []]
        return next((each for each in shown if part in json.dumps(each) and rule in json.dumps(each)), None)

    all_three = {"QNVME0001": "measured", "QNVME0002": "measured", "QSATA0001": "measured"}
    eventually(lambda: all_three.items() <= disks().items(), "three disks are measured", machine)
    # An emulated drive tells a spare of 0 %, which is a finding of its own, and the same fault.
    print("tickets before:", [f"{each['part_serial']} {each['title']}" for each in ask(collector, "tickets")])
    assert not ticket("QNVME0001", "nvme-critical-warning")

    machine.qmp("qom-set", path="/machine/peripheral/nvme0", property="smart_critical_warning", value=4)
    eventually(lambda: ticket("QNVME0001", "nvme-critical-warning"), "a critical warning is a ticket", machine)

    machine.qmp("device_del", id="nvme1")
    eventually(lambda: "nvme1" not in machine.run("ls /dev"), "the kernel has let the pulled disk go", machine)
    # Missing for an hour is vanished; the machine's clock goes on instead of the test waiting.
    machine.run("date -s '+2 hours'")
    eventually(lambda: ticket("QNVME0002", "disk-vanished"), "a disk pulled out has vanished", machine)

    machine.cut_power()
    machine.start("nvme1")

    def events() -> list[str]:
        return [event["name"] for event in (ask(collector, "device", DEVICE) or {"events": []})["events"]]

    eventually(lambda: "unexpected-reboot" in events(), "a power cut is an unexpected reboot", machine)
