"""How fast the embedded store takes reports, how small it keeps them, how fast it reads them.

    python benchmarks/store.py [--devices 200] [--load-hours 12] [--smart-days 10] [--disk-days 90] [--json]

The same reports also go into the plain design, one wide SQLite row for each report, in the same run, with the same
batches and the same durability (WAL, synchronous=FULL): trust the ratios more than the figures of one machine.

Workload, from a fixed seed: every device sends 15 load values a minute and a SMART report of 20 attributes (raw and
normalised: 40 columns) every 30 minutes; one more disk has a SMART history of --disk-days. Sealing runs whenever six
hours have passed in the reports' time, as it does in a collector.
"""

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Floats, Point
from forewarn_wire.attributes import WELL_KNOWN

START = 1_700_006_400.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BATCH = 500
READS = 200
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
READ_FIELDS = [SMART_FIELDS[2 * ATTRIBUTES.index(number)] for number in (194, 5)]


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


def workload(options: argparse.Namespace) -> list[Accepted]:
    """All reports in the order of their times."""
    points: list[tuple[float, Point]] = []
    for number in range(options.devices):
        rng = np.random.default_rng((options.seed, number))
        device = f"device-{number:05}"
        points.extend(series(rng, device, "load", MINUTE, options.load_hours * HOUR))
        points.extend(series(rng, device, "smart", 30 * MINUTE, options.smart_days * DAY))
    rng = np.random.default_rng((options.seed, options.devices))
    points.extend(series(rng, "long-kept", "smart", 30 * MINUTE, options.disk_days * DAY))
    points.sort(key=lambda timed: timed[0])
    seqs: dict[str, int] = {}
    reports = []
    for at, point in points:
        seqs[point.device] = seq = seqs.get(point.device, 0) + 1
        reports.append(Accepted(point.device, "boot", seq, at, at + 0.5, (point,)))
    return reports


def in_batches(reports: list[Accepted]) -> Iterator[list[Accepted]]:
    feed = iter(reports)
    while batch := list(islice(feed, BATCH)):
        yield batch


def percentile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * float(np.quantile(seconds, share))


def commit_figures(seconds: list[float], reports: int) -> dict[str, float]:
    return {
        "reports_per_second": reports / sum(seconds),
        "commit_p50_ms": percentile(seconds, 0.5),
        "commit_p99_ms": percentile(seconds, 0.99),
    }


def read_figures(read: Callable[[], int]) -> dict[str, float]:
    read()
    seconds = []
    rows = 0
    for _ in range(READS):
        began = time.perf_counter()
        rows = read()
        seconds.append(time.perf_counter() - began)
    return {
        "read_rows": rows,
        "read_p50_ms": 1000 * statistics.median(seconds),
        "read_p95_ms": percentile(seconds, 0.95),
    }


def file_bytes(path: Path) -> int:
    """All of the file, once the write-ahead log is folded into it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


def run_store(directory: Path, reports: list[Accepted], end: float) -> dict[str, float]:
    """Twice: without sealing for the size of the head, then sealing every six hours of the reports' time."""
    values = sum(len(report.points[0].values) for report in reports)
    with Journal(directory / "unsealed") as journal:
        for batch in in_batches(reports):
            journal.commit(batch)
        unsealed = file_bytes(directory / "unsealed" / "journal.db")
    beside = commit_beside_sealing(directory / "unsealed", end + 11 * DAY)
    with Journal(directory / "sealed") as journal, journal.history() as history:
        commits: list[float] = []
        seals: list[float] = []
        next_seal = START + 6 * HOUR
        for batch in in_batches(reports):
            began = time.perf_counter()
            journal.commit(batch)
            commits.append(time.perf_counter() - began)
            if batch[-1].sampled_at >= next_seal:
                next_seal += 6 * HOUR
                seals.append(seal_all(history, batch[-1].sampled_at))
        seals.append(seal_all(history, end + 11 * DAY))
        whole = file_bytes(directory / "sealed" / "journal.db")
        stats = history.stats()
        figures = commit_figures(commits, len(reports)) | {
            "commit_p50_beside_sealing_ms": percentile(beside, 0.5),
            "commit_p99_beside_sealing_ms": percentile(beside, 0.99),
            "values": values,
            "unsealed_bytes_per_value": unsealed / values,
            "sealed_bytes_per_value": whole / values,
            "sealed_without_free_pages_bytes_per_value": (whole - stats.free_bytes) / values,
            "block_bytes_per_value": stats.block_bytes / values,
            "sealed_rows_per_second": stats.sealed_rows / sum(seals),
        }

        def read() -> int:
            times, _ = history.read("long-kept", "smart", "serial-long-kept", READ_FIELDS, START, end)
            return len(times)

        return figures | read_figures(read)


def commit_beside_sealing(directory: Path, end: float) -> list[float]:
    """Seconds of each commit while another thread seals all that there is, with no pause on either side."""
    with Journal(directory) as journal, journal.history() as history, ThreadPoolExecutor(1) as threads:
        sealing = threads.submit(seal_all, history, end)
        seconds = []
        seq = 0
        while not sealing.done():
            seq += 1
            batch = []
            for number in range(BATCH):
                device, at = f"device-{number:05}", end + seq * MINUTE
                point = Point(device, "load", "", at, LOAD_FIELDS, tuple(map(float, range(15))), b"{}")
                batch.append(Accepted(device, "next boot", seq, at, at, (point,)))
            began = time.perf_counter()
            journal.commit(batch)
            seconds.append(time.perf_counter() - began)
        sealing.result()
        return seconds


def seal_all(history: History, now: float) -> float:
    began = time.perf_counter()
    while history.seal(now, sys.maxsize).more:
        pass
    return time.perf_counter() - began


def run_wide(directory: Path, reports: list[Accepted], end: float) -> dict[str, float]:
    """The plain design: a table for each kind, a column for each value, one row for each report."""
    path = directory / "wide.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    inserts = {}
    for kind, fields in (("load", LOAD_FIELDS), ("smart", SMART_FIELDS)):
        columns = ", ".join(f'"{field}" REAL' for field in fields)
        connection.execute(
            f"CREATE TABLE {kind} (series INTEGER, at INTEGER, {columns}, PRIMARY KEY (series, at)) WITHOUT ROWID"
        )
        inserts[kind] = f"INSERT OR REPLACE INTO {kind} VALUES ({', '.join('?' * (2 + len(fields)))})"
    connection.execute(
        "CREATE TABLE seen (device TEXT, boot TEXT, seq INTEGER, PRIMARY KEY (device, boot)) WITHOUT ROWID"
    )
    numbers: dict[str, int] = {}
    commits = []
    for batch in in_batches(reports):
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        rows: dict[str, list[tuple[float, ...]]] = {"load": [], "smart": []}
        newest = {}
        for report in batch:
            (point,) = report.points
            number = numbers.setdefault(report.device, len(numbers))
            rows[point.kind].append((number, round(point.at * 1000), *point.values))
            newest[report.device, report.boot] = report.seq
        for kind, kind_rows in rows.items():
            connection.executemany(inserts[kind], kind_rows)
        seen = [(*key, seq) for key, seq in newest.items()]
        connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", seen)
        connection.execute("COMMIT")
        commits.append(time.perf_counter() - began)
    figures = commit_figures(commits, len(reports))
    values = sum(len(report.points[0].values) for report in reports)
    figures["sealed_bytes_per_value"] = file_bytes(path) / values
    query = "SELECT at, {} FROM smart WHERE series = ? AND at BETWEEN ? AND ? ORDER BY at".format(
        ", ".join(f'"{field}"' for field in READ_FIELDS)
    )

    def read() -> int:
        bounds = (numbers["long-kept"], START * 1000, end * 1000)
        times, *_ = (np.array(column, np.float64) for column in zip(*connection.execute(query, bounds), strict=True))
        return len(times)

    figures |= read_figures(read)
    connection.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--load-hours", type=float, default=12)
    parser.add_argument("--smart-days", type=float, default=10)
    parser.add_argument("--disk-days", type=float, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where to write (a temporary directory is made in it)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reports = workload(options)
    end = START + max(options.load_hours * HOUR, options.smart_days * DAY, options.disk_days * DAY)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        store = run_store(Path(directory), reports, end)
        wide = run_wide(Path(directory), reports, end)
    result = {
        "workload": {
            "devices": options.devices,
            "load_hours": options.load_hours,
            "smart_days": options.smart_days,
            "disk_days": options.disk_days,
            "seed": options.seed,
            "reports": len(reports),
            "load_reports": sum(report.points[0].kind == "load" for report in reports),
            "values": store["values"],
            "batch": BATCH,
        },
        "store": store,
        "wide_rows": wide,
        "ratio": {name: store[name] / wide[name] for name in wide if name != "read_rows"},
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def as_text(result: dict[str, dict[str, float]]) -> str:
    lines = [", ".join(f"{name} {value:g}" for name, value in result["workload"].items()), ""]
    lines.append(f"{'':44}{'store':>12}{'wide rows':>12}{'ratio':>8}")
    for name, value in result["store"].items():
        wide, ratio = result["wide_rows"].get(name), result["ratio"].get(name)
        lines.append(
            f"{name:44}{value:>12,.2f}"
            + (f"{wide:>12,.2f}" if wide is not None else "")
            + (f"{ratio:>8.2f}" if ratio is not None else "")
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
