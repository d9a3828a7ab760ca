"""The collectors that share one PostgreSQL, as people see them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from forewarn_collector.store.postgres_tables import SHARES

__all__ = ["SHARES", "Member", "member_of"]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A collector that is there now. ``shares``: which of the shares of the fleet it judges; ``runner``: it does what
    is scheduled; ``since``: when it joined, Unix seconds."""

    name: str
    address: str
    version: str
    since: float
    shares: list[int] = []
    runner: bool = False


def member_of(row: Sequence[Any], runner: int) -> Member:
    name, address, version, since, locks = row
    shares = sorted(int(lock) for lock in locks if lock < SHARES)
    return Member(
        name=name, address=address, version=version, since=float(since), shares=shares, runner=runner in locks
    )
