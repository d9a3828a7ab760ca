"""How long questions about the whole fleet take through the API, with every device's newest values in the journal.

    python benchmarks/fleet.py [--devices 10000] [--asks 20] [--json]

Builds a data directory (from a fixed seed; a load report every half hour for --load-hours, a SMART report of 40 values
a day for --smart-days, sealed and rolled up as in a collector), starts a real collector on it, waits until it has
judged, and asks over HTTP, one question at a time. The first question is printed apart: for a metric and a day it reads
what every series said then, and the later ones remember it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from store import BATCH, LOAD_FIELDS, SMART_FIELDS, load_values, smart_values

from forewarn_collector.cli.client import Client
from forewarn_collector.replay.embedded import embedded_collector
from forewarn_collector.replay.waiting import wait_until_judged
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point

HOUR, DAY = 3600.0, 86_400.0
QUESTIONS = {
    "every device": "/devices",
    "latest, one value of each device": "/fleet/latest?metric=cpu.used_percent",
    "latest, a SMART value of each disk": "/fleet/latest?metric=disk.power_on_hours",
    "top 20 by growth over 7 days": "/fleet/top?metric=disk.power_on_hours&window=604800&limit=20",
    "devices with a verdict": "/fleet/verdicts",
}


def reports(options: argparse.Namespace, end: float) -> Iterator[Accepted]:
    """By time, so that the journal fills as it does in life."""
    rng = np.random.default_rng(options.seed)
    names = [f"device-{number:05}" for number in range(options.devices)]
    for name in names:
        birth = {
            "boot": "b",
            "seq": 1,
            "sampled_at": end - 30 * DAY,
            "inventory": {"hostname": name, "chassis": "server"},
        }
        status = json.dumps(birth).encode()
        yield Accepted(name, "b", None, end - 30 * DAY, end - 30 * DAY, (), status, 1)
    loads = load_values(rng, int(options.load_hours * 2) + 1).tolist()
    disks = smart_values(rng, int(options.smart_days) + 1)
    disk_fields = (*SMART_FIELDS, "disk.power_on_hours")
    for day in range(int(options.smart_days), -1, -1):
        for number, name in enumerate(names):
            at = end - day * DAY - 60 - number * 0.01
            hours = 1000.0 + number + (options.smart_days - day) * (24 if number % 100 else 30)
            values = (*disks[day].tolist(), hours)
            facts = json.dumps(
                {"disk": {"serial": f"S{number}", "model": "M", "slot": "/dev/sda"}, "outcome": "measured"}
            )
            point = Point(name, "smart", f"S{number}", at, disk_fields, values, facts.encode())
            yield Accepted(name, "b", None, at, at, (point,))
    for step, values in reversed(list(enumerate(loads))):
        for number, name in enumerate(names):
            at = end - step * HOUR / 2 - 30 - number * 0.01
            yield Accepted(name, "b", None, at, at, (Point(name, "load", "", at, LOAD_FIELDS, tuple(values), b"{}"),))


def build(data: Path, options: argparse.Namespace, end: float) -> None:
    with Journal(data) as journal:
        batch: list[Accepted] = []
        for report in reports(options, end):
            batch.append(report)
            if len(batch) == BATCH:
                journal.commit(batch)
                batch = []
        journal.commit(batch)
        for _ in range(2):
            while journal.seal(end, 2**60).more:
                pass


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


def _answer(http: httpx.Client, path: str) -> bytes:
    return http.get(path).raise_for_status().read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--load-hours", type=float, default=7)
    parser.add_argument("--smart-days", type=float, default=9)
    parser.add_argument("--asks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        began = time.perf_counter()
        build(data, options, time.time())
        built = time.perf_counter() - began
        with History.open(data) as history:
            for kind in ("load", "smart"):
                results[f"in the store: newest rows, {kind}"] = asked(partial(history.newest_rows, kind), 5)
        with embedded_collector(data), Client.connect(data, None, None) as client:
            wait_until_judged(client)
            address = client.address
            with httpx.Client(
                base_url=f"{address.url}/api/v1", headers={"Authorization": f"Bearer {address.token}"}, timeout=120
            ) as http:
                for name, path in QUESTIONS.items():
                    results[name] = asked(partial(_answer, http, path), options.asks)
    if options.json:
        print(json.dumps({"devices": options.devices, "built_seconds": built, "questions": results}, indent=2))
        return
    print(f"{options.devices} devices, built in {built:.0f} s; milliseconds over HTTP, {options.asks} questions each\n")
    print(f"{'':40}{'first':>10}{'p50':>10}{'p95':>10}")
    for name, found in results.items():
        print(f"{name:40}{found['first_ms']:10.1f}{found['p50_ms']:10.1f}{found['p95_ms']:10.1f}")


if __name__ == "__main__":
    main()
