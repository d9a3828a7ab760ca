"""Clocks of tickets as they stand now: their noted histories against what the directory promises."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from forewarn_collector.people.clocks import Clock, clocks
from forewarn_collector.people.history import histories
from forewarn_collector.people.register import Register
from forewarn_collector.store.state import reading
from forewarn_collector.tickets.model import Ticket


class ServiceLevels:
    def __init__(self, engine: sa.Engine, register: Register, now: Callable[[], float]) -> None:
        self._reading = reading(engine)
        self._register = register
        self._now = now

    def clocks_of(self, tickets: Sequence[Ticket]) -> dict[int, list[Clock]]:
        """By number; a ticket for which nothing is promised has none."""
        people, now = self._register.people, self._now()
        promised = [one for one in tickets if people.targets(one.customer, one.site)]
        with self._reading.connect() as db:
            known = histories(db, promised)
        return {one.number: clocks(known[one.number], people.targets(one.customer, one.site), now) for one in promised}
