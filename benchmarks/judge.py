"""How fast the engine judges: all built-in rules through whole drive histories, day by day, on one core.

    python benchmarks/judge.py ../shared/data/drive-stats/st4000dm000-2018-01..05.parquet [--days 60]

The engine is stepped exactly as `forewarn backtest` steps it. Only the stepping is timed (processor time, which other
programs on the machine do not lengthen), not the reading of the file. Printed are drive-days a second

- of all built-in rules,
- of the same with one more drive that reports every metric, so that no rule sleeps for want of one (the worst case),
- of one rule alone (ata-pending-sectors),
- of that rule's warning as a plain loop in Python, one drive-day after the other: what the columns are worth,

and where the time of the first goes. Trust the ratios more than the figures of one machine.
"""

import argparse
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from forewarn_collector.backtest.history import History
from forewarn_collector.backtest.stepping import step
from forewarn_collector.replay.columns import find_files, read_history
from forewarn_rules import Engine, Kind, RuleSet, load_rules
from forewarn_rules.components import Components
from forewarn_rules.scopes import Scopes
from forewarn_rules.signals import Signals
from forewarn_rules.timers import Timers
from forewarn_rules.verdicts import Verdict

RULE = "ata-pending-sectors"
ROUNDS = 3
PHASES: dict[str, tuple[type, str]] = {
    "values to a matrix": (Signals, "matrix"),
    "windows note the values": (Signals, "insert"),
    "signals: growth, trends": (Signals, "compute"),
    "conditions": (Verdict, "__call__"),
    "timers: for and hold": (Timers, "step"),
    "which rules apply": (Scopes, "learn"),
    "components to rows": (Components, "rows_of"),
}


def seconds(run: Callable[[], object]) -> float:
    """Processor time of the fastest of some runs."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run()
        spent.append(time.process_time() - began)
    return min(spent)


def with_a_drive_that_reports_all(history: History, rules: RuleSet) -> History:
    """The history and one more drive, on its first day, on which every metric of every rule is 0."""
    metrics = {name: history.metric(name) for name in Engine(rules).metrics(Kind.DISK)}
    return History(
        days=np.concatenate([history.days[:1], history.days]),
        drives=np.concatenate([[len(history.serials)], history.drives]),
        serials=[*history.serials, "reports-all"],
        models=[*history.models, history.models[0]],
        failed_on=np.append(history.failed_on, history.failed_on.max()),
        metrics={name: np.concatenate([[0.0], column]) for name, column in metrics.items()},
    )


def plain_loop(history: History) -> int:
    """The warning of the rule for pending sectors without ``hold``: at least 16, or 1 more than a week's lowest."""
    week: defaultdict[int, deque[tuple[int, float]]] = defaultdict(deque)
    found = 0
    sectors = history.metric("ata.197.raw")
    for day, drive, value in zip(history.days.tolist(), history.drives.tolist(), sectors.tolist(), strict=True):
        if value != value:
            continue
        seen = week[drive]
        seen.append((day, value))
        while seen[0][0] < day - 7:
            seen.popleft()
        found += value >= 16 or value - min(other for _, other in seen) >= 1
    return found


def phases(history: History, rules: RuleSet) -> dict[str, float]:
    """Share of the engine's time, by what it does."""
    spent = dict.fromkeys((*PHASES, "whole"), 0.0)
    with ExitStack() as stack:
        for name, (owner, method) in (*PHASES.items(), ("whole", (Engine, "observe"))):
            stack.enter_context(timed(owner, method, name, spent))
        step(history, rules, None)
    whole = spent.pop("whole")
    shares = {name: seconds / whole for name, seconds in spent.items()}
    return {**shares, "the rest": 1 - sum(shares.values())}


@contextmanager
def timed(owner: type, method: str, name: str, spent: dict[str, float]) -> Iterator[None]:
    """While it lasts, what the method takes is added up."""
    original = getattr(owner, method)

    def measured(*args: object) -> object:
        began = time.process_time()
        try:
            return original(*args)
        finally:
            spent[name] += time.process_time() - began

    setattr(owner, method, measured)
    try:
        yield
    finally:
        setattr(owner, method, original)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="histories as forewarn backtest reads them")
    parser.add_argument("--days", type=int, help="only the first days of the history")
    options = parser.parse_args()
    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
    rules = load_rules()
    metrics = frozenset(Engine(rules).metrics(Kind.DISK))
    history = read_history(find_files(options.files), metrics)
    if options.days:
        history = first_days(history, options.days)
    alone = [rule for rule in rules if rule.id == RULE]
    whole = with_a_drive_that_reports_all(history, rules)
    print(f"{history.rows:,} drive-days of {len(history.serials):,} drives, {len(rules)} rules, one core")
    fastest = seconds(lambda: step(history, rules, None))
    for name, spent in (
        ("all built-in rules", fastest),
        ("no rule asleep", seconds(lambda: step(whole, rules, None))),
        (f"{RULE} alone", seconds(lambda: step(history, alone, None))),
        ("that rule as a plain loop", seconds(lambda: plain_loop(history))),
    ):
        print(f"  {name:28s} {history.rows / spent:12,.0f} drive-days/s   {fastest / spent:5.2f} x the first")
    print("where the time of all built-in rules goes:")
    for name, share in phases(history, rules).items():
        print(f"  {name:28s} {share:6.1%}")


def first_days(history: History, days: int) -> History:
    end = int(np.searchsorted(history.days, history.days[0] + days))
    return History(
        days=history.days[:end],
        drives=history.drives[:end],
        serials=history.serials,
        models=history.models,
        failed_on=history.failed_on,
        metrics={name: column[:end] for name, column in history.metrics.items()},
    )


if __name__ == "__main__":
    main()
