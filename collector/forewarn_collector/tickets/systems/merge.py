"""Two sides of a ticket, each with its own hand on it: who is followed. Pure.

What both sides last agreed on is the base. A side that differs from it has changed. Where both did, an ended ticket
wins over a live one, and the ticket system over forewarn: engineers work there.
"""

from typing import NamedTuple

from forewarn_collector.tickets import life
from forewarn_collector.tickets.systems.maps import Maps


class Sides(NamedTuple):
    """A state or an owner on both sides, each in its own words."""

    ours: str
    theirs: str


class Merge(NamedTuple):
    """``action``: write (there), take (here), agree (both stand as they should)."""

    action: str
    reason: str


def merge_states(base: Sides, now: Sides, their_end: bool, maps: Maps) -> Merge:
    """``their_end``: the ticket there is ended."""
    wanted = maps.state(now.ours)
    if now == base:
        return Merge("agree", "nothing changed")
    if not wanted or wanted == now.theirs:
        return Merge("agree", "both say the same")
    if now.theirs == base.theirs:
        return Merge("write", f"{now.ours} here")
    if now.ours == base.ours:
        return Merge("take", f"{now.theirs} there")
    if not maps.heard_states(now.theirs) and not their_end:
        return Merge("write", f"{now.theirs} there says nothing here")
    our_end = now.ours in life.ENDED
    if our_end and not their_end:
        return Merge("write", f"{now.ours} here ends it, whatever {now.theirs} there")
    return Merge("take", f"{now.theirs} there, where engineers work, over {now.ours} here")


def merge_owners(base: Sides, now: Sides, maps: Maps) -> Merge:
    wanted = maps.login(now.ours)
    if now == base or wanted == now.theirs:
        return Merge("agree", "the same owner")
    if now.theirs == base.theirs:
        return Merge("write", f"{now.ours} here") if wanted else Merge("agree", f"{now.ours} has no user there")
    return Merge("take", f"{now.theirs} there")


class Way(NamedTuple):
    """An action of a ticket's life."""

    action: str
    outcome: str | None


def way_to(ours: str, theirs: str, their_end: bool, outcome: str, maps: Maps) -> Way | None:
    """How our ticket follows theirs; None: no action leads there. ``outcome``: the one that was said there, if any.

    Who closes a ticket there without an outcome has resolved it: what was found is not known.
    """
    meant = maps.heard_states(theirs)
    if ours in meant:
        return None
    if ours in life.ENDED and meant and not their_end:
        return Way("reopen", None)
    for state in meant or ([life.RESOLVED] if their_end else []):
        for way in _ways(state, outcome):
            try:
                life.next_state(ours, way.action, way.outcome)
            except life.TicketError:
                continue
            return way
    return None


def _ways(state: str, outcome: str) -> list[Way]:
    if state == life.FALSE_ALARM:
        return [Way("close", "false-alarm")]
    if state in life.ENDED:
        said = [Way("close", outcome)] if outcome in life.OUTCOMES else []
        return [*said, Way("resolve", None)]
    actions = {life.ACKNOWLEDGED: "acknowledge", life.IN_PROGRESS: "start", life.WAITING: "wait"}
    return [Way(actions[state], None)] if state in actions else []
