"""The ticket budget over a history, day by day, as the desk applies it live. Pure."""

from collections import deque
from collections.abc import Sequence

from msgspec import structs

from forewarn_collector.backtest.history import DAY
from forewarn_collector.backtest.tickets import Ticket
from forewarn_collector.tickets.budget import MONTH_SECONDS, PREDICTION, decide, urgency

_MONTH_DAYS = MONTH_SECONDS / DAY


def within_budget(tickets: Sequence[Ticket], allowed: int | None, last: int) -> list[Ticket]:
    """The tickets that open, each on the day on which there is room for it; what waits does so by its rank, and leaves
    when it clears. ``allowed``: predictive tickets within a month, None: all; ``last``: the last day."""
    if allowed is None:
        return list(tickets)
    by_day: dict[int, list[Ticket]] = {}
    for ticket in tickets:
        by_day.setdefault(ticket.opened, []).append(ticket)
    waiting: list[Ticket] = []
    used: deque[int] = deque()
    found: list[Ticket] = []
    for day in range(min(by_day, default=last), last + 1):
        while used and used[0] <= day - _MONTH_DAYS:
            used.popleft()
        waiting = [ticket for ticket in waiting if ticket.closed is None or ticket.closed > day]
        waiting += by_day.get(day, ())
        left: list[Ticket] = []
        for ticket in sorted(waiting, key=_rank):
            if decide(ticket.kind, ticket.level, ticket.probability, len(used), allowed).open:
                found.append(structs.replace(ticket, opened=day))
                if ticket.kind == PREDICTION:
                    used.append(day)
            else:
                left.append(ticket)
        waiting = left
    return found


def _rank(ticket: Ticket) -> tuple[float, int, float]:
    return urgency(ticket.probability, ticket.level, ticket.opened)
