"""Orders to devices, as values: what waits to be sent, what was sent, what became of it."""

from enum import StrEnum
from typing import NamedTuple

from forewarn_wire import Setting


class State(StrEnum):
    """Of an order. The first two are open; an answer that comes late still counts."""

    WAITING = "waiting"
    """not sent yet: the device is not there"""
    SENT = "sent"
    """on its way, or carried out and not answered yet"""
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    REPLACED = "replaced"
    """settings that later ones took the place of before they were answered"""


OPEN = (State.WAITING, State.SENT)
CONFIG, COMMAND = "config", "command"
COLLECTOR = "forewarn"
"""Who asks for missing reports."""


class OrderError(Exception):
    """What was asked for cannot be ordered; the text says why and what can."""


class Order(NamedTuple):
    """One row of what goes down. Times are Unix seconds by the collector's clock."""

    number: int
    id: str
    device: str
    kind: str
    """config or command: the channel below ``down/``"""
    name: str
    """settings, or which command"""
    body: bytes
    """JSON of the wire's order; its ``expires_at`` is by our clock"""
    actor: str
    created_at: float
    expires_at: float | None
    state: str
    tries: int
    sent_at: float | None
    sent_session: int | None
    answered_at: float | None
    text: str
    """what the device said, or why there is no answer"""
    reply: bytes | None


class Wanted(NamedTuple):
    """One setting that an engineer wants."""

    key: str
    value: Setting
    actor: str
    at: float


class Asked(NamedTuple):
    """What was asked of the missing reports of one boot.

    ``tries``: how often those up to ``head``; ``lost``: those that the device does not have either, as ranges. Those
    that were asked for were made between ``since`` and ``until``.
    """

    tries: int
    next_at: float
    head: int
    lost: tuple[tuple[int, int], ...]
    since: float = 0.0
    until: float = 0.0
