"""What is asked about tickets beside working on them: explained, opened by hand, rated, counted."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from forewarn_collector.language.explanation import Explanation, explain
from forewarn_collector.store.state import reading
from forewarn_collector.tickets import reported, rows
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.quality import QualityReport, month_of, report
from forewarn_collector.tickets.ratings import Ratings
from forewarn_collector.tickets.reported import Report
from forewarn_collector.tickets.served import served
from forewarn_rules import Rule


class Service:
    """``language_of``: a customer's; ``part_of``: the device's place, whose it is and its serial number."""

    def __init__(
        self,
        engine: sa.Engine,
        desk: Desk,
        rules: Callable[[], Mapping[str, Rule]],
        language_of: Callable[[str], str],
        part_of: Callable[[str], Part],
        now: Callable[[], float],
        rating_seconds: float,
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._desk = desk
        self._rules = rules
        self.language_of = language_of
        self._part_of = part_of
        self._now = now
        self.ratings = Ratings(engine, desk.announcer, now, rating_seconds)

    def explanation(self, number: int, language: str | None = None) -> Explanation:
        """In the customer's language unless another one is asked for. Raise NoTicket."""
        ticket = self._desk.ticket(number)
        return explain(ticket, self._rules(), language or self.language_of(ticket.customer))

    def open(self, device: str, report: Report, actor: str) -> Ticket:
        """Open a ticket that no rule found; one that is open for the same fault gets a note instead."""
        with self._engine.begin() as db:
            number, _ = reported.open_ticket(
                db, self._desk.announcer, self._part_of(device), report, actor, self._now()
            )
            ticket = rows.existing(db, number)
        self._desk.wake_push()
        return ticket

    def quality(self, month: str, zone: str) -> QualityReport:
        """Raise ValueError for a month or a zone that is none."""
        _, until = month_of(month, zone)
        with self._reading.connect() as db:
            found = served(db, until)
        return report(found, month, zone)
