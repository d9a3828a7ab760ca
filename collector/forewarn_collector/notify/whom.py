"""Who is told when something happens to a ticket. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from forewarn_collector.notify.decide import CRITICAL
from forewarn_collector.notify.model import Kind
from forewarn_collector.tickets.life import LEVELS, OPEN


class Told(NamedTuple):
    """What was last written down for an engineer about a ticket, and the worst severity that was."""

    kind: str
    severity: str


class Call(NamedTuple):
    engineer: str
    kind: Kind
    urgent: bool = False


def calls(event: str, state: str, severity: str, told: Mapping[str, Told], actor: str) -> list[Call]:
    """``event``: opened, updated, resolved or closed; ``state`` and ``severity`` are the ticket's. ``told``: by
    engineer; ``actor``: who ended the ticket.

    Whoever heard of a ticket that nobody has taken hears that it got worse, and whoever heard of any hears, unless
    they ended it themselves, that it is over. Who hears of a new one and what whoever took it hears is a matter of
    duty and escalation, in the room ``people``; everything else stands in the ticket.
    """
    listening = {engineer: last for engineer, last in told.items() if last.kind != Kind.RESOLVED}
    if event == "updated" and state == OPEN:
        return [
            Call(engineer, Kind.ROSE, severity == CRITICAL)
            for engineer, last in listening.items()
            if LEVELS.index(severity) > LEVELS.index(last.severity)
        ]
    if event in ("resolved", "closed"):
        return [Call(engineer, Kind.RESOLVED) for engineer in listening if engineer.casefold() != actor.casefold()]
    return []


def newest(rows: Iterable[tuple[str, str, str]]) -> dict[str, Told]:
    """Of (engineer, kind, severity) in the order in which they were written down."""
    found: dict[str, Told] = {}
    for engineer, kind, severity in rows:
        known = found.get(engineer)
        worst = severity if known is None else max(severity, known.severity, key=LEVELS.index)
        found[engineer] = Told(kind, worst)
    return found
