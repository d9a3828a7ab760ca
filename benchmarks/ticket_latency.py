"""From a report that crosses a threshold to the ticket in Request Tracker: how long, at the median and at the 95th
percentile.

    python benchmarks/ticket_latency.py [--reports 40]

A real Request Tracker (Debian's, as the tests start it), a real collector (`forewarn up`), and devices that are
connected beforehand. Each report says that a disk calls itself failed. Time begins when the report is handed to the
socket; it ends when Request Tracker's own web-hook says that the ticket is made, which is after its commit. One report
after the other: the collector is idle in between.
"""

import argparse
import asyncio
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

from forewarn_collector.replay.sender import VirtualAgents
from forewarn_wire import Cpu, Disk, LoadReport, Outcome, SmartReport

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))
PATIENCE = 60.0


class Sink:
    """Notes when Request Tracker tells of a ticket for the first time."""

    def __init__(self) -> None:
        self.made: dict[bytes, float] = {}
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.made.setdefault(body, time.perf_counter())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def failed(device: str) -> SmartReport:
    disk = Disk(serial=f"S-{device}", model="ST4000DM000", slot="/dev/sda")
    at = time.time()
    return SmartReport(
        device=device, boot="b1", seq=2, sampled_at=at, disk=disk, outcome=Outcome.MEASURED, passed=False
    )


async def measure(port: int, sink: Sink, reports: int) -> list[float]:
    crowd = VirtualAgents(f"mqtt://127.0.0.1:{port}")
    devices = [f"bench-{number:03}" for number in range(reports)]
    for device in devices:
        load = LoadReport(device=device, boot="b1", seq=1, sampled_at=time.time(), cpu=Cpu(used_percent=7.0))
        crowd.send("load", load)
    await asyncio.sleep(5)
    taken = []
    for number, device in enumerate(devices, 1):
        began = time.perf_counter()
        crowd.send("smart", failed(device))
        while len(sink.made) < number:
            await asyncio.sleep(0.001)
            if time.perf_counter() - began > PATIENCE:
                raise SystemExit(f"no ticket for {device} within {PATIENCE:.0f} s")
        taken.append(max(sink.made.values()) - began)
        await asyncio.sleep(0.5)
    await crowd.finish()
    return taken


def run(directory: Path, reports: int) -> list[float]:
    from servers.request_tracker import RequestTracker
    from servers.started import free_port

    sink = Sink()
    tracker = RequestTracker(directory / "rt")
    tracker.start()
    tracker.hook.write_text(f"http://127.0.0.1:{sink.server.server_address[1]}/\nsecret\n")
    token = directory / "token"
    token.write_text(tracker.token)
    token.chmod(0o600)
    entry = {"name": "rt", "kind": "rt", "url": tracker.url, "token_file": str(token), "options": tracker.options}
    config = directory / "collector.yaml"
    config.write_text(yaml.safe_dump({"destinations": [entry | {"queues": tracker.queues}]}))
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "forewarn_collector",
        "up",
        "--data",
        str(directory / "data"),
        "--config",
        str(config),
    ]
    with subprocess.Popen(
        [*command, "--mqtt-port", str(port), "--api-port", "0"], stdout=subprocess.DEVNULL
    ) as collector:
        try:
            while not (directory / "data" / "api.json").exists():
                time.sleep(0.1)
            return asyncio.run(measure(port, sink, reports))
        finally:
            collector.terminate()
            collector.wait()
            tracker.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=40)
    reports = parser.parse_args().reports
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "rt").mkdir()
        load = os.getloadavg()[0]
        taken = sorted(run(directory, reports))
    print(f"{reports} reports on {os.cpu_count()} processors, load {load:.1f} before")
    p95 = taken[min(len(taken) - 1, round(0.95 * len(taken)))]
    print(f"from the report to the ticket in Request Tracker: median {statistics.median(taken):.2f} s,")
    print(f"95 % within {p95:.2f} s, the slowest {taken[-1]:.2f} s")


if __name__ == "__main__":
    main()
