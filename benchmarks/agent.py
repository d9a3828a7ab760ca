"""What the agent costs the machine that it watches, beside node_exporter, zabbix-agent2, collectd and netdata.

    make peers                              # as root: installs them from Debian, starts none
    python benchmarks/agent.py [--interval 60] [--minutes 10] [--warm-up 150] [--json]

All run at the same time on an idle machine, each at the same interval, each asked by, or sending to, a loopback port
that counts the bytes. A process's children belong to it. After the warm-up (starts, first readings, the agent's one
reading of all disks) the counters are taken, and again at the end: figures per hour and per day are those of the
minutes between, multiplied. The agent's SMART readings come every 30 minutes by default and so lie outside of shorter
runs.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from peers import PEERS, Peer

DAY, HOUR = 86_400.0, 3_600.0
MEBIBYTE = 2**20
WIDTHS = (8, 8, 8, 8, 8, 9)


@dataclass(frozen=True)
class Counters:
    """Of a process and its children, so far; ``switches`` are voluntary: each is a wake-up."""

    cpu_seconds: float
    switches: int
    wire_bytes: int
    rss_bytes: int
    pss_bytes: int
    processes: int


@dataclass(frozen=True)
class Figures:
    name: str
    rss_mib: float
    pss_mib: float
    cpu_seconds_per_hour: float
    core_percent: float
    wake_ups_per_hour: float
    wire_bytes_per_day: float
    processes: int


def count(peer: Peer, process: psutil.Process) -> Counters:
    alive = [process, *process.children(recursive=True)]
    times = [each.cpu_times() for each in alive]
    # Children that have ended are counted by who waited for them.
    cpu = sum(each.user + each.system + each.children_user + each.children_system for each in times)
    memory = [each.memory_full_info() for each in alive]
    return Counters(
        cpu,
        sum(_switches(each.pid) for each in alive),
        peer.wire_bytes,
        sum(each.rss for each in memory),
        sum(each.pss for each in memory),
        len(alive),
    )


def _switches(pid: int) -> int:
    """Of all threads: /proc/<pid>/status alone tells the main one's."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                found += int(line.split()[1])
    return found


def compare(name: str, before: Counters, after: Counters, seconds: float) -> Figures:
    cpu = after.cpu_seconds - before.cpu_seconds
    return Figures(
        name,
        after.rss_bytes / MEBIBYTE,
        after.pss_bytes / MEBIBYTE,
        cpu / seconds * HOUR,
        100 * cpu / seconds,
        (after.switches - before.switches) / seconds * HOUR,
        (after.wire_bytes - before.wire_bytes) / seconds * DAY,
        after.processes,
    )


def measure(interval: int, minutes: float, warm_up: float) -> list[Figures]:
    with tempfile.TemporaryDirectory(prefix="agent-benchmark-") as name:
        peers = [kind(Path(name) / kind.__name__, interval) for kind in PEERS if kind.found()]
        started = [peer.start() for peer in peers]
        try:
            processes = [psutil.Process(process.pid) for process in started]
            for peer, process in zip(peers, started, strict=True):
                peer.wait(process)
            begin = time.monotonic()
            _wait(peers, begin + interval / 2, begin + warm_up, interval)
            before = [count(peer, process) for peer, process in zip(peers, processes, strict=True)]
            middle = time.monotonic()
            _wait(peers, middle + interval / 2, middle + 60 * minutes, interval)
            after = [count(peer, process) for peer, process in zip(peers, processes, strict=True)]
            seconds = time.monotonic() - middle
        finally:
            for process in started:
                process.terminate()
            for peer, process in zip(peers, started, strict=True):
                process.wait(30)
                peer.stop()
    return [compare(peer.name, one, other, seconds) for peer, one, other in zip(peers, before, after, strict=True)]


def _wait(peers: list[Peer], first: float, until: float, interval: int) -> None:
    """Ask each at ``first`` and every interval after it."""
    due = first
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        for peer in peers:
            peer.tick()
        due += interval
    time.sleep(max(0.0, until - time.monotonic()))


def show(figures: list[Figures], interval: int, minutes: float, loads: tuple[float, float]) -> None:
    print(f"every {interval} s for {minutes:g} min; load average {loads[0]:.2f} before, {loads[1]:.2f} after")
    print(
        f"{'':15} {'RSS MiB':>8} {'PSS MiB':>8} {'CPU s/h':>8} {'% core':>8} {'wakes/h':>8} {'kB/day':>9} {'procs':>5}"
    )
    for row in figures:
        print(f"{row.name:15} " + _aligned(_values(row), (1, 1, 2, 4, 0, 0)) + f" {row.processes:5}")
    ours, *others = figures
    print(f"\n{ours.name} = 1; others:")
    for row in others:
        pairs = zip(_values(row), _values(ours), strict=True)
        shares = [theirs / mine if mine else float("inf") for theirs, mine in pairs]
        print(f"{row.name:15} " + _aligned(shares, (2,) * len(shares)))


def _values(row: Figures) -> list[float]:
    return [
        row.rss_mib, row.pss_mib, row.cpu_seconds_per_hour, row.core_percent, row.wake_ups_per_hour,
        row.wire_bytes_per_day / 1000,
    ]  # fmt: skip


def _aligned(values: list[float], digits: tuple[int, ...]) -> str:
    return " ".join(f"{value:{width}.{places}f}" for value, places, width in zip(values, digits, WIDTHS, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interval", type=int, default=60, help="seconds between readings, for all of them")
    parser.add_argument("--minutes", type=float, default=10, help="how long the counters are watched")
    parser.add_argument("--warm-up", type=float, default=150, help="seconds before that")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [kind.program for kind in PEERS if not kind.found()]
    if missing:
        print(f"left out: {', '.join(missing)}; `make peers` installs them")
    before = os.getloadavg()[0]
    figures = measure(options.interval, options.minutes, options.warm_up)
    loads = (before, os.getloadavg()[0])
    if options.json:
        print(json.dumps({"interval": options.interval, "load_average": loads, "agents": [asdict(f) for f in figures]}))
    else:
        show(figures, options.interval, options.minutes, loads)


if __name__ == "__main__":
    main()
