"""What a ticket is, as values. Times are Unix seconds."""

from typing import Any, NamedTuple

import msgspec

from forewarn_rules import Kind


class Key(msgspec.Struct, frozen=True):
    """One ticket per key: whose, which machine, which part, which kind of fault; never a path or a text."""

    customer: str
    device_serial: str
    part_serial: str
    fault: str

    def text(self) -> str:
        return "\x1f".join((self.customer, self.device_serial, self.part_serial, self.fault))


SITE = "site:"
"""What stands before a site's name where a whole site stands in a key in place of a device's serial number."""


class Evidence(msgspec.Struct, frozen=True):
    """What one rule says about one component now. ``detail``: values of its signals, why, do, calm_when."""

    rule: str
    component: str
    level: str
    at: float
    text: str
    detail: dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A line of the timeline. ``visibility``: internal or customer."""

    at: float
    actor: str
    kind: str
    visibility: str
    text: str


class Member(msgspec.Struct, frozen=True):
    """One of several things that share a root cause, and the worst that is said of it now."""

    device: str
    part: str
    level: str


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """``found_by``: us or customer. ``follows``: the ticket of the same fault before it; ``followed_by``: those after
    it. ``members``: what shares the root cause, where that is more than one thing."""

    number: int
    customer: str
    site: str
    engineer: str
    device: str
    device_serial: str
    part_serial: str
    fault: str
    queue: str
    state: str
    severity: str
    title: str
    explanation: dict[str, Any]
    probability: float | None
    within_seconds: float | None
    opened_at: float
    recorded_at: float
    updated_at: float
    acknowledged_at: float | None
    resolved_at: float | None
    closed_at: float | None
    owner: str
    waiting_for: str
    outcome: str | None
    found_by: str = "us"
    follows: int | None = None
    followed_by: list[int] = []
    members: list[Member] = []
    evidence: list[Evidence] = []
    timeline: list[Entry] = []


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction that waits on the watch list. ``number`` stays the same while it waits; ``rules`` are those that
    speak of it, ``since`` is when the first of them did; ``reason``: why it is no ticket."""

    number: int
    customer: str
    site: str
    device: str
    part_serial: str
    fault: str
    level: str
    title: str
    text: str
    rules: list[str]
    probability: float | None
    within_seconds: float | None
    since: float
    reason: str


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """The ticket budget of a month. ``allowed`` is null without one; ``next_free_at``: when the next prediction may
    become a ticket, null when it may now (or never); ``waiting``: how many are on the watch list."""

    allowed: int | None
    used: int
    next_free_at: float | None
    waiting: int


class WatchList(msgspec.Struct, frozen=True, kw_only=True):
    budget: Allowance
    items: list[Watched]


Subject = tuple[str, Kind, tuple[str, str]]
"""A rule on a component."""


class Recorded(NamedTuple):
    """A change of level that was recorded, at the time of its device."""

    at: float
    after: str


class Acceptance(msgspec.Struct, frozen=True):
    """Who took the old fault of a component as known. ``at`` is the collector's time; ``values`` the accepted counters
    by metric."""

    kind: str
    device: str
    part: str
    at: float
    actor: str
    note: str
    values: dict[str, float]
