"""Made-up reports for the benchmarks of the store, from a fixed seed.

A device sends 15 load values a minute and, every 30 minutes, 40 columns of SMART: 20 attributes, raw and normalised.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from forewarn_collector.store.model import Accepted, Floats, Point
from forewarn_wire.attributes import WELL_KNOWN

START = 1_700_006_400.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BATCH = 500
LOAD_FIELDS = (
    "cpu.used_percent",
    "cpu.load_average_1m",
    "cpu.load_average_5m",
    "cpu.load_average_15m",
    "memory.total_bytes",
    "memory.available_bytes",
    "memory.used_percent",
    "memory.swap_used_percent",
    "filesystem.used_percent|/",
    "filesystem.free_bytes|/",
    "filesystem.used_percent|/data",
    "temperature.celsius|package",
    "temperature.celsius|board",
    "temperature.high_celsius|package",
    "uptime.seconds",
)
ATTRIBUTES = (1, 3, 4, 5, 7, 9, 10, 12, 184, 187, 188, 190, 192, 193, 194, 197, 198, 199, 241, 242)
SMART_FIELDS = tuple(
    f"attribute.{number}.{figure}|{WELL_KNOWN[number]}" for number in ATTRIBUTES for figure in ("raw", "value")
)


def load_values(rng: np.random.Generator, rows: int) -> Floats:
    """A machine's day: noise with a level, drifting memory and disk, whole degrees; one value in 500 not measured."""

    def walk(level: float, step: float) -> Floats:
        return level + np.cumsum(rng.normal(0, step, rows))

    average = np.clip(walk(rng.uniform(0.2, 2), 0.08), 0, None)
    memory = 16 * 2.0**30
    available = np.floor(np.clip(walk(memory * 0.5, 4e6), 1e8, memory) / 4096) * 4096
    free = np.floor(walk(3e11, 2e6) / 4096) * 4096
    package = np.round(np.clip(walk(45, 0.6), 25, 95))
    values = np.column_stack(
        [
            np.round(np.clip(rng.gamma(2, 6, rows), 0, 100), 1),
            np.round(average, 2),
            np.round(np.convolve(average, np.ones(5) / 5, "same"), 2),
            np.round(np.convolve(average, np.ones(15) / 15, "same"), 2),
            np.full(rows, memory),
            available,
            np.round(100 * (1 - available / memory), 1),
            np.zeros(rows),
            np.round(100 * (1 - free / 5e11), 1),
            free,
            np.round(np.clip(walk(40, 0.01), 0, 100), 1),
            package,
            np.round(np.clip(walk(38, 0.1), 25, 60)),
            np.full(rows, 100.0),
            np.arange(rows) * MINUTE + rng.integers(100, 10**6),
        ]
    )
    values[rng.random(values.shape) < 0.002] = np.nan
    return values


def smart_values(rng: np.random.Generator, rows: int) -> Floats:
    """A drive in use: hours, cycles and written blocks count up, the temperature moves, most error counters rest."""
    raws: dict[int, Floats] = {number: np.zeros(rows) for number in ATTRIBUTES}
    raws[1] = rng.integers(0, 2**28, rows).astype(np.float64)
    raws[7] = 1e8 + np.cumsum(rng.integers(0, 40_000, rows)).astype(np.float64)
    raws[9] = rng.integers(100, 40_000) + np.floor(np.arange(rows) / 2)
    for number, step in ((4, 0.02), (12, 0.02), (193, 0.5), (188, 0.01), (199, 0.005)):
        raws[number] = rng.integers(0, 3000) + np.cumsum(rng.poisson(step, rows)).astype(np.float64)
    if rng.random() < 0.1:
        raws[5] = np.cumsum(rng.poisson(0.02, rows)).astype(np.float64)
        raws[197] = rng.poisson(0.1, rows).astype(np.float64)
    raws[194] = raws[190] = np.round(36 + 4 * np.sin(np.arange(rows) / 48 * 2 * np.pi) + rng.normal(0, 0.7, rows))
    for number, step in ((241, 2_000_000), (242, 3_000_000)):
        raws[number] = 1e10 + np.cumsum(rng.integers(0, step, rows)).astype(np.float64)
    columns: list[Floats] = []
    for number in ATTRIBUTES:
        normalised = 100 - raws[number] if number in (190, 194) else np.full(rows, 100.0)
        columns.extend((raws[number], normalised))
    return np.column_stack(columns)


def series(
    rng: np.random.Generator, device: str, kind: str, interval: float, seconds: float
) -> Iterator[tuple[float, Point]]:
    """One series' points by time; agents do not report on the very second."""
    rows = int(seconds / interval)
    offset = rng.uniform(0, interval)
    times = np.round(START + offset + np.arange(rows) * interval + rng.gamma(2, 0.02, rows), 3).tolist()
    fields, values = (LOAD_FIELDS, load_values) if kind == "load" else (SMART_FIELDS, smart_values)
    facts = json.dumps({"disk": {"serial": device}, "outcome": "measured"} if kind == "smart" else {}).encode()
    part = f"serial-{device}" if kind == "smart" else ""
    for at, row in zip(times, values(rng, rows).tolist(), strict=True):
        yield at, Point(device, kind, part, at, fields, tuple(row), facts)


def workload(devices: int, load_hours: float, smart_days: float, disk_days: float, seed: int) -> list[Accepted]:
    """All reports in the order of their times; the disk of "long-kept" has a history of its own."""
    points: list[tuple[float, Point]] = []
    for number in range(devices):
        rng = np.random.default_rng((seed, number))
        device = f"device-{number:05}"
        points.extend(series(rng, device, "load", MINUTE, load_hours * HOUR))
        points.extend(series(rng, device, "smart", 30 * MINUTE, smart_days * DAY))
    rng = np.random.default_rng((seed, devices))
    points.extend(series(rng, "long-kept", "smart", 30 * MINUTE, disk_days * DAY))
    points.sort(key=lambda timed: timed[0])
    seqs: dict[str, int] = {}
    reports = []
    for at, point in points:
        seqs[point.device] = seq = seqs.get(point.device, 0) + 1
        reports.append(Accepted(point.device, "boot", seq, at, at + 0.5, (point,)))
    return reports


def in_batches(reports: Iterable[Accepted], size: int = BATCH) -> Iterator[list[Accepted]]:
    feed = iter(reports)
    while batch := list(islice(feed, size)):
        yield batch


FLEET_DISK_FIELDS = (*SMART_FIELDS, "disk.passed", "disk.power_on_hours")
FAILED_EVERY = 33


def births(devices: int, at: float) -> Iterator[Accepted]:
    for number in range(devices):
        name = f"device-{number:05}"
        birth = {"boot": "b", "seq": 1, "sampled_at": at, "inventory": {"hostname": name, "chassis": "server"}}
        yield Accepted(name, "b", None, at, at, (), json.dumps(birth).encode(), 1)


def fleet(devices: int, load_hours: float, smart_days: int, seed: int, end: float) -> Iterator[Accepted]:
    """Many devices with few reports each, by their times: a SMART report a day, a load report each half hour.

    Every 33rd disk says of itself that it has failed; every hundredth runs 30 hours a day.
    """
    rng = np.random.default_rng(seed)
    loads = load_values(rng, 60).tolist()[: int(load_hours * 2) + 1]
    disks = smart_values(rng, smart_days + 1).tolist()
    facts = [
        json.dumps({"disk": {"serial": f"S{number}", "model": "M", "slot": "/dev/sda"}, "outcome": "measured"}).encode()
        for number in range(devices)
    ]
    reports = [(DAY * day, "smart", day) for day in range(smart_days + 1)]
    reports += [(30 * MINUTE * step, "load", step) for step in range(len(loads))]
    for ago, kind, turn in sorted(reports, reverse=True):
        for number in range(devices):
            name, at = f"device-{number:05}", end - ago - 60 * number / devices
            if kind == "load":
                point = Point(name, kind, "", at, LOAD_FIELDS, tuple(loads[turn]), b"{}")
            else:
                hours = 1000.0 + number + (smart_days - turn) * (24 if number % 100 else 30)
                values = (*disks[smart_days - turn], float(number % FAILED_EVERY != 0), hours)
                point = Point(name, kind, f"S{number}", at, FLEET_DISK_FIELDS, values, facts[number])
            yield Accepted(name, "b", None, at, at, (point,))
