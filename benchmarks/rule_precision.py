"""What the rules find in real drive histories: replays them through the engine day by day and counts.

    python benchmarks/rule_precision.py ../shared/data/drive-stats/st4000dm000-2018-01..05.parquet
    python benchmarks/rule_precision.py --rules my-rules/ --no-builtin FILE...
    python benchmarks/rule_precision.py --rounds        # what one round costs, by its size

Each FILE is a table of whole fleets with the columns date, serial_number, model, failure (1 on a failed drive's last
day) and smart_<id>_raw. Unit is the drive. A ticket is a first rise to warning or critical. It is early enough when
it comes at least 1 (or 7) days before the failure, and false on a drive that does not fail within the file. P(fail
within 30 d) is taken over rises that have 30 days of the file after them; drives that leave without failing count as
not failed.
"""

import argparse
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from forewarn_rules import LEVELS, Change, Engine, Kind, RuleSet, load_rules

DAY = 86400.0
MONTH_DAYS = 365.25 / 12
HORIZON_DAYS = 30


@dataclass
class Fleet:
    """One history: rows sorted by day, and for each drive its last day and whether it failed then."""

    name: str
    days: np.ndarray
    starts: np.ndarray
    drives: np.ndarray
    serials: list[str]
    models: list[str]
    columns: dict[str, np.ndarray]
    failed_on: np.ndarray

    @property
    def drive_days(self) -> int:
        return len(self.drives)


@dataclass
class Tally:
    """Rises of one rule to one level or higher: by drive its first one, and all of them."""

    first: dict[int, int] = field(default_factory=dict)
    rises: list[tuple[int, int]] = field(default_factory=list)

    def add(self, drive: int, day: int) -> None:
        self.first.setdefault(drive, day)
        self.rises.append((drive, day))


def read_fleet(path: Path) -> Fleet:
    table = parquet.read_table(path)
    if "date" not in table.column_names:
        raise SystemExit(f"{path.name}: not a daily history (no column date)")
    day = table["date"].cast("int32").to_numpy()
    order = np.argsort(day, kind="stable")
    day = day[order]
    serials, drives = np.unique(table["serial_number"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    drives = drives[order]
    models = np.empty(len(serials), dtype=object)
    models[drives] = table["model"].to_numpy(zero_copy_only=False)[order]
    failed_on = np.full(len(serials), -1)
    failed = table["failure"].to_numpy()[order] == 1
    failed_on[drives[failed]] = day[failed]
    columns = {}
    for name in table.column_names:
        match = re.fullmatch(r"smart_(\d+)_raw", name)
        if match:
            columns[f"ata.{match[1]}.raw"] = table[name].to_numpy(zero_copy_only=False).astype(np.float64)[order]
    days, starts = np.unique(day, return_index=True)
    return Fleet(path.name, days, starts, drives, serials.tolist(), models.tolist(), columns, failed_on)


def replay(fleet: Fleet, rules: RuleSet) -> tuple[list[tuple[int, int, Change]], float]:
    """All changes as (drive, day, change), and the seconds that the engine took."""
    engine = Engine(rules)
    keys = [(serial, serial) for serial in fleet.serials]
    number = {serial: n for n, serial in enumerate(fleet.serials)}
    labels = {
        (serial, serial): {"serial": serial, "model": model, "disk_kind": "hdd", "slot": "/dev/sda"}
        for serial, model in zip(fleet.serials, fleet.models, strict=True)
    }
    found: list[tuple[int, int, Change]] = []
    spent = 0.0
    for day, start, end in zip(fleet.days, fleet.starts, [*fleet.starts[1:], fleet.drive_days], strict=True):
        here = [keys[drive] for drive in fleet.drives[start:end].tolist()]
        metrics = {name: column[start:end] for name, column in fleet.columns.items()}
        at = np.full(len(here), day * DAY)
        began = time.perf_counter()
        changes = engine.observe(Kind.DISK, here, labels.__getitem__, at, metrics)
        spent += time.perf_counter() - began
        found += [(number[change.key[1]], int(day), change) for change in changes]
    return found, spent


def tally(changes: list[tuple[int, int, Change]], rules: RuleSet) -> dict[tuple[str, str], Tally]:
    """Rises by (rule, level); a rise to critical is also one to warning, and ``together`` is any disk-failure rule."""
    tallies: dict[tuple[str, str], Tally] = {}
    own = {rule.id: {level.name for level in rule.levels} for rule in rules}
    for drive, day, change in changes:
        before, after = LEVELS.index(change.before), LEVELS.index(change.after)
        names = [change.rule] + (["disk-failure rules together"] if change.fault == "disk-failure" else [])
        for level in range(max(before, 0) + 1, after + 1):
            for name in names:
                if LEVELS[level] in own.get(name, LEVELS):
                    tallies.setdefault((name, LEVELS[level]), Tally()).add(drive, day)
    return tallies


def outcomes(fleet: Fleet, tally: Tally) -> tuple[int, int]:
    """Of the rises with 30 days of the file after them: how many failed within those, and how many there are."""
    last_day = int(fleet.days[-1])
    followed = [(drive, day) for drive, day in tally.rises if day <= last_day - HORIZON_DAYS]
    return sum(0 < fleet.failed_on[drive] - day <= HORIZON_DAYS for drive, day in followed), len(followed)


def share(hits: int, rises: int) -> str:
    return f"{hits / rises:7.1%} of {rises:5d}" if rises else "      -         "


def line(fleet: Fleet, tally: Tally) -> str:
    failing = int((fleet.failed_on >= 0).sum())
    leads = [int(fleet.failed_on[drive]) - day for drive, day in tally.first.items() if fleet.failed_on[drive] >= 0]
    false = len(tally.first) - len(leads)
    months = fleet.drive_days / MONTH_DAYS
    return (
        f"{len(tally.first):7d} {share(*outcomes(fleet, tally))} {sum(lead >= 1 for lead in leads) / failing:8.1%} "
        f"{sum(lead >= 7 for lead in leads) / failing:8.1%} {1000 * false / months:10.2f}"
    )


def time_rounds(rules: RuleSet, disks: int) -> float:
    """Median seconds of a daily round of hard disks, SSDs and NVMe drives that are well but wear."""
    engine = Engine(rules)
    kinds = [("hdd", "ssd", "nvme")[n % 3] for n in range(disks)]
    keys = [("device", str(n)) for n in range(disks)]
    labels = {key: {"serial": key[1], "disk_kind": kind} for key, kind in zip(keys, kinds, strict=True)}
    nvme = np.array([kind == "nvme" for kind in kinds])
    spent = []
    for day in range(120):
        metrics = {}
        for metric in engine.metrics(Kind.DISK):
            column = np.full(disks, 100.0 if "spare" in metric else 1.0 if "passed" in metric else 0.0)
            if metric.endswith(("percentage_used", "endurance_used_percent")):
                column += day // 30
            if metric.startswith(("nvme.", "ata.")):
                column[nvme != metric.startswith("nvme.")] = np.nan
            metrics[metric] = column
        began = time.perf_counter()
        engine.observe(Kind.DISK, keys, labels.__getitem__, np.full(disks, day * DAY), metrics)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rules", action="append", default=[], type=Path, help="a directory of rules beside the packs")
    parser.add_argument("--no-builtin", action="store_true", help="leave the built-in packs out")
    parser.add_argument("--rounds", action="store_true", help="time rounds of 1 to 500 disks of three kinds")
    options = parser.parse_args()
    rules = load_rules(builtin=not options.no_builtin, directories=options.rules)
    if options.rounds:
        for disks in (1, 10, 100, 500):
            print(f"{disks:4d} disks: {1000 * time_rounds(rules, disks):6.2f} ms a round (median)")
    pooled: dict[tuple[str, str], tuple[int, int]] = {}
    for path in options.files:
        fleet = read_fleet(path)
        changes, spent = replay(fleet, rules)
        failing = int((fleet.failed_on >= 0).sum())
        print(f"{fleet.name}: {len(fleet.serials):,} drives, {failing} fail, {fleet.drive_days:,} drive-days,")
        print(f"  {fleet.drive_days / spent:,.0f} drive-days/s, {1e6 * spent / fleet.drive_days:.2f} us per drive-day")
        print(f"  {'rule':38s} {'level':9s} drives  P(fail <= 30 d)   >= 1 d   >= 7 d  false/1000/month")
        for (rule, level), rises in sorted(tally(changes, rules).items()):
            print(f"  {rule:38s} {level:9s}{line(fleet, rises)}")
            hits, followed = outcomes(fleet, rises)
            before = pooled.get((rule, level), (0, 0))
            pooled[rule, level] = before[0] + hits, before[1] + followed
    if len(options.files) > 1:
        print("all files together: P(fail <= 30 d)")
        for (rule, level), (hits, followed) in sorted(pooled.items()):
            print(f"  {rule:38s} {level:9s}{share(hits, followed)}")


if __name__ == "__main__":
    main()
