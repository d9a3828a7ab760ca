"""How many reports a collector takes, durable and judged, through its own listener and behind a real Mosquitto.

    python benchmarks/intake.py [--devices 200] [--seconds 15] [--senders 1] [--paced 1000] [--json]

Every figure is of a collector process of its own (``python -m forewarn_collector up`` on a fresh directory) with the
built-in rules, fed by virtual agents (``replay/sender.py``) over real MQTT 5, QoS 1. Two phases for each door:
as fast as it goes (rates, CPU, memory), then at a fixed pace (how long a PUBACK takes then, and how long until what is
stored is judged, read from the collector's files ten times a second). At the end it checks
that what was sent was stored, once, and judged; otherwise it exits with 1.

The two doors share the cores with senders and broker, so trust CPU per report and the ratio more than the rates.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mqtt5
import psutil
from broker import mosquitto
from reports import DAY, VALUES, load_report
from watching import Watch, lags, quantile

from forewarn_collector.cli.client import Client
from forewarn_collector.ingest.packets import Framer
from forewarn_collector.replay.embedded import embedded_collector
from forewarn_collector.replay.sender import VirtualAgents
from forewarn_wire import encode, up_topic

OWED_BY_A_DEVICE = 15
PROBE_EVERY_SECONDS = 0.01


async def send(url: str, name: str, devices: int, seconds: float, rate: float | None) -> int:
    """Send from ``devices`` virtual agents for a while, then wait for every PUBACK; return how many were sent."""
    crowd = VirtualAgents(url)
    start = time.time() - 30 * DAY
    names = [f"{name}-{number}" for number in range(devices)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    seq = 0
    while loop.time() < began + seconds:
        seq += 1
        for device in names:
            crowd.send("load", load_report(device, name, seq, start))
        await crowd.wait_below(devices * OWED_BY_A_DEVICE)
        if rate is not None:
            await asyncio.sleep(began + crowd.sent / rate - loop.time())
    await crowd.finish()
    if set(crowd.acked) - {0, 16}:
        raise SystemExit(f"refused: {crowd.acked}")
    return crowd.sent


def probe(url: str, seconds: float) -> list[float]:
    """One more device that sends a report every 10 ms and waits for its PUBACK; the waits in seconds."""
    host, port = url.removeprefix("mqtt://").rsplit(":", 1)
    start = time.time() - 30 * DAY
    waits = []
    with socket.create_connection((host, int(port))) as connection:
        framer = Framer(65_536)

        def answer() -> None:
            while not list(framer.feed(connection.recv(65_536))):
                pass

        connection.sendall(mqtt5.ConnectPacket("probe", username="probe").write())
        answer()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            seq = len(waits) + 1
            payload = encode(load_report("probe", "probe", seq, start))
            packet = mqtt5.PublishPacket(
                up_topic("probe", "load"), payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=seq % 65_535 + 1
            )
            before = time.perf_counter()
            connection.sendall(packet.write())
            answer()
            waits.append(time.perf_counter() - before)
            time.sleep(PROBE_EVERY_SECONDS)
    return waits


class Load:
    """Sender processes and what they said."""

    def __init__(self, url: str, name: str, options: argparse.Namespace, seconds: float, rate: float | None) -> None:
        each = options.devices // options.senders
        self._processes = [
            self._start(["--send", url, "--name", f"{name}{number}", "--devices", each, "--seconds", seconds]
                        + (["--rate", rate / options.senders] if rate else []))
            for number in range(options.senders)
        ]  # fmt: skip
        self._url, self._seconds = url, seconds

    @staticmethod
    def _start(arguments: list[Any]) -> "subprocess.Popen[str]":
        command = [sys.executable, __file__, *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def probe(self) -> list[float]:
        process = self._start(["--probe", self._url, "--seconds", self._seconds])
        waits: list[float] = json.loads(process.communicate()[0])
        return waits

    def finish(self) -> int:
        """Wait for the senders; how many reports they sent."""
        return sum(int(process.communicate()[0]) for process in self._processes)


def wait_for(client: Client, sent: int, judged: bool) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        status = client.status()
        if status.troubles:
            raise SystemExit(f"the collector says: {status.troubles}")
        if status.stored >= sent and (not judged or status.judged_position >= status.position):
            return
        time.sleep(0.1)
    raise SystemExit(f"after 300 s: sent {sent}, {client.status()}")


def peak_bytes(process: psutil.Process) -> int:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("the kernel does not tell the peak of resident memory")


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(client: Client, data: Path, url: str, options: argparse.Namespace) -> dict[str, float]:
    process = psutil.Process(json.loads((data / "api.json").read_text())["pid"])
    # A first report starts the judge's caches and makes sure that the door is open.
    warm_up = Load(url, "warm", argparse.Namespace(devices=1, senders=1), 0.5, 20.0).finish()
    wait_for(client, warm_up, judged=True)
    cpu, began = cpu_seconds(process), time.perf_counter()
    sent = Load(url, "fast", options, options.seconds, None).finish()
    wait_for(client, warm_up + sent, judged=False)
    durable = time.perf_counter() - began
    wait_for(client, warm_up + sent, judged=True)
    judged = time.perf_counter() - began
    cpu = cpu_seconds(process) - cpu
    peak = peak_bytes(process)
    paced = Load(url, "paced", options, options.paced_seconds, options.paced)
    watch = Watch(data, process)
    waits = paced.probe()
    watch.stop()
    everything = warm_up + sent + paced.finish() + len(waits)
    wait_for(client, everything, judged=True)
    status = client.status()
    if status.stored != everything or status.dead_letters:
        raise SystemExit(f"sent {everything}, but {status}")
    size = sum(file.stat().st_size for file in data.glob("journal.db*"))
    percentiles = statistics.quantiles(waits, n=100)
    return {
        "reports": sent,
        "durable_per_second": sent / durable,
        "judged_per_second": sent / judged,
        "cpu_ms_per_report": 1000 * cpu / sent,
        "peak_rss_mb": peak / 1e6,
        "bytes_per_value": size / (everything * VALUES),
        "puback_p50_ms": 1000 * percentiles[49],
        "puback_p99_ms": 1000 * percentiles[98],
        "verdict_p95_ms": 1000 * (percentiles[94] + quantile(lags(watch.looks), 0.95)),
    }


def run(door: str, options: argparse.Namespace) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forewarn-intake-")))
        data, extra, url = directory / "data", [], ""
        if door == "mosquitto":
            url = stack.enter_context(mosquitto(directory))
            configuration = directory / "collector.yaml"
            configuration.write_text(f"listen: {{enabled: false}}\nbroker: {{url: '{url}'}}\n")
            extra = ["--config", str(configuration)]
        stack.enter_context(embedded_collector(data, extra))
        client = stack.enter_context(Client.connect(data, None, None))
        return measure(client, data, url or str(client.status().mqtt), options)


ROWS = (
    ("reports", "reports", ",.0f"),
    ("durable reports/s", "durable_per_second", ",.0f"),
    ("judged reports/s", "judged_per_second", ",.0f"),
    ("CPU ms/report", "cpu_ms_per_report", ".3f"),
    ("peak RSS, MB", "peak_rss_mb", ",.0f"),
    ("PUBACK p50, ms", "puback_p50_ms", ".1f"),
    ("PUBACK p99, ms", "puback_p99_ms", ".1f"),
    ("verdict p95, ms", "verdict_p95_ms", ".0f"),
)


def show(results: dict[str, dict[str, float]], options: argparse.Namespace) -> None:
    print(f"{options.devices} devices, {VALUES} values a report; PUBACK and verdict at {options.paced:.0f} reports/s")
    both = len(results) == 2
    print(f"{'':22}" + "".join(f"{door:>12}" for door in results) + (f"{'ratio':>9}" if both else ""))
    for title, key, format_ in ROWS:
        figures = [figure[key] for figure in results.values()]
        ratio = f"{figures[0] / figures[1]:>9.2f}" if both and key != "reports" else ""
        print(f"{title:22}" + "".join(f"{figure:>12{format_}}" for figure in figures) + ratio)
    if both:
        print("behind Mosquitto a PUBACK says that the broker has the report, not that it is stored")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to send as fast as it goes")
    parser.add_argument("--senders", type=int, default=1, help="sender processes")
    parser.add_argument("--paced", type=float, default=1000.0, help="reports/s at which PUBACKs and verdicts are timed")
    parser.add_argument("--paced-seconds", type=float, default=5.0)
    parser.add_argument("--door", choices=("listener", "mosquitto", "both"), default="both")
    parser.add_argument("--json", action="store_true")
    for internal in ("--send", "--probe", "--name"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.send:
        print(asyncio.run(send(options.send, options.name, options.devices, options.seconds, options.rate)))
    elif options.probe:
        print(json.dumps(probe(options.probe, options.seconds)))
    else:
        doors = ("listener", "mosquitto") if options.door == "both" else (options.door,)
        results = {door: run(door, options) for door in doors}
        if options.json:
            print(json.dumps({"devices": options.devices, "values": VALUES, "paced": options.paced, **results}))
        else:
            show(results, options)


if __name__ == "__main__":
    main()
