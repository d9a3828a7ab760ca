"""What a replay showed: which drives that failed had a ticket in time, and which that did not had one too. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from forewarn_collector.replay.histories import Choice
from forewarn_collector.replay.virtual import device_name
from forewarn_collector.tickets.model import Ticket

PREDICTS_FAILURE = "disk-failure"


class Result(msgspec.Struct, kw_only=True):
    """``failing_with_ticket``: a disk-failure ticket was opened at least a day before the day of failure.

    ``lead_days``: for these, whole days between the ticket and the failure, ascending. ``tickets``: of every fault
    class.
    """

    drives: int
    sent: int
    acknowledged: int
    refused: int
    stored: int
    seconds: float
    reports_per_second: float
    tickets: int
    failing: int
    failing_with_ticket: int
    healthy: int
    healthy_with_ticket: int
    lead_days: list[int]


def leads(choice: Choice, tickets: Iterable[Ticket]) -> dict[str, int]:
    """Serial number -> days between a failing drive's first disk-failure ticket and its failure (may be 0)."""
    first: dict[str, float] = {}
    for ticket in tickets:
        if ticket.fault == PREDICTS_FAILURE:
            first[ticket.device] = min(ticket.opened_at, first.get(ticket.device, ticket.opened_at))
    found = {}
    for serial, died in choice.failed.items():
        opened = first.get(device_name(serial))
        if opened is not None:
            found[serial] = (died - datetime.fromtimestamp(opened, UTC).date()).days
    return found


def score(
    choice: Choice,
    tickets: Sequence[Ticket],
    *,
    sent: int,
    acknowledged: int,
    refused: int,
    stored: int,
    seconds: float,
) -> Result:
    ahead = sorted(days for days in leads(choice, tickets).values() if days >= 1)
    warned = {ticket.device for ticket in tickets if ticket.fault == PREDICTS_FAILURE}
    devices = {device_name(serial) for serial in choice.serials}
    return Result(
        drives=len(choice.serials),
        sent=sent,
        acknowledged=acknowledged,
        refused=refused,
        stored=stored,
        seconds=round(seconds, 3),
        reports_per_second=round(sent / seconds, 1) if seconds else 0.0,
        tickets=sum(1 for ticket in tickets if ticket.device in devices),
        failing=len(choice.failed),
        failing_with_ticket=len(ahead),
        healthy=len(choice.healthy),
        healthy_with_ticket=sum(1 for serial in choice.healthy if device_name(serial) in warned),
        lead_days=ahead,
    )
