"""VictoriaMetrics, Debian's single node: the same values as lines of InfluxDB's protocol, many reports in a request.

500 reports in a request over one connection is the most that it is given here. Its answer says that they are in memory,
not on disk, and nothing is judged.

    python benchmarks/peer_victoria.py PORT DEVICES SECONDS    # the sender, as peers_intake.py starts it
"""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import psutil
from intake import cpu_seconds, peak_bytes
from peers import free_port
from peers_load import KILL_AFTER_SECONDS, Figures, directory_bytes, told
from reports import DAY, VALUES, load_report

BATCH = 500
BATCHES = 400
START_SECONDS = 60.0


def lines(devices: int, first: int, count: int, start: float) -> bytes:
    """``count`` reports in turn of all devices, times in milliseconds."""
    found = []
    for number in range(first, first + count):
        seq, device = divmod(number, devices)
        report = load_report(f"fast-{device}", "fast", seq, start)
        values = ",".join(f"{field.replace('|', '_')}={value:g}" for field, value in told(report))
        found.append(f"load,device=fast-{device} {values} {round(1000 * report.sampled_at)}")
    return "\n".join(found).encode()


def send(port: int, devices: int, seconds: float) -> None:
    """As fast as it goes until time is over or the server is gone; print how many it acknowledged, in what time."""
    start = time.time() - 30 * DAY
    batches = [lines(devices, first, BATCH, start) for first in range(0, BATCHES * BATCH, BATCH)]
    print("ready", flush=True)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    sent = 0
    with contextlib.suppress(OSError, http.client.HTTPException):
        for batch in batches:
            if time.perf_counter() > began + seconds:
                break
            connection.request("POST", "/write?precision=ms", batch)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.NO_CONTENT:
                raise SystemExit(f"VictoriaMetrics answers {answer.status}")
            sent += BATCH
    print(json.dumps({"sent": sent, "seconds": time.perf_counter() - began}))


def begin_sending(port: int, devices: int, seconds: float) -> "subprocess.Popen[str]":
    """The sender, which has prepared what it sends."""
    command = [sys.executable, __file__, str(port), str(devices), str(seconds)]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert sender.stdout is not None
    if sender.stdout.readline() != "ready\n":
        raise SystemExit("the sender to VictoriaMetrics did not start")
    return sender


@contextlib.contextmanager
def running(storage: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    program = shutil.which("victoria-metrics", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None
    port = free_port()
    command = [program, f"-storageDataPath={storage}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1y"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_up(port)
            yield server, port
        finally:
            server.terminate()
            server.wait()


def wait_until_up(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            get(port, "/health")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("VictoriaMetrics did not start within a minute")


def get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != http.client.OK:
        raise SystemExit(f"VictoriaMetrics answers {answer.status} to {path}")
    return said


def stored(port: int) -> int:
    """Reports that a server has that was started anew, told by one of their values."""
    name = urllib.parse.quote('{__name__="load_uptime.seconds"}')
    series = get(port, f"/api/v1/export?match[]={name}").splitlines()
    return sum(len(json.loads(line)["timestamps"]) for line in series)


def killed(storage: Path, devices: int) -> tuple[int, int]:
    """How many reports it had acknowledged when it was killed, and how many of them it has when it is back."""
    with running(storage) as (server, port):
        sender = begin_sending(port, devices, 2 * KILL_AFTER_SECONDS)
        time.sleep(KILL_AFTER_SECONDS)
        server.kill()
        acknowledged = int(json.loads(sender.communicate()[0])["sent"])
    with running(storage) as (_, port):
        return acknowledged, stored(port)


def measure(directory: Path, devices: int, seconds: float) -> Figures:
    storage = directory / "victoria"
    with running(storage) as (server, port):
        process = psutil.Process(server.pid)
        before = cpu_seconds(process)
        said = json.loads(begin_sending(port, devices, seconds).communicate()[0])
        cpu, peak = cpu_seconds(process) - before, peak_bytes(process)
    reports = said["sent"]
    size = directory_bytes(storage)
    acknowledged, kept = killed(directory / "killed", devices)
    return {
        "reports_per_second": reports / said["seconds"],
        "cpu_ms_per_report": 1000 * cpu / reports,
        "bytes_per_value": size / (reports * VALUES),
        "memory_mb": peak / 1e6,
        "verdict_p95_ms": None,
        "acknowledged": acknowledged,
        "lost": max(0, acknowledged - kept),
    }


if __name__ == "__main__":
    send(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
