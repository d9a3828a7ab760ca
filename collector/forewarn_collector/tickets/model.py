"""What a ticket is, as values. Times are Unix seconds."""

from typing import Any

import msgspec


class Key(msgspec.Struct, frozen=True):
    """One ticket per key: whose, which machine, which part, which kind of fault; never a path or a text."""

    customer: str
    device_serial: str
    part_serial: str
    fault: str

    def text(self) -> str:
        return "\x1f".join((self.customer, self.device_serial, self.part_serial, self.fault))


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


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
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
    evidence: list[Evidence] = []
    timeline: list[Entry] = []
