"""How long questions about the whole fleet take through the API, with every device's newest values in the journal.

    python benchmarks/fleet.py [--devices 10000] [--asks 20] [--rate 175] [--json]

Builds a data directory (from a fixed seed; a load report every half hour for --load-hours, a SMART report of 42 values
a day for --smart-days, one disk in 33 says that it has failed), seals what is due, starts a real collector on it, waits
until it has judged, and asks over HTTP, one question at a time, while --rate more reports a second come in by MQTT. The
first question is printed apart: what every series said a week ago is read ahead from the start of the collector on, and
what the first question about it finds missing it reads itself. The directory is built in large commits and
without rollups, which these questions do not touch where rows are there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from history_data import DAY, births, fleet, in_batches
from rich.console import Console
from rich.progress import Progress

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.embedded import embedded_collector
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal

ROWS_A_COMMIT = 5000
AIM_MS = 100.0
SENDING_DEVICES = 20
# The list of devices says more of each, so it has no aim.
WITHOUT_AIM = "/devices"
QUESTIONS = {
    "latest, one value of each device": "/fleet/latest?metric=cpu.used_percent",
    "latest, a SMART value of each disk": "/fleet/latest?metric=disk.power_on_hours",
    "top 20 by growth over 7 days": "/fleet/top?metric=disk.power_on_hours&window=604800&limit=20",
    "devices with a verdict": "/fleet/verdicts",
    "every device, a line of each": WITHOUT_AIM,
}


def build(data: Path, options: argparse.Namespace, progress: Progress) -> None:
    end = time.time() - 30
    reports = options.devices * (int(options.load_hours * 2) + options.smart_days + 3)
    with Journal(data, rollups=False) as journal:
        storing = progress.add_task("storing reports", total=reports)
        journal.commit(list(births(options.devices, end - 30 * DAY)))
        for batch in in_batches(
            fleet(options.devices, options.load_hours, options.smart_days, options.seed, end), ROWS_A_COMMIT
        ):
            journal.commit(batch)
            progress.advance(storing, len(batch))
        progress.update(storing, completed=reports)
        sealing = progress.add_task("sealing", total=journal.reader().counts().head_rows)
        more = True
        while more:
            sealed = journal.seal(end, sys.maxsize, 2000)
            progress.advance(sealing, sealed.rows)
            more = sealed.more
        progress.update(sealing, total=1, completed=1)


def wait_until_judged(client: Client, progress: Progress) -> None:
    judging = progress.add_task("judging")
    while True:
        status = client.status()
        progress.update(judging, total=status.position, completed=status.judged_position)
        if status.judged_position >= status.position:
            return
        time.sleep(0.2)


def asked(ask: Callable[[], object], times: int) -> dict[str, float]:
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    first, rest = seconds[0], seconds[1:]
    return {
        "first_ms": 1000 * first,
        "p50_ms": 1000 * float(np.quantile(rest, 0.5)),
        "p95_ms": 1000 * float(np.quantile(rest, 0.95)),
    }


def answer(http: httpx.Client, path: str) -> bytes:
    return http.get(path).raise_for_status().read()


@contextmanager
def reports_coming_in(client: Client, rate: float) -> Iterator[None]:
    """From a process of its own, as `intake.py` sends them, until the end of the block."""
    before = client.status()
    intake = str(Path(__file__).with_name("intake.py"))
    options = {"send": before.mqtt, "name": "beside", "devices": SENDING_DEVICES, "seconds": 3600, "rate": rate}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, intake, *arguments], stdout=subprocess.DEVNULL)
    try:
        while client.status().stored < before.stored + rate and process.poll() is None:
            time.sleep(0.05)
        yield
        if process.poll() is not None:
            raise SystemExit("the sender of reports ended before the questions did")
    finally:
        process.terminate()
        process.wait()


def measure(options: argparse.Namespace, progress: Progress) -> tuple[dict[str, dict[str, float]], float]:
    """What the questions took, and how many reports came in a second meanwhile."""
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        data = Path(name) / "data"
        build(data, options, progress)
        with History.open(data) as history:
            for kind in ("load", "smart"):
                results[f"in the file: newest rows, {kind}"] = asked(partial(history.newest_rows, kind), 5)
        with embedded_collector(data), Client.connect(data, None, None) as client:
            wait_until_judged(client, progress)
            address = client.address
            with (
                reports_coming_in(client, options.rate),
                httpx.Client(
                    base_url=f"{address.url}/api/v1", headers={"Authorization": f"Bearer {address.token}"}, timeout=120
                ) as http,
            ):
                before, began = client.status().stored, time.monotonic()
                for question, path in QUESTIONS.items():
                    results[question] = asked(partial(answer, http, path), options.asks)
                    results[question]["kilobytes"] = len(answer(http, path)) / 1000
                beside = (client.status().stored - before) / (time.monotonic() - began)
    return results, beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--load-hours", type=float, default=1)
    parser.add_argument("--smart-days", type=int, default=9)
    parser.add_argument("--asks", type=int, default=20)
    parser.add_argument("--rate", type=float, default=175, help="reports a second, beside the questions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where to write (a temporary directory is made in it)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with Progress(console=Console(stderr=True)) as progress:
        began = time.perf_counter()
        results, beside = measure(options, progress)
    if options.json:
        facts = {"devices": options.devices, "load_before": load, "reports_per_second_beside": beside}
        print(json.dumps({**facts, "questions": results}, indent=2))
        return
    took = time.perf_counter() - began
    print(f"{options.devices:,} devices, {os.cpu_count()} cores, load {load:.1f} before; {took:.0f} s in all")
    print(f"milliseconds over HTTP, {options.asks} questions each, {beside:.0f} reports/s beside; the aim is p95's\n")
    print(f"{'':36}{'first':>9}{'p50':>9}{'p95':>9}{'kB':>9}{'aim':>6}")
    for name, found in results.items():
        line = f"{name:36}{found['first_ms']:9.1f}{found['p50_ms']:9.1f}{found['p95_ms']:9.1f}"
        if name in QUESTIONS:
            line += f"{found['kilobytes']:9,.0f}"
        if QUESTIONS.get(name, WITHOUT_AIM) != WITHOUT_AIM:
            line += f"{AIM_MS:6.0f}  {'kept' if found['p95_ms'] <= AIM_MS else 'MISSED'}"
        print(line)


if __name__ == "__main__":
    main()
