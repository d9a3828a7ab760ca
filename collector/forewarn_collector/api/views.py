"""What the API answers, as types: the OpenAPI description and the command line both follow from these."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from forewarn_collector.selfcheck.model import CanaryView, PingView
from forewarn_collector.several.members import Member
from forewarn_collector.store.forwarding.view import ForwardingView
from forewarn_collector.tickets.model import Allowance
from forewarn_rules import Account


class Health(msgspec.Struct, kw_only=True):
    """How the collector is. ``troubles`` is empty when all is well; ``skipped``: rows that could not be judged.

    ``intake_rate``: messages written a second, over the last minute. ``unjudged_seconds`` and ``unsent_seconds``:
    age of the oldest report that is not judged, and of the oldest delivery that is not sent; null: there is none.
    ``untold_seconds``: since when the oldest notification is due that has reached nobody; null: there is none.
    ``broker_dropped``: messages that the broker says it dropped; null: it does not say. ``connections_ended`` and
    ``dead_letter_reasons`` are counts by reason. ``history``: the history store, null when there is none.
    """

    version: str
    now: float
    started_at: float
    mqtt: str | None
    broker: str | None
    connections: int
    queue: int
    intake_rate: float
    stored: int
    duplicates: int
    dead_letters: int
    position: int
    judged_position: int
    unjudged_seconds: float | None
    skipped: int = 0
    devices: int
    file_bytes: int
    tickets: dict[str, int]
    budget: Allowance | None = None
    deliveries: dict[str, int]
    unsent_seconds: float | None
    notifications: dict[str, int] = {}
    untold_seconds: float | None = None
    connections_ended: dict[str, int]
    dead_letter_reasons: dict[str, int]
    broker_dropped: int | None
    canaries: list[CanaryView]
    ping: PingView | None
    collectors: list[Member] = []
    history: ForwardingView | None = None
    troubles: list[str]


class DeviceLine(msgspec.Struct, kw_only=True):
    """One device in the list. ``online`` is null when it never said; ages count from receipt.

    ``online_since`` is the time of the birth by the device's clock, or of its receipt where that clock cannot be right;
    null unless it is online.
    """

    name: str
    customer: str
    site: str
    online: bool | None
    online_since: float | None
    last_received: float
    reports: int
    hostname: str | None
    chassis: str | None
    cpu_used_percent: float | None
    memory_used_percent: float | None
    fullest_percent: float | None
    fullest_mount: str | None
    hottest_celsius: float | None
    disks: int
    disks_unknown: int
    level: str
    tickets: int


class SeriesView(msgspec.Struct, kw_only=True):
    """The newest values of one series. ``null`` means that it could not be measured."""

    kind: str
    part: str
    at: float
    values: dict[str, float | None]
    facts: dict[str, Any]


class StandingView(msgspec.Struct, kw_only=True):
    """Where one rule stands. ``unknown`` names the signals that keep it from deciding."""

    kind: str
    part: str
    rule: str
    title: str
    level: str
    since: float | None
    text: str
    unknown: list[str]


class GapView(msgspec.Struct, kw_only=True):
    """Reports ``first`` to ``last`` of one boot are missing: made between ``after`` and ``before``, where that is known
    (``after`` is null at the beginning of a boot).

    ``state``: missing (will be asked for), asked, or lost: the device does not have ``lost`` of them either.
    """

    boot: str
    first: int
    last: int
    reports: int
    after: float | None
    before: float | None
    state: str
    lost: int


class EventView(msgspec.Struct, kw_only=True):
    at: float
    name: str
    part: str
    count: int
    text: str


class IdentityView(msgspec.Struct, kw_only=True):
    """Who a device is by its enrolment; ``certificate_until`` is the end of its newest certificate. A device that was
    only revoked has no ``enrolled_at``."""

    device: str
    customer: str
    site: str
    enrolled_at: float | None
    token: int | None
    certificate_until: float | None
    revoked_at: float | None
    reason: str


class DeviceView(msgspec.Struct, kw_only=True):
    line: DeviceLine
    engineer: str
    last_sampled: float | None
    clock_offset_seconds: float | None
    clock_offset_at: float | None
    inventory: dict[str, Any]
    series: list[SeriesView]
    standing: list[StandingView]
    gaps: list[GapView]
    events: list[EventView]
    identity: IdentityView | None = None


class SeriesData(msgspec.Struct, kw_only=True):
    """``values[i]`` was measured at ``at[i]``; null: could not be measured."""

    device: str
    kind: str
    part: str
    metric: str
    unit: str
    at: list[float]
    values: list[float | None]


class DeadLetterView(msgspec.Struct, kw_only=True):
    received_at: float
    door: str
    client: str
    topic: str
    reason: str
    detail: str
    payload: str


class DeadLetters(msgspec.Struct, kw_only=True):
    totals: dict[str, int]
    letters: list[DeadLetterView]


class Act(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an engineer does to a ticket. ``actor`` is who did it; ``visibility`` is that of ``text``."""

    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Annotated[str, Meta(max_length=20_000)] = ""
    outcome: str | None = None
    waiting_for: Annotated[str, Meta(max_length=200)] = ""
    visibility: Annotated[str, Meta(pattern="^(internal|customer)$")] = "internal"


class CounterView(msgspec.Struct, kw_only=True):
    """One counter: what it showed first and shows now (newest measured value), and what was accepted of it.

    ``growth`` counts from the accepted value, or from the first where nothing was accepted.
    """

    metric: str
    unit: str
    first: float
    first_at: float
    accepted: float | None
    newest: float
    newest_at: float
    growth: float


class BaselineView(msgspec.Struct, kw_only=True):
    """What the counters of one part count from, and who accepted that last."""

    device: str
    kind: str
    part: str
    slot: str
    counters: list[CounterView]
    accepted_by: str | None
    accepted_at: float | None
    note: str


class EndedView(msgspec.Struct, kw_only=True):
    """A rule whose level an acceptance ended."""

    part: str
    rule: str
    before: str
    after: str


class AcceptedView(msgspec.Struct, kw_only=True):
    baselines: list[BaselineView]
    ended: list[EndedView]


class Explained(msgspec.Struct, kw_only=True):
    """A rule on every component of a device that is of its kind."""

    rule: str
    title: str
    status: str
    device: str
    accounts: list[Account]


class Accept(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Take an old fault as known. Without ``part`` every part of the device is meant."""

    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    part: Annotated[str, Meta(max_length=250)] | None = None
    note: Annotated[str, Meta(max_length=20_000)] = ""


class Problem(msgspec.Struct, kw_only=True):
    """Why there is no answer, in one line."""

    detail: str


class SetClock(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    now: float | None
