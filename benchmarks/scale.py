"""What one collector carries: a simulated fleet in its own time, then at the rate of a larger one, then growing fleets.

    python benchmarks/scale.py [--devices 10000] [--minutes 15] [--faster 10] [--faster-minutes 5]
        [--fleets 1000,3000,10000,30000] [--fleet-minutes 2.2] [--fleet-door mosquitto] [--only life|faster|fleets]
        [--plot FILE] [--json]

The fleet is that of ``forewarn simulate``, a process of its own, on a connection for each device; the collector is
``forewarn up`` on a fresh directory. Growing fleets go through a real Mosquitto, 20 devices on a connection: a machine
may not let a process open 30,000 files, and behind a broker the collector has one connection in any case.

CPU is the collector's alone, of one core, and counts from when each device has reported once (a minute, in life):
before that, connections are made and windows are filled. From sample to stored is the PUBACK, as the sender sees it
(Mosquitto's says that the broker has the report). From sample to judged adds how long it took at the 99th percentile
until the judge had recorded that it has come as far as the journal was; the files are looked at ten times a second, and
it is true to that.

A rate holds when sending was never more than five seconds late, every report is stored at the end, and 99 of 100 looks
found what was stored then judged within five seconds of it.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from broker import mosquitto
from watching import Look, Watch, lags, quantile

from forewarn_collector.replay.embedded import embedded_collector

SETTLED_SECONDS = 70.0
LATE_SECONDS = 5.0
MINUTE = 60.0
DEVICES_PER_CONNECTION = 20


def measure(devices: int, rate: float, minutes: float, directory: Path, door: str) -> dict[str, Any]:
    data = directory / f"{devices}-{rate:g}"
    config = directory / "collector.yaml"
    with contextlib.ExitStack() as stack:
        if door == "mosquitto":
            url = stack.enter_context(mosquitto(directory))
            config.write_text(f"listen: {{enabled: false}}\nbroker: {{url: '{url}'}}\n")
            way = ["--to", url, "--share", str(DEVICES_PER_CONNECTION)]
        else:
            config.write_text("listen: {connections_per_address: 1000000, connections_per_second: 10000}\n")
            way = []
        stack.enter_context(embedded_collector(data, ["--config", str(config)]))
        left = json.loads((data / "api.json").read_text())
        token = directory / "token"
        token.touch(mode=0o600)
        token.write_text(left["token"])
        watch = Watch(data, psutil.Process(left["pid"]))
        command = [
            sys.executable, "-m", "forewarn_collector", "simulate", "--server", left["url"], "--token-file", str(token),
            "--devices", str(devices), "--rate", f"{rate:g}x", "--agents", "0", "--for", f"{minutes * MINUTE:.0f}s",
            # The agent's own rhythm, also where it ran faster than life.
            "--load-interval", "1m", "--smart-interval", "30m", "--json", *way,
        ]  # fmt: skip
        began = time.time()
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        finally:
            watch.stop()
        if not done.stdout:
            raise SystemExit(f"{devices} devices at {rate:g}x: the simulation ended with {done.returncode}")
        return figures(json.loads(done.stdout), watch.looks, began, minutes, rate)


def figures(result: dict[str, Any], looks: list[Look], began: float, minutes: float, rate: float) -> dict[str, Any]:
    settled = began + min(SETTLED_SECONDS / rate + 10, minutes * MINUTE / 2)
    busy = [look for look in looks if settled <= look.at <= began + minutes * MINUTE]
    first, last = busy[0], busy[-1]
    cpu = (last.cpu - first.cpu) / (last.at - first.at)
    judged = quantile(lags([look for look in looks if look.at >= settled]), 0.99)
    per_second = result["sent"] / (minutes * MINUTE)
    return {
        "devices": result["devices"],
        "rate": rate,
        "minutes": minutes,
        "reports_per_second": per_second,
        "cpu_percent": 100 * cpu,
        "cpu_ms_per_report": 1000 * cpu / per_second,
        "cpu_ms_per_device_minute": 1000 * cpu * MINUTE / result["devices"] / rate,
        "peak_rss_mb": max(look.rss for look in looks) / 1e6,
        "stored_p99_ms": result["puback_p99_ms"],
        "judged_p99_ms": result["puback_p99_ms"] + 1000 * judged,
        "late_seconds": result["behind_seconds"],
        "missing": result["missing"],
        "why_not": why_not(result["missing"], result["behind_seconds"], judged),
    }


def why_not(missing: int, late: float, judged: float) -> str:
    """Why a rate does not hold; empty where it does. ``late``, ``judged``: seconds. Pure."""
    reasons = [
        f"{missing:,} missing" if missing else "",
        "sending late" if late > LATE_SECONDS else "",
        "verdicts late" if judged > LATE_SECONDS else "",
    ]
    return ", ".join(filter(None, reasons))


COLUMNS = (
    ("devices", "devices", ">8,"), ("rate", "rate", ">5g"), ("minutes", "min", ">5g"),
    ("reports_per_second", "reports/s", ">10,.0f"), ("cpu_percent", "CPU %", ">6.1f"),
    ("cpu_ms_per_report", "ms/rep.", ">8.3f"), ("cpu_ms_per_device_minute", "ms/dev*min", ">11.3f"),
    ("peak_rss_mb", "MB", ">6,.0f"), ("stored_p99_ms", "stored p99", ">11,.0f"),
    ("judged_p99_ms", "judged p99", ">11,.0f"), ("late_seconds", "late s", ">7.1f"),
)  # fmt: skip


def show(rows: list[dict[str, Any]]) -> None:
    width = {name: int("".join(filter(str.isdigit, form.split(".")[0]))) for _, name, form in COLUMNS}
    print("".join(f"{name:>{width[name]}}" for _, name, _ in COLUMNS) + "  holds")
    for row in rows:
        said = f"NO: {row['why_not']}" if row["why_not"] else "yes"
        print("".join(f"{row[key]:{form}}" for key, _, form in COLUMNS) + f"  {said}")


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    sizes = [row["devices"] for row in rows]
    axes.plot(sizes, [row["cpu_ms_per_device_minute"] for row in rows], marker="o")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("devices")
    axes.set_ylabel("CPU of the collector for each device, ms a minute")
    axes.grid(alpha=0.3)
    figure.savefig(file)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=15.0, help="in life")
    parser.add_argument("--faster", type=float, default=10.0, help="as many devices more, by the rate of their reports")
    parser.add_argument("--faster-minutes", type=float, default=5.0)
    parser.add_argument("--fleets", default="1000,3000,10000,30000", help="sizes, in life")
    parser.add_argument("--fleet-minutes", type=float, default=2.2)
    parser.add_argument("--fleet-door", choices=("listener", "mosquitto"), default="mosquitto")
    parser.add_argument("--only", choices=("life", "faster", "fleets"))
    parser.add_argument("--plot", type=Path, help="picture of the cost of a device as the fleet grows")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = parse()
    # A connection is a file on both sides.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = [
        ("life", options.devices, 1.0, options.minutes, "listener"),
        ("faster", options.devices, options.faster, options.faster_minutes, "listener"),
        *(("fleets", int(size), 1.0, options.fleet_minutes, options.fleet_door) for size in options.fleets.split(",")),
    ]
    rows, fleets = [], []
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="forewarn-scale-") as name:
        for part, devices, rate, minutes, door in plan:
            if options.only not in (None, part):
                continue
            if door == "listener" and devices > most - 500:
                print(f"{devices:,} devices: left out, a process may open {most:,} files here", file=sys.stderr)
                continue
            rows.append(measure(devices, rate, minutes, Path(name), door))
            fleets += rows[-1:] if part == "fleets" else []
            if not options.json:
                show(rows[-1:])
    if options.json:
        print(json.dumps(rows))
    elif len(rows) > 1:
        show(rows)
        for fleet in fleets[1:]:
            ratio = fleet["cpu_ms_per_device_minute"] / fleets[0]["cpu_ms_per_device_minute"]
            print(
                f"{fleet['devices']:,} devices: {ratio:.2f} times the CPU for each device of {fleets[0]['devices']:,}"
            )
    if options.plot is not None:
        draw(fleets, options.plot)


if __name__ == "__main__":
    main()
