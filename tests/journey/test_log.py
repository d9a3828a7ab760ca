"""From a message of the kernel to the ticket: agent, collector and order as processes of their own.

The kernel's buffer is a file in the form of /dev/kmsg; no broken disk was at hand.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TREE = Path(__file__).parents[1] / "data" / "agent" / "tree"
CALM = "6,1,1000000,-;ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)\n"
BROKEN = (
    "3,2,2000000,-;critical medium error, dev sda, sector 1677725432 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0\n"
)


@pytest.fixture
def kmsg(tmp_path: Path) -> Path:
    path = tmp_path / "root" / "dev" / "kmsg"
    path.parent.mkdir(parents=True)
    path.write_text(CALM)
    return path


@pytest.fixture
def agent(collector: Any, make_agent: Callable[..., Any], kmsg: Path, tmp_path: Path) -> Any:
    roots = {"proc": str(TREE / "proc"), "sys": str(TREE / "sys"), "root": str(tmp_path / "root")}
    return make_agent(collector.mqtt_port, log_interval=1, probes={}, smartctl="/nowhere/smartctl", roots=roots)


def test_a_bad_medium_in_the_log_is_a_ticket_about_that_disk(
    collector: Any, agent: Any, kmsg: Path, run_forewarn: Callable[..., Any], wait_until: Callable[..., None]
) -> None:
    def forewarn(*arguments: str) -> Any:
        done = run_forewarn("--data", collector.data, *arguments, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def counted() -> dict[str, float]:
        series = forewarn("device", "shop-07").get("series", [])
        fields = {field: value for one in series for field, value in one["values"].items()}
        return {field: value for field, value in fields.items() if field.startswith("disk_log.medium_errors")}

    wait_until(lambda: 0.0 in counted().values(), 60, "the disks of the log are not told")
    assert forewarn("tickets") == [], "a calm log is no fault"
    with kmsg.open("a") as buffer:
        buffer.write(BROKEN)
    wait_until(lambda: [ticket["fault"] for ticket in forewarn("tickets")] == ["disk-failure"], 60, "no ticket")
    (ticket,) = forewarn("tickets")
    serial = (TREE / "sys/block/sda/device/vpd_pg80").read_bytes()[4:].decode().strip()
    assert ticket["part_serial"] == serial
    explained = run_forewarn("--data", collector.data, "rules", "explain", "disk-kernel-errors", "--device", "shop-07")
    assert f"disk-log {serial}" in explained.stdout, "a rule that reads the log can be explained for a disk"
    told = forewarn("device", "shop-07")
    event = next(event for event in told["events"] if event["name"] == "log-medium-errors")
    assert "sector 1677725432" in event["text"]
    assert event["part"] == serial
    assert agent.runs()
