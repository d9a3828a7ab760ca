"""How fast the embedded store takes reports, how small it keeps them, how fast it reads them, beside its aims.

    python benchmarks/store.py [--devices 200] [--load-hours 12] [--smart-days 10] [--disk-days 90] [--fleet 10000]
        [--rate 1000] [--json]

The same reports also go into the plain design, one wide SQLite row for each report, in the same run, with the same
batches and the same durability: trust the ratios more than the figures of one machine.

Workload: `history_data.py`; one more disk has a SMART history of --disk-days. Sealing runs whenever six hours have
passed in the reports' time, as it does in a collector. The history of the disk is read while another thread commits
--rate reports a second, the newest values of --fleet devices while each of them reports once a minute.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from history_data import (
    ATTRIBUTES,
    BATCH,
    DAY,
    HOUR,
    LOAD_FIELDS,
    MINUTE,
    SMART_FIELDS,
    START,
    fleet,
    in_batches,
    workload,
)
from steady import SteadyIntake
from wide_rows import WideRows

from forewarn_collector.store.fleetwide import Fleetwide
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, HistoryStats, Point

READS = 200
READ_FIELDS = [SMART_FIELDS[2 * ATTRIBUTES.index(number)] for number in (194, 5)]
AIMS = {
    "sealed_bytes_per_value": 1.3,
    "read_under_intake_p50_ms": 2.0,
    "fleet_latest_under_intake_p50_ms": 20.0,
}

Figures = dict[str, float]


def percentile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * float(np.quantile(seconds, share))


def commit_figures(seconds: list[float], reports: int) -> Figures:
    return {
        "reports_per_second": reports / sum(seconds),
        "commit_p50_ms": percentile(seconds, 0.5),
        "commit_p99_ms": percentile(seconds, 0.99),
    }


def timed(name: str, read: Callable[[], int], times: int = READS) -> Figures:
    read()
    seconds = []
    rows = 0
    for _ in range(times):
        began = time.perf_counter()
        rows = read()
        seconds.append(time.perf_counter() - began)
    return {
        f"{name}_rows": rows,
        f"{name}_p50_ms": percentile(seconds, 0.5),
        f"{name}_p95_ms": percentile(seconds, 0.95),
    }


def file_bytes(path: Path) -> int:
    """All of the file, once the write-ahead log is folded into it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


def raw_sizes(directory: Path, reports: list[Accepted], end: float) -> tuple[int, HistoryStats]:
    """Bytes of the file before anything is sealed, and what it comes to without rollups."""
    with Journal(directory, rollups=False) as journal, journal.history() as history:
        for batch in in_batches(reports, 10 * BATCH):
            journal.commit(batch)
        unsealed = file_bytes(directory / "journal.db")
        seal_all(history, end + 11 * DAY)
        return unsealed, settled(history, directory)


def run_store(directory: Path, reports: list[Accepted], end: float, rate: float) -> Figures:
    values = sum(len(report.points[0].values) for report in reports)
    unsealed, raw = raw_sizes(directory / "raw", reports, end)
    beside = commit_beside_sealing(directory / "beside", reports[: len(reports) // 4], end + 11 * DAY)
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
        whole = settled(history, directory / "sealed")

        def read() -> int:
            times, _ = history.read("long-kept", "smart", "serial-long-kept", READ_FIELDS, START, end)
            return len(times)

        figures = commit_figures(commits, len(reports)) | {
            "commit_p50_beside_sealing_ms": percentile(beside, 0.5),
            "commit_p99_beside_sealing_ms": percentile(beside, 0.99),
            "sealed_rows_per_second": whole.sealed_rows / sum(seals),
            "values": values,
            "unsealed_bytes_per_value": unsealed / values,
            "sealed_bytes_per_value": used(raw) / values,
            "of_that_blocks_bytes_per_value": raw.block_bytes / values,
            "rollups_alone_bytes_per_value": (used(whole) - used(raw)) / values,
            "sealed_and_rollups_bytes_per_value": used(whole) / values,
        }
        figures |= timed("read", read)
        devices = len({report.device for report in reports}) - 1
        with SteadyIntake(journal, devices, rate, end + DAY) as intake:
            figures |= timed("read_under_intake", read)
        return figures | {"read_under_intake_reports_per_second": intake.per_second}


def settled(history: History, directory: Path) -> HistoryStats:
    file_bytes(directory / "journal.db")
    return history.stats()


def used(stats: HistoryStats) -> int:
    """Pages that are free are filled by the next rows."""
    return stats.file_bytes - stats.free_bytes


def commit_beside_sealing(directory: Path, reports: list[Accepted], end: float) -> list[float]:
    """Seconds of each commit while another thread seals all that there is, with no pause on either side."""
    with Journal(directory) as journal, journal.history() as history, ThreadPoolExecutor(1) as threads:
        for batch in in_batches(reports, 10 * BATCH):
            journal.commit(batch)
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


def run_fleet(directory: Path, devices: int, seed: int) -> Figures:
    """The newest value of every device, from the file and as it is kept at hand, the latter while each reports once a
    minute."""
    with Journal(directory) as journal, journal.history() as history, journal.reader() as reader:
        for batch in in_batches(fleet(devices, 0.5, 0, seed, START + DAY), 10 * BATCH):
            journal.commit(batch)
        wide = Fleetwide(reader, history)
        figures = timed("fleet_latest_from_the_file", lambda: len(history.latest_all("load", LOAD_FIELDS[:1])), 5)

        def latest() -> int:
            cells = wide.latest("load", LOAD_FIELDS[0], time.monotonic())
            return len([(row.device, part, row.at, float(row.values[column])) for row, column, part in cells])

        with SteadyIntake(journal, devices, devices / MINUTE, START + DAY) as intake:
            figures |= timed("fleet_latest_under_intake", latest)
    return figures | {"fleet_latest_reports_per_second": intake.per_second}


def run_wide(directory: Path, reports: list[Accepted], end: float) -> Figures:
    wide = WideRows(directory / "wide.db")
    figures = commit_figures(wide.write(reports), len(reports))
    values = sum(len(report.points[0].values) for report in reports)
    figures["sealed_bytes_per_value"] = file_bytes(wide.path) / values
    figures |= timed("read", lambda: wide.read("long-kept", READ_FIELDS, START, end))
    wide.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--load-hours", type=float, default=12)
    parser.add_argument("--smart-days", type=float, default=10)
    parser.add_argument("--disk-days", type=float, default=90)
    parser.add_argument("--fleet", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1000, help="reports a second, beside what is read")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where to write (a temporary directory is made in it)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    reports = workload(options.devices, options.load_hours, options.smart_days, options.disk_days, options.seed)
    end = START + max(options.load_hours * HOUR, options.smart_days * DAY, options.disk_days * DAY)
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        store = run_store(directory, reports, end, options.rate)
        store |= run_fleet(directory / "fleet", options.fleet, options.seed)
        wide = run_wide(directory, reports, end)
    result = {
        "workload": {
            **{name: getattr(options, name) for name in ("devices", "load_hours", "smart_days", "disk_days", "fleet")},
            "reports": len(reports),
            "values": store["values"],
        },
        "store": store,
        "wide_rows": wide,
        "ratio": {name: store[name] / wide[name] for name in wide if not name.endswith("_rows")},
        "aims": AIMS,
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def as_text(result: dict[str, Figures]) -> str:
    lines = [", ".join(f"{name} {value:g}" for name, value in result["workload"].items()), ""]
    lines.append(f"{'':38}{'store':>11}{'wide rows':>11}{'ratio':>9}{'aim':>7}")
    for name, value in result["store"].items():
        line = f"{name:38}{value:11,.2f}"
        for part, width, form in (("wide_rows", 11, ",.2f"), ("ratio", 9, ".2f"), ("aims", 7, ".1f")):
            line += f"{result[part][name]:{width}{form}}" if name in result[part] else " " * width
        if name in AIMS:
            line += "  kept" if value <= AIMS[name] else "  MISSED"
        lines.append(line.rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    main()
