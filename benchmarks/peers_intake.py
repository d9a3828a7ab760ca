"""The same load reports into forewarn and into VictoriaMetrics: values a second, CPU, bytes and memory, as ratios.

    python benchmarks/peers_intake.py [--devices 200] [--seconds 15] [--json]

forewarn takes each report over MQTT 5 with QoS 1, checks it, commits it to disk, acknowledges it, and judges it by all
built-in rules (``benchmarks/intake.py``). VictoriaMetrics (Debian's single node, 1.79) takes the same values as lines
of InfluxDB, 500 reports in a request over one connection, which is the most that it is given here; its answer says that
they are in memory, not on disk, and nothing is judged. So the ratios say what durability and judgement cost.
Both run one after the other, each with a sender of its own on the same cores. Bytes are those of the directory at the
end: forewarn's, with reports that are a month old, are partly sealed.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from intake import VALUES, cpu_seconds, load_report, peak_bytes, run
from peers import free_port

from forewarn_collector.ingest.shape import load_point

DAY = 86_400.0
BATCH = 500


def lines(devices: int, first: int, count: int, start: float) -> bytes:
    """``count`` reports in turn of all devices, as lines of InfluxDB's protocol, times in milliseconds."""
    found = []
    for number in range(first, first + count):
        seq, device = divmod(number, devices)
        point = load_point(load_report(f"fast-{device}", "fast", seq, start))
        # What 15 values it has is told; the room's temperature is reckoned by the collector.
        pairs = [pair for pair in zip(point.fields, point.values, strict=True) if pair[0] != "ambient.celsius"]
        values = ",".join(f"{field.replace('|', '_')}={value:g}" for field, value in pairs)
        found.append(f"load,device=fast-{device} {values} {round(1000 * point.at)}")
    return "\n".join(found).encode()


def send(port: int, devices: int, seconds: float) -> int:
    """As fast as it goes; how many reports were sent."""
    batches = [lines(devices, first, BATCH, time.time() - 30 * DAY) for first in range(0, 400 * BATCH, BATCH)]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    end = time.perf_counter() + seconds
    sent = 0
    for batch in batches:
        if time.perf_counter() > end:
            break
        connection.request("POST", "/write?precision=ms", batch)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.NO_CONTENT:
            raise SystemExit(f"VictoriaMetrics answers {answer.status}")
        sent += BATCH
    print(json.dumps({"sent": sent, "seconds": seconds - max(0.0, end - time.perf_counter())}))
    return sent


def directory_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def victoria_metrics(directory: Path, options: argparse.Namespace) -> dict[str, float]:
    program = shutil.which("victoria-metrics", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("victoria-metrics is not installed: make peers")
    port, storage = free_port(), directory / "victoria"
    command = [program, f"-storageDataPath={storage}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1y"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_up(port)
            process = psutil.Process(server.pid)
            before = cpu_seconds(process)
            command = [sys.executable, __file__, "--send", str(port), "--devices", str(options.devices)]
            done = subprocess.run([*command, "--seconds", str(options.seconds)], stdout=subprocess.PIPE, check=True)
            said = json.loads(done.stdout)
            cpu, peak = cpu_seconds(process) - before, peak_bytes(process)
        finally:
            server.terminate()
            server.wait()
    values = said["sent"] * VALUES
    return {
        "values_per_second": values / said["seconds"],
        "cpu_ms_per_1000_values": 1e6 * cpu / values,
        "bytes_per_value": directory_bytes(storage) / values,
        "peak_rss_mb": peak / 1e6,
    }


def wait_until_up(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("VictoriaMetrics did not start within a minute")


def forewarn(options: argparse.Namespace) -> dict[str, float]:
    found = run("listener", options)
    return {
        "values_per_second": found["judged_per_second"] * VALUES,
        "cpu_ms_per_1000_values": found["cpu_ms_per_report"] * 1000 / VALUES,
        "bytes_per_value": found["bytes_per_value"],
        "peak_rss_mb": found["peak_rss_mb"],
    }


ROWS = (
    ("values/s", "values_per_second", ",.0f"),
    ("CPU ms/1,000 values", "cpu_ms_per_1000_values", ",.2f"),
    ("bytes/value", "bytes_per_value", ",.2f"),
    ("peak RSS, MB", "peak_rss_mb", ",.0f"),
)


def show(ours: dict[str, float], theirs: dict[str, float]) -> None:
    print(f"{'':22}{'forewarn':>12}{'VictoriaMetrics':>18}{'ratio':>9}")
    for title, key, form in ROWS:
        print(f"{title:22}{ours[key]:>12{form}}{theirs[key]:>18{form}}{ours[key] / theirs[key]:>9.2f}")
    print("forewarn: on disk before it is acknowledged, and judged; VictoriaMetrics: in memory, and not judged")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--send", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        send(options.send, options.devices, options.seconds)
        return
    options.senders, options.paced, options.paced_seconds = 1, 1000.0, 5.0
    ours = forewarn(options)
    with tempfile.TemporaryDirectory(prefix="forewarn-peers-") as name:
        theirs: dict[str, Any] = victoria_metrics(Path(name), options)
    if options.json:
        print(json.dumps({"forewarn": ours, "victoria_metrics": theirs}))
    else:
        show(ours, theirs)


if __name__ == "__main__":
    main()
