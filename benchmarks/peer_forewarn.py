"""forewarn among its peers: what benchmarks/intake.py measures of the listener, and what is there after SIGKILL.

python benchmarks/peer_forewarn.py URL DEVICES    # the sender, as peers_intake.py starts it
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from intake import OWED_BY_A_DEVICE, run
from peers_load import KILL_AFTER_SECONDS, Figures
from reports import DAY, load_report

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.embedded import embedded_collector
from forewarn_collector.replay.sender import SendError, VirtualAgents

GIVE_UP_SECONDS = 1.0


async def send_until_gone(url: str, devices: int) -> int:
    """As fast as it goes; how many reports were acknowledged."""
    crowd = VirtualAgents(url, give_up_seconds=GIVE_UP_SECONDS)
    start = time.time() - 30 * DAY
    seq = 0
    try:
        while True:
            seq += 1
            for number in range(devices):
                crowd.send("load", load_report(f"fast-{number}", "fast", seq, start))
            await crowd.wait_below(devices * OWED_BY_A_DEVICE)
    except SendError:
        return crowd.acked[0]


def killed(devices: int) -> tuple[int, int]:
    """How many reports it had acknowledged when it was killed, and how many it has when it is back."""
    with tempfile.TemporaryDirectory(prefix="forewarn-killed-") as name:
        data = Path(name)
        with embedded_collector(data):
            with Client.connect(data, None, None) as client:
                url = str(client.status().mqtt)
            command = [sys.executable, __file__, url, str(devices)]
            sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            time.sleep(KILL_AFTER_SECONDS)
            os.kill(json.loads((data / "api.json").read_text())["pid"], signal.SIGKILL)
            acknowledged = int(sender.communicate()[0])
        with embedded_collector(data), Client.connect(data, None, None) as client:
            return acknowledged, client.status().stored


def measure(devices: int, seconds: float, paced: float, paced_seconds: float) -> Figures:
    options = argparse.Namespace(devices=devices, seconds=seconds, senders=1, paced=paced, paced_seconds=paced_seconds)
    found = run("listener", options)
    acknowledged, kept = killed(devices)
    return {
        "reports_per_second": found["judged_per_second"],
        "cpu_ms_per_report": found["cpu_ms_per_report"],
        "bytes_per_value": found["bytes_per_value"],
        "memory_mb": found["peak_rss_mb"],
        "verdict_p95_ms": found["verdict_p95_ms"],
        "acknowledged": acknowledged,
        "lost": max(0, acknowledged - kept),
    }


if __name__ == "__main__":
    print(asyncio.run(send_until_gone(sys.argv[1], int(sys.argv[2]))))
