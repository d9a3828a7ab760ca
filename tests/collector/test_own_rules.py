"""A provider's own directory as it works in a collector: rules added, one overridden, others switched off."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from forewarn_collector.cli.main import forewarn
from forewarn_collector.config_file import load_config
from forewarn_rules import load_rules
from forewarn_wire import Attribute, Disk, LoadReport, Memory, Message, Outcome, SmartReport, encode, up_topic

DEVICES = ("acme-1", "acme-2", "bolt-1")
ADDED = """\
schema: 1
id: memory-tight
title: Memory is nearly used up
status: stable
since: 2026-11-26
scope: {per: [device], where: {customer: [Acme]}}
signals: {used: {metric: memory.used_percent, take: last}}
levels: {warning: {raise: {used: {at_least: 90}}, clear: {used: {below: 80}}}}
explain: {what: "{device} uses {used:.0f} % of its memory.", why: "It slows down.", do: ["Find what grows."]}
ticket: {fault: other, queue: service desk, kind: fact}
"""
ADDED_TEST = """\
rule: memory-tight
step: 1m
labels: {customer: Acme}
cases:
  - {name: raises, series: {memory.used_percent: "95"}, expect: [{at: 0m, level: warning}]}
  - {name: calm, series: {memory.used_percent: "50"}, expect: [{at: 0m, level: none}]}
"""
CONFIG = {
    "listen": {"port": 0},
    "api": {"port": 0},
    "directory": [
        {"devices": ["acme-*"], "customer": "Acme", "site": "Store 1"},
        {"devices": ["bolt-*"], "customer": "Bolt", "site": "Hall"},
    ],
    "rules": {
        "disable": [
            {"rule": "crc-errors-growing", "customer": "Acme"},
            {"rule": "memory-tight", "device": "acme-2"},
            {"rule": "drive-reports-failed", "site": "Hall", "model": "ST4000*"},
        ],
    },
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """One rule that is added, and a built-in one that asks for more."""
    directory = tmp_path / "own-rules"
    directory.mkdir()
    (directory / "memory-tight.yaml").write_text(ADDED)
    (directory / "memory-tight.test.yaml").write_text(ADDED_TEST)
    known = load_rules()["ata-reallocated-growth"]
    text = (
        known.file.read_text()
        .replace("schema: 1", "schema: 1\noverrides: true")
        .replace("at_least: 70", "at_least: 700")
    )
    (directory / known.file.name).write_text(text)
    test = known.test_file.read_text()
    (directory / known.test_file.name).write_text(test)
    return directory


def reports(device: str, start: float) -> list[Message]:
    """A machine that runs out of memory, and a disk with 100 old sectors and a bad cable that says that it fails."""
    disk = Disk(slot="/dev/sda", kind="hdd", serial=f"S-{device}", model="ST4000DM000")
    found: list[Message] = []
    for n, crc in enumerate([0, 0, 40, 40]):
        head = {"device": device, "boot": "b1", "sampled_at": start + n * 3600.0}
        found.append(
            SmartReport(
                **head,
                seq=2 * n + 1,
                disk=disk,
                outcome=Outcome.MEASURED,
                passed=n < 3,
                attributes=[Attribute(5, 100, 100, 10, 100), Attribute(199, 200, 200, 0, crc)],
            )
        )
        found.append(LoadReport(**head, seq=2 * n + 2, memory=Memory(used_percent=60.0 + 12 * n)))
    return found


def test_own_rules_are_added_stand_for_built_in_ones_and_switch_them_off(
    own: Path, tmp_path: Path, make_running: Callable[..., Any], make_device: Callable[..., Any], no_errors_logged: None
) -> None:
    whole = msgspec.json.decode(json.dumps(CONFIG))
    whole["rules"]["directories"] = [str(own)]
    path = tmp_path / "collector.yaml"
    path.write_text(yaml.safe_dump(whole))
    running = make_running(load_config(path))
    start = time.time() - 86_400
    for name in DEVICES:
        device = make_device(running.port, name)
        assert device.connect().reason_code == 0
        for message in reports(name, start):
            kind = "smart" if isinstance(message, SmartReport) else "load"
            assert device.publish(up_topic(name, kind), encode(message)).reason_code == 0
    deadline = time.monotonic() + 60
    while (health := running.collector.health()).judged_position < health.position:
        assert time.monotonic() < deadline, "the judge does not come to it"
        time.sleep(0.02)

    def ask(*words: str) -> Any:
        done = CliRunner().invoke(forewarn, ["--data", str(running.data), *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    tickets = {(ticket["device"], ticket["fault"]) for ticket in ask("tickets")}
    assert tickets == {
        ("acme-1", "other"),  # the added rule: Acme's machines, but for the one where it is off
        ("acme-1", "disk-failure"),  # drive-reports-failed, which is off for that model in Bolt's hall alone
        ("acme-2", "disk-failure"),
        ("bolt-1", "cable"),  # crc-errors-growing, which is off for Acme
    }
    account = ask("rules", "explain", "ata-reallocated-growth", "--device", "acme-1")
    assert account["accounts"][0]["level"] == "none", "the provider's own limit is 700 sectors"
    assert (
        "switched off" in ask("rules", "explain", "crc-errors-growing", "--device", "acme-1")["accounts"][0]["why_not"]
    )
    assert ask("rules", "explain", "crc-errors-growing", "--device", "bolt-1")["accounts"][0]["why_not"] == ""
    listed = {rule["id"] for rule in ask("rules", "list", "--rules", str(own))}
    assert "memory-tight" in listed
