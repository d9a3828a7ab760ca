"""Looks up what ``roots`` decides on: the open tickets of a device, and when the devices of a site were last heard."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from forewarn_collector.tickets import components, life, roots, rows
from forewarn_collector.tickets.budget import PREDICTION
from forewarn_collector.tickets.model import SITE, Evidence, Key, Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.site_words import site_words
from forewarn_rules import Change

Heard = Callable[[str, str], Mapping[str, float]]
"""Of (customer, site): each device, and when it was last heard (Unix seconds)."""
OFFLINE = "device-silent"


class NewSite(NamedTuple):
    """The fault opens a ticket about its whole site: with this key and these words."""

    key: Key
    words: dict[str, Any]


def place(db: sa.Connection, change: Change, part: Part, heard: Heard) -> roots.Root | NewSite | None:
    """To which open ticket a new fault belongs, or that its site is offline; None when it is one of its own."""
    if change.ticket_kind == PREDICTION:
        return None
    began = _began(change.at, change.values)
    if change.fault == OFFLINE:
        return _at_its_site(db, part, began, heard)
    new = roots.Trouble(change.kind, change.key[1], change.fault, began)
    standing = [_standing(rows.existing(db, number)) for number in rows.live_of(db, change.key[0])]
    return roots.root(new, standing)


def _at_its_site(db: sa.Connection, part: Part, began: float, heard: Heard) -> roots.Root | NewSite | None:
    whose = part.whose
    if not whose.site:
        return None
    key = Key(whose.customer, f"{SITE}{whose.site}", "", OFFLINE)
    number = rows.live_number(db, key)
    if number is not None:
        near = abs(_standing(rows.existing(db, number)).began - began) <= roots.NEAR
        return roots.Root(number, False, "its site is offline") if near else None
    devices = heard(whose.customer, whose.site)
    offline = roots.offline_site(devices[part.device], list(devices.values())) if part.device in devices else None
    return None if offline is None else NewSite(key, site_words(whose.site, *offline))


def _standing(ticket: Ticket) -> roots.Standing:
    live = [item for item in ticket.evidence if item.level in life.TICKET_LEVELS]
    named = [components.read(item.component) for item in live]
    began = min((_began(item.at, _values(item)) for item in live), default=ticket.opened_at)
    kinds, parts = frozenset(one.kind for one in named), frozenset(one.part for one in named)
    return roots.Standing(ticket.number, ticket.fault, kinds, parts, began)


def _values(item: Evidence) -> dict[str, Any]:
    values = item.detail.get("values", {})
    return values if isinstance(values, dict) else {}


def _began(at: float, values: dict[str, Any]) -> float:
    """What is silent began when it was last heard; the packs' rules call that time ``silent``, in seconds."""
    silent = values.get("silent")
    return at - silent if isinstance(silent, int | float) else at
