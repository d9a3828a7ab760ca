"""Which shares of the fleet a collector takes and gives up, so that all have about as many. Pure."""

from collections.abc import Collection, Sequence
from math import ceil
from typing import NamedTuple

from forewarn_collector.store.postgres_tables import SHARES


class Step(NamedTuple):
    """Shares to try for, and shares to let go."""

    take: list[int]
    give: list[int]


def decide(mine: Collection[int], others: Sequence[Collection[int]]) -> Step:
    """``others``: what each of the other living collectors holds. What is too much for a fair share is given up, and
    what nobody holds is taken, as far as a fair share goes."""
    most = ceil(SHARES / (1 + len(others)))
    held = set(mine).union(*others)
    free = [share for share in range(SHARES) if share not in held]
    return Step(take=free[: max(0, most - len(mine))], give=sorted(mine)[most:])
