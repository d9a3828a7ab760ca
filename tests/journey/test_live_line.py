"""What `forewarn up` prints when a device is live: the command in it works, and an old device is not called live."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

from forewarn_collector.cli.up import SHOWN_DEVICES
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_wire import Cpu, EventReport, LoadReport

LIVE = re.compile(r"^(\S+) is live: cpu 7 %, no temperature sensor, 0 disks; look closer with: (.+)$", re.M)


def report(port: int, devices: str | list[str], seq: int, kind: str = "load") -> None:
    """Send one report of each and wait for the acknowledgements."""
    names = [devices] if isinstance(devices, str) else devices

    async def send() -> None:
        crowd = VirtualAgents(f"mqtt://127.0.0.1:{port}")
        for device in names:
            head: dict[str, Any] = {"device": device, "boot": "b1", "seq": seq, "sampled_at": time.time()}
            if kind == "load":
                crowd.send(kind, LoadReport(**head, cpu=Cpu(used_percent=7.0)))
            else:
                crowd.send(kind, EventReport(**head, event="agent-start"))
        await crowd.finish()

    asyncio.run(send())


def test_the_command_in_the_line_works_as_it_is_printed(collector: Any, wait_until: Callable[..., None]) -> None:
    report(collector.mqtt_port, "shop-07", 1)
    wait_until(lambda: LIVE.search(collector.said()), 30, "no live line")
    device, command = LIVE.findall(collector.said())[0]
    assert device == "shop-07"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "shop-07" in done.stdout


def test_a_device_of_an_earlier_run_is_live_when_it_reports_its_load(
    collector: Any, wait_until: Callable[..., None]
) -> None:
    report(collector.mqtt_port, "shop-07", 1)
    wait_until(lambda: LIVE.search(collector.said()), 30, "no live line")
    collector.stop()
    collector.log.write_text("")
    collector.start()
    report(collector.mqtt_port, "shop-07", 2, "event")  # it is there, but what is stored of its load is old
    report(collector.mqtt_port, "shop-08", 1)
    wait_until(lambda: LIVE.search(collector.said()), 30, "no live line of the new device")
    assert [device for device, _ in LIVE.findall(collector.said())] == ["shop-08"]
    report(collector.mqtt_port, "shop-07", 3)
    wait_until(lambda: len(LIVE.findall(collector.said())) == 2, 30, "no live line of the old device")


def test_no_more_than_a_screenful_is_said_of_many_that_come_at_once(
    collector: Any, wait_until: Callable[..., None]
) -> None:
    report(collector.mqtt_port, [f"shop-{number}" for number in range(2 * SHOWN_DEVICES)], 1)
    wait_until(lambda: len(LIVE.findall(collector.said())) >= SHOWN_DEVICES, 60, "not enough live lines")
    collector.stop()
    assert len(LIVE.findall(collector.said())) == SHOWN_DEVICES
