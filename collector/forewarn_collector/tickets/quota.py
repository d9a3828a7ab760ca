"""What of the ticket budget is used, asked of the database; what follows from it is decided in ``budget``."""

from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.tickets import budget, watched
from forewarn_collector.tickets.model import Allowance
from forewarn_rules import Change


class Quota:
    """``allowed``: how many predictive tickets may be opened within a month; None: as many as come."""

    def __init__(self, now: Callable[[], float], allowed: Callable[[], int | None]) -> None:
        self._now = now
        self._allowed = allowed

    def held_back(self, db: sa.Connection, change: Change) -> str | None:
        """Why this is no ticket now; None when it is one."""
        used = len(watched.opened_within_month(db, self._now()))
        probability = change.forecast.probability if change.forecast else None
        decision = budget.decide(change.ticket_kind, change.after, probability, used, self._allowed())
        return None if decision.open else decision.reason

    def room(self, db: sa.Connection) -> int | None:
        """How many more may be opened now; None: as many as come."""
        allowed = self._allowed()
        return None if allowed is None else max(0, allowed - len(watched.opened_within_month(db, self._now())))

    def allowance(self, db: sa.Connection, waiting: int) -> Allowance:
        allowed = self._allowed()
        opened = watched.opened_within_month(db, self._now())
        free_at = budget.next_free(opened, allowed)
        return Allowance(allowed=allowed, used=len(opened), next_free_at=free_at, waiting=waiting)
