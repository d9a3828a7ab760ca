"""What the judge found, made into tickets within the desk's transaction: opened, added to, reopened, resolved."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from forewarn_collector.tickets import budget, life, rows, watched, words
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.model import Entry, Evidence, Key, Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.quota import Quota
from forewarn_rules import Change

EVENTS = {"create": "opened", "reopen": "opened", "resolve": "resolved"}


class Findings:
    def __init__(self, announcer: Announcer, quota: Quota, now: Callable[[], float]) -> None:
        self._announcer = announcer
        self._quota = quota
        self._now = now

    def apply(self, db: sa.Connection, change: Change, part: Part, by_hand: bool = False, note: str = "") -> int:
        """What a change of level makes of its ticket; return how many tickets were opened or changed. ``by_hand``: an
        engineer wants the ticket, whatever the budget says."""
        key = Key(part.whose.customer, part.device_serial, part.part_serial, change.fault)
        name = f"{change.kind}:{change.key[1]}"
        number = rows.live_number(db, key)
        if number is None:
            number = rows.live_with_evidence(db, change.key[0], change.rule, name)
        ticket = rows.get(db, number) if number is not None else None
        step, cleared = self._decide(db, key, ticket, change, name)
        held_back = self._quota.held_back(db, change) if step.action == "create" and not by_hand else None
        if held_back is not None:
            watched.put(db, key, change, part, held_back)
            return 0
        watched.remove(db, change)
        if step.action == "nothing":
            return 0
        now = self._now()
        if step.action == "reopen" and cleared is not None:
            number = cleared
            self._reopen(db, number, key, change, step.reason)
        elif number is None:
            number = rows.create(db, key, **words.new_ticket(change, part, now))
            if change.ticket_kind == budget.PREDICTION:
                watched.note_opened(db, number, now)
        self._add_evidence(db, number, change, name, note)
        self._write(db, number, ticket, change, step, now)
        closed = step.action == "resolve" and change.accepted_by
        self._announcer.tell(db, number, "closed" if closed else EVENTS.get(step.action, "updated"), now)
        if step.action in ("create", "reopen"):
            for other, its_part in watched.take(db, key.text()):
                self.apply(db, other, its_part)
        return 1

    def open_what_waits(self, db: sa.Connection) -> int:
        """Open the top of the watch list as far as the budget allows; return how many tickets."""
        opened = 0
        if watched.any_waits(db):
            for key in watched.most_urgent(db, self._quota.room(db)):
                opened += self.open_watched(db, key, by_hand=False)
        return opened

    def open_watched(self, db: sa.Connection, key: str, by_hand: bool) -> int:
        return sum([self.apply(db, change, part, by_hand) for change, part in watched.take(db, key)])

    def _decide(
        self, db: sa.Connection, key: Key, ticket: Ticket | None, change: Change, name: str
    ) -> tuple[life.Step, int | None]:
        """The step, and the ticket that it reopens."""
        evidence = ticket.evidence if ticket else ()
        others = [item.level for item in evidence if (item.rule, item.component) != (change.rule, name)]
        severity = ticket.severity if ticket else "none"
        cleared, known = None, "none"
        if ticket is None:
            cleared = rows.cleared_number(db, key, life.CONDITION_CLEARED, change.at - life.REOPEN_SECONDS)
            known = life.worst(rows.severities_ended_by_hand(db, key, life.NOT_BY_HAND, change.at))
        step = life.on_change(
            ticket is not None, cleared is not None, severity, others, change.before, change.after, change.status, known
        )
        return step, cleared

    def _reopen(self, db: sa.Connection, number: int, key: Key, change: Change, reason: str) -> None:
        columns = {"outcome": None, "resolved_at": None, "waiting_for": ""}
        rows.update(db, number, open_key=key.text(), state=life.OPEN, **columns)
        rows.add_state(db, number, change.at, "forewarn", f"open: {reason}")

    def _add_evidence(self, db: sa.Connection, number: int, change: Change, name: str, note: str) -> None:
        detail = words.of_evidence(change)
        rows.put_evidence(db, number, Evidence(change.rule, name, change.after, change.at, change.text, detail))
        said = f"{change.rule} {change.before} -> {change.after}: {change.text}"
        rows.add_entry(db, number, Entry(change.at, change.accepted_by or "forewarn", "evidence", "customer", said))
        if note:
            rows.add_entry(db, number, Entry(change.at, change.accepted_by, "note", "internal", note))

    def _write(
        self, db: sa.Connection, number: int, ticket: Ticket | None, change: Change, step: life.Step, now: float
    ) -> None:
        """What the step makes of the ticket's own columns."""
        if step.action in ("rise", "reopen"):
            news = {**words.forecast(change), **words.of_ticket(change)}
            rows.update(db, number, severity=change.after, updated_at=now, **news)
        elif step.action == "resolve" and change.accepted_by:
            columns: dict[str, Any] = {"state": life.CLOSED, "closed_at": change.at, "outcome": life.ACCEPTED}
            rows.end(db, number, updated_at=now, **columns)
            rows.add_state(db, number, change.at, change.accepted_by, f"closed, {life.ACCEPTED}")
        elif step.action == "resolve":
            columns = {"state": life.RESOLVED, "resolved_at": change.at, "outcome": life.CONDITION_CLEARED}
            rows.end(db, number, updated_at=now, **columns)
            rows.add_state(db, number, change.at, "forewarn", f"resolved: {step.reason}")
        else:
            likely, told = words.forecast(change), ticket.probability if ticket else None
            likelier = step.action == "add" and life.is_likelier(likely["probability"], told)
            rows.update(db, number, updated_at=now, **(likely if likelier else {}))
