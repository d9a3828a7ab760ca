"""The ticket budget, as pure decisions: which prediction becomes a ticket now, and which waits on the watch list.

A provider can visit so many machines for what may happen. What has happened already is not budgeted.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from forewarn_collector.tickets.life import LEVELS

MONTH_SECONDS = 30.4 * 86_400.0
# A share of a small fleet would round to nothing; with a budget at all there are this many tickets a month.
LEAST = 5
PREDICTION, FACT = "prediction", "fact"


@dataclass(frozen=True)
class Decision:
    """Whether a ticket is opened now, and why, or why not."""

    open: bool
    reason: str


def allowance(per_1000: float | None, devices: int) -> int | None:
    """Predictive tickets in any month; None: as many as come. ``per_1000``: of the configuration, 0 allows none."""
    if per_1000 is None:
        return None
    return 0 if per_1000 == 0 else max(LEAST, math.floor(per_1000 * devices / 1000))


def decide(kind: str, level: str, probability: float | None, used: int, allowed: int | None) -> Decision:
    """``kind``: prediction or fact. ``used``: predictive tickets opened within the last month.

    A critical prediction without a probability (a limit is reached: a file system is all but full) is never held back,
    but uses the budget like every other one. One with a probability may be wrong, and knows by how much: it waits by
    its rank.
    """
    if kind != PREDICTION:
        return Decision(True, "it is a fact, not a prediction")
    if level == "critical" and probability is None:
        return Decision(True, "it is critical")
    if allowed is None:
        return Decision(True, "there is no budget")
    if used < allowed:
        return Decision(True, f"{used} of {allowed} predictive tickets of a month are used")
    if allowed == 0:
        return Decision(False, "the budget allows no predictive tickets")
    return Decision(False, f"all {allowed} predictive tickets of a month are used")


def oldest_that_counts(now: float) -> float:
    """A ticket that was opened at this time or before does not count any more."""
    return now - MONTH_SECONDS


def next_free(opened: Iterable[float], allowed: int | None) -> float | None:
    """When the budget allows the next ticket; None when it does now, or never will. ``opened``: within the month."""
    times = sorted(opened)
    if not allowed or len(times) < allowed:
        return None
    return times[len(times) - allowed] + MONTH_SECONDS


def urgency(probability: float | None, level: str, since: float) -> tuple[float, int, float]:
    """Sorts the watch list, the most urgent first: the likelier, then the worse, then the older."""
    return (-1.0 if probability is None else probability) * -1.0, -LEVELS.index(level), since
