"""How evidence names what it is about: ``disk:S3Z1``, and on a ticket of another device ``shop-08/liveness:``. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from forewarn_collector.tickets.life import worst
from forewarn_collector.tickets.model import Evidence, Member
from forewarn_rules import Change


class Component(NamedTuple):
    """``device`` is "" for that of the ticket."""

    device: str
    kind: str
    part: str


def write(change: Change, of: str) -> str:
    """``of``: the ticket's device."""
    device, part = change.key
    name = f"{change.kind}:{part}"
    return name if device == of else f"{device}/{name}"


def read(text: str) -> Component:
    head, slash, rest = text.partition("/")
    device, name = (head, rest) if slash and ":" not in head else ("", text)
    kind, _, part = name.partition(":")
    return Component(device, kind, part)


def members(device: str, evidence: Sequence[Evidence]) -> list[Member]:
    """What a ticket is about, where that is more than one thing: the worst that is said of each now."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in evidence:
        of = read(item.component)
        found.setdefault((of.device or device, of.part), []).append(item.level)
    if len(found) < 2:
        return []
    return [Member(device=key[0], part=key[1], level=worst(levels)) for key, levels in sorted(found.items())]
