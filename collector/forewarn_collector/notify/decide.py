"""Whether a notification is sent now, held back for how long, or not worth telling any more. Pure.

Decided when it is written down and again when it is due: by then the ticket, the windows or the engineer's hours may
be others.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from forewarn_collector.notify.hours import next_time, quiet_until
from forewarn_collector.notify.model import (
    ENDS_WITH_TAKING,
    ENDS_WITH_TICKET,
    Contact,
    Kind,
    Subject,
    Window,
)

CRITICAL = "critical"
IN_DIGEST = (Kind.OPENED, Kind.ROSE, Kind.RESOLVED)
"""What can wait for the day's digest; clocks and calls for help cannot."""


class Action(StrEnum):
    SEND = "send"
    DIGEST = "digest"
    """send, together with the other low ones"""
    HOLD = "hold"
    DROP = "drop"


class Decision(NamedTuple):
    """``until``: when to look again at what is held."""

    action: Action
    reason: str = ""
    until: float = 0.0


def decide(
    kind: Kind,
    urgent: bool,
    created_at: float,
    subject: Subject,
    contact: Contact,
    windows: Iterable[Window],
    told_before: bool,
    now: float,
) -> Decision:
    """``told_before``: this engineer was told of this ticket on this channel."""
    if kind is Kind.TEST:
        return Decision(Action.SEND)
    if stale := _stale(kind, subject, contact.engineer, told_before):
        return Decision(Action.DROP, stale)
    if (window := covering(windows, subject, now)) is not None:
        return Decision(Action.HOLD, f"maintenance {window.number}", window.ends_at)
    if not urgent and (until := quiet_until(contact.quiet_hours, contact.time_zone, now)) is not None:
        return Decision(Action.HOLD, f"quiet hours of {contact.engineer}", until)
    if not urgent and subject.severity != CRITICAL and kind in IN_DIGEST and contact.digest_at is not None:
        due = next_time(contact.digest_at, contact.time_zone, created_at)
        return Decision(Action.DIGEST) if due <= now else Decision(Action.HOLD, "the digest", due)
    return Decision(Action.SEND)


def covering(windows: Iterable[Window], subject: Subject, now: float) -> Window | None:
    """Of the windows that cover the device now, the one that ends last."""
    found = [window for window in windows if is_open(window, now) and _covers(window, subject)]
    return max(found, key=lambda window: window.ends_at, default=None)


def is_open(window: Window, now: float) -> bool:
    return window.starts_at <= now < window.ends_at and window.ended_at is None


def _covers(window: Window, subject: Subject) -> bool:
    pairs = (
        (window.customer, subject.customer),
        (window.site, subject.site),
        (window.device, subject.device),
    )
    return all(wanted in ("", found) for wanted, found in pairs)


def _stale(kind: Kind, subject: Subject, engineer: str, told_before: bool) -> str | None:
    if subject.ended and kind in ENDS_WITH_TICKET:
        return "the ticket ended before it was told"
    if subject.taken and kind in ENDS_WITH_TAKING:
        return "somebody has taken the ticket"
    if kind is Kind.OPENED and subject.taken and subject.owner == engineer:
        return "the engineer has taken the ticket"
    if kind is Kind.RESOLVED and not subject.ended:
        return "the ticket is open again"
    if kind is Kind.RESOLVED and not told_before:
        return "the engineer was not told of this ticket"
    return None
