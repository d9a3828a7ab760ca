"""Sequence numbers of one boot that have not arrived, with the times between which they were made. Pure.

All times are Unix milliseconds.
"""

from typing import NamedTuple


class Hole(NamedTuple):
    """Numbers ``first`` to ``last``, both included."""

    first: int
    last: int
    after: int | None
    """when the report before them was made; None: they are the first of their boot"""
    before: int | None
    """when the report behind them was made"""
    found: int
    """when they were missed"""


def without(holes: list[Hole], number: int, at: int) -> list[Hole]:
    """The holes that remain when a number has arrived after all; ``at`` is when its report was made."""
    left: list[Hole] = []
    for hole in holes:
        if not hole.first <= number <= hole.last:
            left.append(hole)
            continue
        if hole.first < number:
            left.append(hole._replace(last=number - 1, before=at))
        if number < hole.last:
            left.append(hole._replace(first=number + 1, after=at))
    return left
