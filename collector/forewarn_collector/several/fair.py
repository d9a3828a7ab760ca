"""Which shares of the fleet a collector takes and gives up, so that all have about as many. Pure."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from forewarn_collector.store.postgres_tables import SHARES


class Step(NamedTuple):
    """Shares to try for, and shares to let go."""

    take: list[int]
    give: list[int]


def decide(mine: Collection[int], others: Sequence[Collection[int]]) -> Step:
    """``others``: what each of the other living collectors holds. It ends with nobody holding two more than another.

    What is more than anybody needs to hold is given up, and what nobody holds is taken, first by those who lack some of
    an even part. Where they find nothing, one of those who hold more than that gives one up.
    """
    even, rest = divmod(SHARES, 1 + len(others))
    most = even + (1 if rest else 0)
    held = set(mine).union(*others)
    free = [share for share in range(SHARES) if share not in held]
    lacking = sum(max(0, even - len(other)) for other in others)
    wanted = max(0, even - len(mine))
    if len(mine) < most:
        wanted += min(most - len(mine) - wanted, max(0, len(free) - lacking - wanted))
    richer = [min(other) for other in others if len(other) > even]
    gives_one = lacking > len(free) and len(mine) > even and all(min(mine) < first for first in richer)
    return Step(take=free[:wanted], give=sorted(mine)[even if gives_one else most :])
