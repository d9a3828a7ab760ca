"""``forewarn up --with-agent``: this machine's own live data within a minute, and a virtual disk that says why."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def with_agent(collector: Any) -> Any:
    """The same collector, started again with the machine's agent."""
    collector.stop()
    collector.options = ("--with-agent",)
    collector.start()
    return collector


def test_the_first_live_line_comes_within_a_minute_and_its_hint_works(
    with_agent: Any, wait_until: Callable[..., None], run_forewarn: Callable[..., Any]
) -> None:
    began = time.monotonic()
    wait_until(lambda: " is live: " in with_agent.said(), 60, "no live line")
    assert time.monotonic() - began < 60
    devices = json.loads(run_forewarn("--data", with_agent.data, "devices", "--json").stdout)
    assert len(devices) == 1
    name = devices[0]["name"]
    assert devices[0]["online"] is True
    assert 0 <= devices[0]["cpu_used_percent"] <= 100
    assert 0 < devices[0]["memory_used_percent"] < 100

    def everything_in() -> bool:
        page = json.loads(run_forewarn("--data", with_agent.data, "device", name, "--json").stdout)
        return {series["kind"] for series in page["series"]} >= {"load"} and bool(page["events"])

    wait_until(everything_in, 30)
    page = json.loads(run_forewarn("--data", with_agent.data, "device", name, "--json").stdout)
    load = next(series for series in page["series"] if series["kind"] == "load")
    assert any(field.startswith("filesystem.used_percent|") for field in load["values"])
    disks = [series for series in page["series"] if series["kind"] == "smart"]
    for disk in disks:
        measured = disk["facts"]["outcome"] == "measured"
        assert measured or disk["facts"]["detail"], "a disk without SMART says why"
    text = run_forewarn("--data", with_agent.data, "device", name).stdout
    assert name in text


def test_stopping_says_goodbye_in_order(
    with_agent: Any, wait_until: Callable[..., None], run_forewarn: Callable[..., Any]
) -> None:
    wait_until(lambda: " is live: " in with_agent.said(), 60, "no live line")
    with_agent.stop()
    assert with_agent.process.returncode == 0
    assert "Traceback" not in with_agent.said()
    with_agent.options = ()
    with_agent.start()
    devices = json.loads(run_forewarn("--data", with_agent.data, "devices", "--json").stdout)
    assert devices[0]["online"] is False, "the agent's farewell was stored before the collector ended"
