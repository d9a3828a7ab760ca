"""What the API says of destinations."""

from typing import Annotated

import msgspec
from msgspec import Meta


class DestinationView(msgspec.Struct, kw_only=True):
    """``sent_at``: when it last took something; ``polled_at``: when it last said what was done there. null: never.
    ``hooks``: whether its web-hooks are taken. ``trouble``: why it cannot be listened to now."""

    name: str
    kind: str
    address: str
    waiting: int
    parked: int
    sent_at: float | None
    polled_at: float | None
    hooks: bool
    trouble: str


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``ticket``: only its deliveries; null: all that are parked."""

    ticket: Annotated[int, Meta(ge=1)] | None = None


class Retried(msgspec.Struct, kw_only=True):
    """How many deliveries get another chance."""

    deliveries: int


class Elsewhere(msgspec.Struct, kw_only=True):
    """The same ticket in a ticket system: its ``id`` and its ``address`` for people there."""

    destination: str
    id: str
    address: str
