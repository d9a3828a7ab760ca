"""A fault that comes back: what it has to do with the tickets that it had. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from forewarn_collector.tickets.life import CONDITION_CLEARED


class Terms(NamedTuple):
    """Within how many seconds a fault is the same story, and whether a ticket that a person closed is opened again
    then, or stays closed and is followed by a new one."""

    within_seconds: float = 7 * 86_400.0
    reopen_closed: bool = False


class Past(NamedTuple):
    """An ended ticket of the same key."""

    number: int
    outcome: str | None
    ended_at: float


class Again(NamedTuple):
    """At most one of them is a ticket's number."""

    reopens: int | None = None
    follows: int | None = None


def again(past: Sequence[Past], at: float, terms: Terms) -> Again:
    """``past``: in any order; ``at``: when the fault was seen again."""
    recent = [one for one in past if one.ended_at >= at - terms.within_seconds]
    if not recent:
        return Again()
    newest = max(recent, key=lambda one: (one.ended_at, one.number))
    # Late evidence does not open what a person closed knowing better.
    if newest.outcome == CONDITION_CLEARED or (terms.reopen_closed and at > newest.ended_at):
        return Again(reopens=newest.number)
    return Again(follows=newest.number)
