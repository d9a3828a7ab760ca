"""From the state of an array in sysfs to the ticket: agent, collector and order as processes of their own.

The tree is written by hand after Documentation/admin-guide/md.rst of the kernel; no array of this kind was at hand.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TREE = Path(__file__).parents[1] / "data" / "agent" / "tree"
MD = {
    "level": "raid1", "raid_disks": "2", "array_state": "clean", "degraded": "0", "sync_action": "idle",
    "sync_completed": "none", "mismatch_cnt": "0",
    "dev-sda1/state": "in_sync", "dev-sdb1/state": "in_sync", "dev-sda1/errors": "0", "dev-sdb1/errors": "0",
}  # fmt: skip


def say(md: Path, **contents: str) -> None:
    for name, content in contents.items():
        path = md / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


@pytest.fixture
def md(tmp_path: Path) -> Path:
    directory = tmp_path / "sys" / "block" / "md0" / "md"
    say(directory, **MD)
    return directory


@pytest.fixture
def agent(collector: Any, make_agent: Callable[..., Any], md: Path, tmp_path: Path) -> Any:
    roots = {"proc": str(TREE / "proc"), "sys": str(tmp_path / "sys"), "root": str(TREE / "root")}
    return make_agent(collector.mqtt_port, probes={"smart": False, "log": False}, roots=roots)


def test_an_array_that_loses_a_member_is_a_ticket(
    collector: Any, agent: Any, md: Path, run_forewarn: Callable[..., Any], wait_until: Callable[..., None]
) -> None:
    def forewarn(*arguments: str) -> Any:
        done = run_forewarn("--data", collector.data, *arguments, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def state() -> str | None:
        facts = [series["facts"] for series in forewarn("device", "shop-07").get("series", [])]
        states = [fact["arrays"]["md0"].get("array_state") for fact in facts if "md0" in fact.get("arrays", {})]
        return states[0] if states else None

    def faults() -> list[str]:
        return [ticket["fault"] for ticket in forewarn("tickets")]

    wait_until(lambda: state() == "clean", 30, "the array is not told")
    assert faults() == [], "a whole array is no fault"
    say(md, degraded="1", **{"dev-sdb1/state": "faulty"})
    wait_until(lambda: faults() == ["array-degraded"], 30, "no ticket")
    (ticket,) = forewarn("tickets")
    assert ticket["device"] == "shop-07"
    assert "md0" in json.dumps(ticket)
    assert agent.runs()
