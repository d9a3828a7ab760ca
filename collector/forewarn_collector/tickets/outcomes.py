"""What closed tickets say about the rules that opened them: how often they were right, and how long before. Pure.

Right or wrong is an engineer's word; a ticket that several rules found counts for each of them.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

RIGHT = ("failed", "replaced-in-time")
WRONG = ("false-alarm", "could-not-reproduce")
DAY = 86_400.0
# Jeffreys' prior: as much as half a ticket that was right and half a one that was wrong.
PRIOR = (0.5, 0.5)
COVERED = 0.95


class Ended(NamedTuple):
    """A ticket that ended. ``ended_at``: when the part had failed or was replaced, as far as that is known."""

    rules: tuple[str, ...]
    outcome: str
    opened_at: float
    ended_at: float


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's record. ``precision`` is the mean of the posterior over ``right`` of ``right + wrong`` tickets,
    ``low`` and ``high`` its 95 % interval. Lead times (days from opening to failure or
    replacement: 10th, 50th, 90th percentile) are of the ``right`` ones."""

    rule: str
    right: int
    wrong: int
    precision: float
    low: float
    high: float
    lead_p10: float | None
    lead_p50: float | None
    lead_p90: float | None


def records(ended: Iterable[Ended]) -> list[Record]:
    """One for each rule that has any ticket whose outcome says whether it was right, by rule."""
    right: dict[str, list[float]] = defaultdict(list)
    wrong: dict[str, int] = defaultdict(int)
    for ticket in ended:
        for rule in set(ticket.rules):
            if ticket.outcome in RIGHT:
                right[rule].append(max(0.0, (ticket.ended_at - ticket.opened_at) / DAY))
            elif ticket.outcome in WRONG:
                wrong[rule] += 1
    return [_record(rule, sorted(right[rule]), wrong[rule]) for rule in sorted({*right, *wrong})]


def _record(rule: str, leads: list[float], wrong: int) -> Record:
    a, b = PRIOR[0] + len(leads), PRIOR[1] + wrong
    tail = (1 - COVERED) / 2
    low, middle, high = (_percentile(leads, share) for share in (0.1, 0.5, 0.9))
    return Record(
        rule=rule,
        right=len(leads),
        wrong=wrong,
        precision=a / (a + b),
        low=beta_quantile(tail, a, b),
        high=beta_quantile(1 - tail, a, b),
        lead_p10=low,
        lead_p50=middle,
        lead_p90=high,
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """With straight lines between the values, as numpy does it."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which ``share`` of a beta distribution lies, by halving; to about 1e-12."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if beta_share(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: the share of a beta distribution that lies below ``x``."""
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on this side only
        return 1.0 - beta_share(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """DLMF 8.17.22 as 1 / (1 + d1 / (1 + d2 / ...)), from the far end."""
    found = 1.0
    for n in range(20 + 4 * math.isqrt(round(a + b)), 0, -1):
        m = n // 2
        if n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        found = 1.0 + term / found
    return 1.0 / found
