"""Who is told what, as values. Times are Unix seconds by the collector's clock."""

from datetime import time
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec


class NotifyError(ValueError):
    """What was asked for is not possible; the text says why and what is."""


class NoWindow(NotifyError):
    """There is no maintenance window of this number."""


class Kind(StrEnum):
    """Why somebody is told."""

    OPENED = "opened"
    """a ticket was opened, or opened again"""
    ROSE = "rose"
    """its severity has risen"""
    RESOLVED = "resolved"
    """it ended without the one who is told having ended it"""
    ASSIGNED = "assigned"
    ESCALATED = "escalated"
    """nobody has taken it in time"""
    DUE = "due"
    """a clock of its service level is about to run out, or has"""
    TEST = "test"


ENDS_WITH_TAKING = (Kind.ESCALATED,)
"""What need not be told any more once somebody has taken the ticket."""
ENDS_WITH_TICKET = (Kind.OPENED, Kind.ROSE, Kind.ASSIGNED, Kind.ESCALATED, Kind.DUE)
"""What need not be told any more once the ticket has ended."""


class State(StrEnum):
    """Of a notification."""

    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"
    """given up, with its last error"""
    DROPPED = "dropped"
    """not worth telling any more, with its reason"""


class Hours(NamedTuple):
    """A stretch of every day by the clock on the wall; from a later to an earlier time it goes over midnight."""

    start: time
    end: time


class Contact(NamedTuple):
    """How an engineer is reached. ``channels`` are names of the configuration's; ``urgent_channels`` are used beside
    them for what is urgent. ``digest_at``: when the day's low ones are told together; None: each at once."""

    engineer: str
    channels: tuple[str, ...]
    urgent_channels: tuple[str, ...] = ()
    time_zone: str = "UTC"
    quiet_hours: Hours | None = None
    digest_at: time | None = None
    mobile: str = ""
    """the number by which robots mention the engineer in a group"""
    language: str = "en"


class Contacts(Protocol):
    """Where contacts come from."""

    def contact(self, engineer: str) -> Contact | None:
        """None: it is not known how to reach this engineer."""
        ...


class Subject(NamedTuple):
    """What a notification is about, as far as deciding needs it now. ``ended`` and ``taken`` tell the ticket's present
    state; without a ticket both are False."""

    severity: str
    customer: str
    site: str
    device: str
    ended: bool = False
    taken: bool = False
    owner: str = ""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window. An empty ``customer``, ``site`` or ``device`` means whichever; ``ended_at``: before its
    time, by hand."""

    number: int
    customer: str
    site: str
    device: str
    starts_at: float
    ends_at: float
    reason: str
    actor: str
    created_at: float
    ended_at: float | None = None
    ended_by: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the delivery log. ``reason``: why it waits or was dropped; ``told_with``: the notification whose
    message told this one, too."""

    id: int
    ticket: int | None
    engineer: str
    channel: str
    kind: str
    urgent: bool
    severity: str
    customer: str
    site: str
    device: str
    title: str
    body: str
    created_at: float
    not_before: float
    state: str
    reason: str
    tries: int
    next_try_at: float
    last_error: str
    sent_at: float | None
    told_with: int | None


class Waiting(NamedTuple):
    """A notification with what has to be known to decide. ``told_before``: this engineer was told of the open ticket
    on this channel."""

    item: Notification
    subject: Subject
    told_before: bool
