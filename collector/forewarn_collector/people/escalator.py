"""The loop that tells engineers of open tickets: what is planned and due becomes rows, in one transaction a ticket."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from forewarn_collector.people import history, rows
from forewarn_collector.people.duty import StandIn
from forewarn_collector.people.escalation import Reason, Situation, Telling, plan
from forewarn_collector.people.lookup import People
from forewarn_collector.people.register import Register
from forewarn_collector.store.state import reading
from forewarn_collector.tickets import life
from forewarn_collector.tickets import rows as ticket_rows
from forewarn_collector.tickets.model import Entry, Ticket

log = logging.getLogger(__name__)

ACTOR = "forewarn"
AT_MOST = 100_000


class Tell(Protocol):
    """Writes down that an engineer is to be told, in the transaction."""

    def __call__(
        self, db: sa.Connection, ticket: Ticket, engineer: str, reason: Reason, urgent: bool, text: str
    ) -> object: ...


class _Looked(NamedTuple):
    """When a ticket was looked at: it is left alone while nothing changed and nothing is due."""

    updated_at: float
    next_at: float | None


class Escalator:
    """``wake`` is called after something was written for the phones."""

    def __init__(self, engine: sa.Engine, register: Register, tell: Tell, now: Callable[[], float]) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._engine = engine
        self._reading = reading(engine)
        self._register = register
        self._tell = tell
        self._now = now
        self._looked: dict[int, _Looked] = {}
        self._looked_with: tuple[People, Sequence[StandIn]] | None = None

    def step(self) -> int:
        """Take every step that is due; return how many."""
        people, stand_ins, now = self._register.people, self._register.stand_ins(), self._now()
        if self._looked_with != (people, stand_ins):
            self._looked, self._looked_with = {}, (people, stand_ins)
        with self._reading.connect() as db:
            live = rows.live_tickets(db)
            worth = {number for number, updated_at in live.items() if self._worth_a_look(number, updated_at, now)}
            # Most turns find nothing, and tickets are not read for that.
            tickets = ticket_rows.find(db, states=life.LIVE, limit=AT_MOST) if worth else []
            looked_at = [ticket for ticket in tickets if ticket.number in worth]
            histories = history.histories(db, looked_at)
            done = rows.steps_taken(db, sorted(worth))
        self._looked = {number: looked for number, looked in self._looked.items() if number in live}
        taken = 0
        for ticket in looked_at:
            taken_before = done.get(ticket.number, {})
            planned = plan(Situation(ticket, histories[ticket.number], people, stand_ins, taken_before, now))
            for telling in planned.now:
                taken += self._take(ticket, telling, now)
            self._looked[ticket.number] = _Looked(ticket.updated_at, planned.next_at)
        if taken:
            self.wake()
        return taken

    def _worth_a_look(self, number: int, updated_at: float, now: float) -> bool:
        looked = self._looked.get(number)
        if looked is None or looked.updated_at != updated_at:
            return True
        return looked.next_at is not None and looked.next_at <= now

    def _take(self, ticket: Ticket, telling: Telling, now: float) -> bool:
        """False when somebody took the ticket in the meantime: then it is planned anew."""
        with self._engine.begin() as db:
            current = ticket_rows.existing(db, ticket.number)
            if current.updated_at != ticket.updated_at:
                return False
            rows.add_step(db, ticket.number, telling.since, telling.step, now, ", ".join(telling.engineers))
            if telling.late:
                return False
            urgent = current.severity == "critical"
            for engineer in telling.engineers:
                self._tell(db, current, engineer, telling.reason, urgent, telling.text)
            said = f"told {', '.join(telling.engineers)}" if telling.engineers else "nobody is known to be told"
            ticket_rows.add_entry(db, ticket.number, Entry(now, ACTOR, "notify", "internal", f"{said}: {telling.text}"))
        return True
