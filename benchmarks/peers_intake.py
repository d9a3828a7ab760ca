"""The same load reports into forewarn, Zabbix with PostgreSQL, and VictoriaMetrics, in one run, as ratios.

    make peers                                # as root: installs them from Debian, starts none
    python benchmarks/peers_intake.py [--devices 200] [--seconds 15] [--paced 1000] [--only forewarn,zabbix] [--json]

forewarn takes each report over MQTT 5 with QoS 1, checks it, commits it to disk, acknowledges it, and judges it by all
built-in rules (``benchmarks/intake.py``). Zabbix (``peer_zabbix.py``) takes it by trapper, answers once it has the
values in memory, writes them, and judges five triggers of each host. VictoriaMetrics (``peer_victoria.py``) takes it
in batches, answers once it has them in memory, and judges nothing. So the ratios say what durability and judgement
cost.

They run one after the other, each on a fresh directory with a sender of its own on the same cores: as fast as it goes,
at a fixed pace, then until the server is killed with SIGKILL, after which it is counted what of the acknowledged
reports is there. (A report that was stored and not acknowledged hides one that was lost: at least so many are.)
Bytes are those at the end of the fast phase: forewarn's, with reports that are a month old, are partly sealed.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import peer_forewarn
import peer_victoria
import peer_zabbix
from peers_load import Figures
from reports import VALUES

NAMES = {"forewarn": "forewarn", "zabbix": "Zabbix+PostgreSQL", "victoria": "VictoriaMetrics"}
PROGRAMS = {"zabbix": "zabbix_server", "victoria": "victoria-metrics"}
ROWS: tuple[tuple[str, Callable[[Figures], float | None], str], ...] = (
    ("reports/s", lambda found: found["reports_per_second"], ",.0f"),
    ("values/s", lambda found: VALUES * found["reports_per_second"], ",.0f"),
    ("CPU ms/report", lambda found: found["cpu_ms_per_report"], ",.3f"),
    ("CPU ms/1,000 values", lambda found: 1000 / VALUES * found["cpu_ms_per_report"], ",.2f"),
    ("bytes/value", lambda found: found["bytes_per_value"], ",.2f"),
    ("memory, MB", lambda found: found["memory_mb"], ",.0f"),
    ("verdict p95, ms", lambda found: found["verdict_p95_ms"], ",.0f"),
    ("acknowledged, killed", lambda found: found["acknowledged"], ",d"),
    ("of these lost", lambda found: found["lost"], ",d"),
)


def show(results: dict[str, Figures], options: argparse.Namespace) -> None:
    print(f"{options.devices} devices, {VALUES} values a report; verdict at {options.paced:.0f} reports/s")
    others = [name for name in results if name != "forewarn"]
    print(f"{'':20}{'forewarn':>10}" + "".join(f"{NAMES[name]:>18}{'ratio':>7}" for name in others))
    for title, figure, form in ROWS:
        ours = figure(results["forewarn"]) if "forewarn" in results else None
        line = f"{title:20}{_cell(ours, form):>10}"
        for name in others:
            theirs = figure(results[name])
            ratio = "" if not ours or not theirs or form == ",d" else f"{ours / theirs:.2f}"
            line += f"{_cell(theirs, form):>18}{ratio:>7}"
        print(line)
    print("only forewarn has on disk what it acknowledges; VictoriaMetrics judges nothing")


def _cell(figure: float | None, form: str) -> str:
    return "-" if figure is None else f"{figure:{form}}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to send as fast as it goes")
    parser.add_argument("--paced", type=float, default=1000.0, help="reports/s at which verdicts are timed")
    parser.add_argument("--paced-seconds", type=float, default=8.0)
    parser.add_argument("--only", default=",".join(NAMES), help="some of: " + ", ".join(NAMES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(NAMES):
        parser.error(f"--only: {', '.join(unknown)} is none of {', '.join(NAMES)}")
    return options


def main() -> None:
    options = parse()
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in options.only if name in PROGRAMS and not shutil.which(PROGRAMS[name], path=path)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(PROGRAMS[name] for name in missing)}; `make peers` installs them")
    load, pace = (options.devices, options.seconds), (options.paced, options.paced_seconds)
    results: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="forewarn-peers-") as name:
        directory = Path(name)
        if "forewarn" in options.only:
            results["forewarn"] = peer_forewarn.measure(*load, *pace)
        if "zabbix" in options.only:
            results["zabbix"] = peer_zabbix.measure(directory, *load, *pace)
        if "victoria" in options.only:
            results["victoria"] = peer_victoria.measure(directory, *load)
    if options.json:
        print(json.dumps(results))
    else:
        show(results, options)


if __name__ == "__main__":
    main()
