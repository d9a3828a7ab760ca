"""The ticket desk: turns changes of level into tickets, and engineers' words into states.

Every method is one transaction that writes the ticket, its timeline and the deliveries to come; sending them is
another loop (``push``). What a change makes of a ticket is in ``findings`` and ``replacement``, what a person does in
``actions``; everybody who is told of it hears it from ``announcer``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

import sqlalchemy as sa

from forewarn_collector.store.state import reading
from forewarn_collector.tickets import actions, keeping, life, outcomes, replacement, rows, watched
from forewarn_collector.tickets.again import Terms
from forewarn_collector.tickets.announce import Announcer, to_destinations
from forewarn_collector.tickets.belonging import Heard
from forewarn_collector.tickets.docket import EVERYTHING, Docket
from forewarn_collector.tickets.findings import Findings
from forewarn_collector.tickets.model import Acceptance, Allowance, Entry, Recorded, Subject, Ticket, WatchList
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.quota import Quota
from forewarn_rules import Change

JUDGED = "judged_position"
A_WEEK = Terms()


class Desk:
    """``destinations``: names of everyone who is told. ``now``: receipt clock. ``allowed``: how many predictive
    tickets may be opened within a month; None: as many as come. ``terms``: what a fault that comes back does;
    ``heard``: when the devices of a site were last heard."""

    def __init__(
        self,
        engine: sa.Engine,
        destinations: Sequence[str],
        now: Callable[[], float],
        allowed: Callable[[], int | None] = lambda: None,
        terms: Terms = A_WEEK,
        heard: Heard = lambda _customer, _site: {},
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        self._quota = Quota(now, allowed)
        self.announcer = Announcer([to_destinations(destinations)])
        self._findings = Findings(self.announcer, self._quota, now, terms, heard)
        self.wake_push: Callable[[], None] = lambda: None
        self.on_assigned: Callable[[sa.Connection, Ticket, str], None] = lambda _db, _ticket, _actor: None

    # The judge's side

    def take(self, docket: Docket) -> None:
        """From now on nobody else may record for these devices."""
        with self._engine.begin() as db:
            docket.take(db)

    def judged_position(self, docket: Docket = EVERYTHING) -> int:
        return int(self.kept(docket.word(JUDGED)) or 0)

    def kept(self, key: str) -> str | None:
        """What the judge wanted kept under this name."""
        with self._reading.connect() as db:
            return keeping.value(db, key)

    def keep(self, key: str, value: str) -> None:
        with self._engine.begin() as db:
            keeping.put_value(db, key, value)

    def snapshots(self) -> list[keeping.Snapshot]:
        with self._reading.connect() as db:
            return keeping.snapshots(db)

    def record(
        self,
        position: int | None,
        changes: Iterable[tuple[Change, Part]],
        snapshots: Iterable[tuple[str, tuple[str, str], bytes | None]],
        accepted: Acceptance | None = None,
        docket: Docket = EVERYTHING,
    ) -> int:
        """Write what a step of the judge found; return how many tickets were opened or changed. Raise Overtaken."""
        touched = 0
        with self._engine.begin() as db:
            docket.check(db)
            for change, part in changes:
                rows.add_verdict(db, change)
                touched += self._findings.apply(db, change, part, note=accepted.note if accepted else "")
            touched += self._findings.open_what_waits(db)
            touched += self._findings.tell_what_was_kept(db)
            keeping.put_snapshots(db, snapshots)
            if accepted is not None:
                rows.add_acceptance(db, accepted)
            if position is not None:
                keeping.put_value(db, docket.word(JUDGED), str(position))
        if touched:
            self.wake_push()
        return touched

    def verdicts(self, device: str) -> dict[Subject, list[Recorded]]:
        """Every change of level that was recorded of a device, by rule and component, in the order of their times."""
        with self._reading.connect() as db:
            return rows.verdicts(db, device)

    def acceptances(self, device: str) -> dict[tuple[str, str], Acceptance]:
        """The newest acceptance of each (kind, part) of a device."""
        with self._reading.connect() as db:
            return rows.acceptances(db, device)

    def replaced(self, part: Part, at: float, text: str, docket: Docket = EVERYTHING) -> int:
        """Another part sits in its place: end the tickets about it; return how many. ``text``: how that is known."""
        with self._engine.begin() as db:
            docket.check(db)
            ended = replacement.end_tickets(db, self.announcer, part, at, text, self._now())
        self.wake_push()
        return ended

    # The engineer's side

    def act(self, number: int, action: str, actor: str, **how: Unpack[actions.How]) -> Ticket:
        """Acknowledge, start, wait, resolve or close. Raise TicketError when that does not fit."""
        with self._engine.begin() as db:
            actions.act(db, self.announcer, number, action, actor, self._now(), **how)
            ticket = rows.existing(db, number)
        self.wake_push()
        return ticket

    def note(self, number: int, actor: str, text: str, visibility: str = "internal") -> Ticket:
        with self._engine.begin() as db:
            actions.note(db, self.announcer, number, actor, self._now(), text, visibility)
            ticket = rows.existing(db, number)
        self.wake_push()
        return ticket

    def assign(self, number: int, owner: str, actor: str, text: str = "") -> Ticket:
        """Give it to somebody. Raise TicketError when it has ended."""
        with self._engine.begin() as db:
            actions.assign(db, self.announcer, number, owner, actor, self._now(), text)
            ticket = rows.existing(db, number)
            if owner not in ("", actor):
                self.on_assigned(db, ticket, actor)
        self.wake_push()
        return ticket

    def open_watched(self, number: int, actor: str, text: str = "") -> Ticket:
        """Make a ticket of what waits on the watch list. Raise NoTicket when nothing of this number waits."""
        with self._engine.begin() as db:
            key = watched.key_of(db, number)
            if key is None:
                raise life.NoTicket(f"nothing on the watch list has the number {number}")
            self._findings.open_watched(db, key, by_hand=True)
            found = rows.number_of(db, key)
            if found is None:
                raise life.TicketError(f"number {number} of the watch list is not for a ticket any more")
            rows.add_entry(
                db, found, Entry(self._now(), actor, "note", "internal", text or "opened from the watch list")
            )
            ticket = rows.existing(db, found)
        self.wake_push()
        return ticket

    # For everybody who asks

    def watch_list(self) -> WatchList:
        with self._reading.connect() as db:
            items = watched.listing(db)
            return WatchList(budget=self._quota.allowance(db, len(items)), items=items)

    def budget(self) -> Allowance:
        return self.watch_list().budget

    def ticket(self, number: int) -> Ticket:
        with self._reading.connect() as db:
            return rows.existing(db, number)

    def tickets(self, **wanted: Any) -> list[Ticket]:
        with self._reading.connect() as db:
            return rows.find(db, **wanted)

    def rule_records(self) -> list[outcomes.Record]:
        """What engineers' outcomes say about the rules."""
        with self._reading.connect() as db:
            return outcomes.records(rows.with_outcome(db, (*outcomes.RIGHT, *outcomes.WRONG)))

    def ticket_counts(self) -> dict[str, int]:
        with self._reading.connect() as db:
            return rows.counts(db)

    def live_counts(self) -> dict[str, int]:
        """Live tickets by device."""
        with self._reading.connect() as db:
            return rows.live_counts(db)
