"""The agent's memory stays flat: a day of polling at a short interval; `make soak` does two weeks."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

pytestmark = [pytest.mark.server, pytest.mark.slow]

MINUTES = int(os.environ.get("FOREWARN_MINUTES", 24 * 60))
# A minute takes so long here, or as long as a round takes.
MINUTE_SECONDS = 0.01
SMART_MINUTES = 30
BOUND_KIBIBYTES = 1024


def private_kibibytes(pid: int) -> int:
    """What the process itself has written: shared libraries come and go with other programs."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))


def reports(data: Path) -> tuple[int, int]:
    """How many were made, and how many of them wait."""
    address = f"{(data / 'outbox.db').as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as file:
        (made,) = file.execute("SELECT value FROM meta WHERE key = 'next_seq'").fetchone()
        (waiting,) = file.execute("SELECT COUNT(*) FROM reports WHERE settled_at IS NULL").fetchone()
    return int(made) - 1, waiting


@pytest.fixture
def subscriber(mosquitto: Any) -> Iterator[None]:
    """A broker that knows nobody who wants the reports takes none from the agent."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="collector", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda client, *_: client.subscribe("forewarn/v1/+/up/#", qos=1)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def polling(
    agent_process: Callable[[dict[str, Any]], Any],
    subscriber: None,
    mosquitto: Any,
    machine: Any,
    shared_data: Path,
    tmp_path: Path,
) -> Any:
    """An agent that reads this machine's own values, and two recorded disks."""
    files = sorted((shared_data / "smartctl" / "prometheus-community__smartctl_exporter").glob("*.json"))[:2]
    disks = {f"/dev/sd{letter}": {"type": "sat", "file": str(file)} for letter, file in zip("ab", files, strict=True)}
    bare = tmp_path / "sys"
    (bare / "block").mkdir(parents=True)
    return agent_process(
        {
            "device": "shop-07",
            "server": f"mqtt://127.0.0.1:{mosquitto.port}",
            "roots": {"sys": str(bare)},
            "load_interval": MINUTE_SECONDS,
            "smart_interval": MINUTE_SECONDS * SMART_MINUTES,
            "smartctl": str(machine(disks)),
            "outbox": {"keep": 10},
        }
    )


def test_memory_is_flat(polling: Any, tmp_path: Path, wait_for: Any) -> None:
    data = tmp_path / "data"
    polling.start()
    wait_for(lambda: "connected to" in polling.log(), 60)
    began, seen = time.monotonic(), []
    while (made := reports(data)[0]) < MINUTES:
        seen.append((made, private_kibibytes(polling.pid)))
        time.sleep(max(0.05, MINUTES / 20_000))
    waiting = wait_for(lambda: reports(data)[1] < 100 and [reports(data)[1]], 60)
    assert polling.end(signal.SIGTERM) == 0
    # The first readings of everything, the first connection, the first delivered reports that are forgotten.
    settled = [memory for made, memory in seen if made > MINUTES / 4]
    first, most, last = settled[0], max(settled), settled[-1]
    print(
        f"{MINUTES} rounds in {time.monotonic() - began:.0f} s: private memory {first} KiB after a quarter,"
        f" {most} at most, {last} at the end; {waiting[0]} reports wait"
    )
    assert most - first <= BOUND_KIBIBYTES
