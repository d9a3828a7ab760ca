"""Made-up reports go through real outboxes: what a killed feed had taken is sent by the next one."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from forewarn_collector.store.reader import Reader
from forewarn_wire import Cpu, Inventory, LoadReport, StatusReport, encode

DEVICES = ("made-up-1", "made-up-2")


class Feed:
    def __init__(self, directory: Path, port: int) -> None:
        config = directory / "feed.yaml"
        settings = {"device": "feed", "server": f"mqtt://127.0.0.1:{port}", "data": str(directory / "outboxes")}
        config.write_text(yaml.safe_dump(settings | {"reconnect_spread": 0.2}))
        command = [sys.executable, "-m", "forewarn_agent.feed", str(config)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for device in DEVICES:
            about = {"boot": "unstamped", "seq": 0, "sampled_at": time.time()}
            inventory = Inventory(hostname=device)
            birth = StatusReport(device=device, state="online", session=1, inventory=inventory, **about)
            self._put(device, "status", encode(birth))

    def report(self, reports: int) -> None:
        for number in range(reports):
            for device in DEVICES:
                at = time.time() - reports + number
                load = LoadReport(device=device, boot="unstamped", seq=0, sampled_at=at, cpu=Cpu(used_percent=number))
                self._put(device, "load", encode(load))

    def _put(self, device: str, kind: str, payload: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{device} {kind} ".encode() + payload + b"\n")
        self._process.stdin.flush()

    def said(self) -> dict[str, int]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def finish(self) -> dict[str, int]:
        return dict(json.loads(self._process.communicate(timeout=90)[0].splitlines()[-1]))

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_a_killed_feed_loses_nothing_that_it_took(
    tmp_path: Path, collector_process: Any, wait_for: Callable[..., Any]
) -> None:
    collector = collector_process(tmp_path / "data")
    first = Feed(tmp_path, collector.mqtt_port)
    first.report(10)
    wait_for(lambda: first.said() == {"made": 20, "waiting": 20}, 60)
    first.kill()
    second = Feed(tmp_path, collector.mqtt_port)
    second.report(1)
    wait_for(lambda: second.said() == {"made": 2, "waiting": 22}, 60)
    collector.start()
    try:
        wait_for(lambda: second.said()["waiting"] == 0, 60)
        assert second.finish() == {"made": 2, "waiting": 0}
    finally:
        collector.stop()
    with Reader(collector.data) as reader:
        assert {row.name: row.reports for row in reader.devices()} == dict.fromkeys(DEVICES, 11)
