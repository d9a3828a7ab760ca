"""The ticket desk: turns changes of level into tickets, and engineers' words into states.

Every method is one transaction that writes the ticket, its timeline and the deliveries to come; sending them is
another loop (``push``).
"""

import json
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from forewarn_collector.store.state import component, meta, reading, verdict
from forewarn_collector.tickets import budget, life, outcomes, rows, watched
from forewarn_collector.tickets.model import (
    Acceptance,
    Allowance,
    Entry,
    Evidence,
    Key,
    Recorded,
    Subject,
    Ticket,
    WatchList,
)
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change

JUDGED = "judged_position"


class Desk:
    """``destinations``: names of everyone who is told. ``now``: receipt clock. ``allowed``: how many predictive
    tickets may be opened within a month; None: as many as come."""

    def __init__(
        self,
        engine: sa.Engine,
        destinations: Sequence[str],
        now: Callable[[], float],
        allowed: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._destinations = tuple(destinations)
        self._now = now
        self._allowed = allowed
        self.wake_push: Callable[[], None] = lambda: None

    # The judge's side

    def judged_position(self) -> int:
        return int(self.kept(JUDGED) or 0)

    def kept(self, key: str) -> str | None:
        """What the judge wanted kept under this name."""
        with self._reading.connect() as db:
            value: str | None = db.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
        return value

    def keep(self, key: str, value: str) -> None:
        with self._engine.begin() as db:
            _put_meta(db, key, value)

    def snapshots(self) -> list[tuple[str, tuple[str, str], bytes]]:
        with self._reading.connect() as db:
            return [(kind, (device, part), data) for kind, device, part, data in db.execute(sa.select(component))]

    def record(
        self,
        position: int | None,
        changes: Iterable[tuple[Change, Part]],
        snapshots: Iterable[tuple[str, tuple[str, str], bytes | None]],
        accepted: Acceptance | None = None,
    ) -> int:
        """Write what a step of the judge found; return how many tickets were opened or changed."""
        touched = 0
        with self._engine.begin() as db:
            for change, part in changes:
                self._write_verdict(db, change)
                touched += self._apply(db, change, part, note=accepted.note if accepted else "")
            touched += self._open_what_waits(db)
            for kind, (device, name), data in snapshots:
                _put_snapshot(db, kind, device, name, data)
            if accepted is not None:
                rows.add_acceptance(db, accepted)
            if position is not None:
                _put_meta(db, JUDGED, str(position))
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

    def replaced(self, part: Part, at: float, text: str) -> int:
        """Another part sits in its place: end the tickets about it; return how many. ``text``: how that is known."""
        now = self._now()
        with self._engine.begin() as db:
            numbers = rows.live_about(db, part.device, part.part_serial)
            watched.remove_part(db, part.device, part.part_serial)
            for number in numbers:
                ticket = self._get(db, number)
                outcome = life.outcome_of_replacement(ticket.fault, [(e.component, e.level) for e in ticket.evidence])
                rows.end(db, number, state=life.RESOLVED, resolved_at=at, updated_at=now, outcome=outcome)
                self._note_state(db, number, at, "forewarn", f"resolved, {outcome}: {text}")
                self._announce(db, number, "resolved", now)
            for number in rows.live_about(db, part.device, ""):
                self._evidence_is_gone(db, number, part.part_serial, at, text)
        self.wake_push()
        return len(numbers)

    def _evidence_is_gone(self, db: sa.Connection, number: int, part: str, at: float, text: str) -> None:
        """What a ticket about the device rests on is calm as far as a part shows it that is no longer there."""
        evidence = self._get(db, number).evidence
        gone = [e for e in evidence if e.component.partition(":")[2] == part and e.level in life.TICKET_LEVELS]
        if not gone:
            return
        for item in gone:
            rows.put_evidence(db, number, msgspec.structs.replace(item, level="none", at=at, text=text))
            rows.add_entry(db, number, Entry(at, "forewarn", "evidence", "customer", f"{item.rule} is over: {text}"))
        now = self._now()
        if life.worst(item.level for item in evidence if item not in gone) in life.TICKET_LEVELS:
            rows.update(db, number, updated_at=now)
            self._announce(db, number, "updated", now)
            return
        rows.end(db, number, state=life.RESOLVED, resolved_at=at, updated_at=now, outcome=life.CONDITION_CLEARED)
        self._note_state(db, number, at, "forewarn", f"resolved: {text}")
        self._announce(db, number, "resolved", now)

    def _write_verdict(self, db: sa.Connection, change: Change) -> None:
        db.execute(
            verdict.insert().values(
                at=change.at,
                kind=change.kind,
                device=change.key[0],
                part=change.key[1],
                rule=change.rule,
                before=change.before,
                after=change.after,
                text=change.text,
                detail=json.dumps({"values": _plain(change.values)}),
            )
        )

    def _apply(self, db: sa.Connection, change: Change, part: Part, by_hand: bool = False, note: str = "") -> int:
        """``by_hand``: an engineer wants the ticket, whatever the budget says."""
        key = Key(part.whose.customer, part.device_serial, part.part_serial, change.fault)
        name = f"{change.kind}:{change.key[1]}"
        number = rows.live_number(db, key)
        if number is None:
            number = rows.live_with_evidence(db, change.key[0], change.rule, name)
        ticket = rows.get(db, number) if number is not None else None
        others = [
            item.level
            for item in (ticket.evidence if ticket else ())
            if (item.rule, item.component) != (change.rule, name)
        ]
        severity = ticket.severity if ticket else "none"
        cleared, known = None, "none"
        if ticket is None:
            cleared = rows.cleared_number(db, key, life.CONDITION_CLEARED, change.at - life.REOPEN_SECONDS)
            known = life.worst(rows.severities_ended_by_hand(db, key, life.NOT_BY_HAND, change.at))
        step = life.on_change(
            ticket is not None, cleared is not None, severity, others, change.before, change.after, change.status, known
        )
        now = self._now()
        held_back = None if step.action != "create" or by_hand else self._held_back(db, change, now)
        if held_back is not None:
            watched.put(db, key, change, part, held_back)
            return 0
        watched.remove(db, change)
        if step.action == "nothing":
            return 0
        if step.action == "reopen" and cleared is not None:
            number = cleared
            self._reopen(db, number, key, change, step.reason)
        elif number is None:
            number = rows.create(db, key, **_new_ticket(change, part, now))
            if change.ticket_kind == budget.PREDICTION:
                watched.note_opened(db, number, now)
        detail = {"values": _plain(change.values), "title": change.title, **_explanation(change)}
        rows.put_evidence(db, number, Evidence(change.rule, name, change.after, change.at, change.text, detail))
        said = f"{change.rule} {change.before} -> {change.after}: {change.text}"
        rows.add_entry(db, number, Entry(change.at, change.accepted_by or "forewarn", "evidence", "customer", said))
        if note:
            rows.add_entry(db, number, Entry(change.at, change.accepted_by, "note", "internal", note))
        event = {"create": "opened", "reopen": "opened", "resolve": "resolved"}.get(step.action, "updated")
        if step.action in ("rise", "reopen"):
            rows.update(db, number, severity=change.after, updated_at=now, **_forecast(change), **_words(change))
        elif step.action == "resolve" and change.accepted_by:
            columns = {"state": life.CLOSED, "closed_at": change.at, "outcome": life.ACCEPTED}
            rows.end(db, number, updated_at=now, **columns)
            self._note_state(db, number, change.at, change.accepted_by, f"closed, {life.ACCEPTED}")
            event = "closed"
        elif step.action == "resolve":
            rows.end(
                db, number, state=life.RESOLVED, resolved_at=change.at, updated_at=now, outcome=life.CONDITION_CLEARED
            )
            self._note_state(db, number, change.at, "forewarn", f"resolved: {step.reason}")
        else:
            news, told = _forecast(change), ticket.probability if ticket else None
            likelier = step.action == "add" and life.is_likelier(news["probability"], told)
            rows.update(db, number, updated_at=now, **(news if likelier else {}))
        self._announce(db, number, event, now)
        if step.action in ("create", "reopen"):
            for other, its_part in watched.take(db, key.text()):
                self._apply(db, other, its_part)
        return 1

    def _held_back(self, db: sa.Connection, change: Change, now: float) -> str | None:
        """Why this is no ticket now; None when it is one."""
        used = len(watched.opened_within_month(db, now))
        probability = change.forecast.probability if change.forecast else None
        decision = budget.decide(change.ticket_kind, change.after, probability, used, self._allowed())
        return None if decision.open else decision.reason

    def _open_what_waits(self, db: sa.Connection) -> int:
        """Open the top of the watch list as far as the budget allows; return how many tickets."""
        opened = 0
        if watched.any_waits(db):
            for key in watched.most_urgent(db, self._room(db)):
                opened += self._open_watched(db, key, by_hand=False)
        return opened

    def _room(self, db: sa.Connection) -> int | None:
        allowed = self._allowed()
        return None if allowed is None else max(0, allowed - len(watched.opened_within_month(db, self._now())))

    def _open_watched(self, db: sa.Connection, key: str, by_hand: bool) -> int:
        return sum([self._apply(db, change, part, by_hand) for change, part in watched.take(db, key)])

    def _reopen(self, db: sa.Connection, number: int, key: Key, change: Change, reason: str) -> None:
        columns = {"outcome": None, "resolved_at": None, "waiting_for": ""}
        rows.update(db, number, open_key=key.text(), state=life.OPEN, **columns)
        self._note_state(db, number, change.at, "forewarn", f"open: {reason}")

    # The engineer's side

    def act(
        self,
        number: int,
        action: str,
        actor: str,
        *,
        outcome: str | None = None,
        text: str = "",
        waiting_for: str = "",
        visibility: str = "internal",
    ) -> Ticket:
        """Acknowledge, start, wait, resolve or close. Raise TicketError when that does not fit."""
        now = self._now()
        with self._engine.begin() as db:
            ticket = self._get(db, number)
            state = life.next_state(ticket.state, action, outcome)
            waiting_for = waiting_for if state == life.WAITING else ""
            columns: dict[str, Any] = {"state": state, "updated_at": now, "waiting_for": waiting_for}
            if action in ("acknowledge", "start") and not ticket.owner:
                columns["owner"] = actor
            if ticket.acknowledged_at is None:
                columns["acknowledged_at"] = now
            if state in life.ENDED:
                columns["resolved_at" if action == "resolve" else "closed_at"] = now
                if outcome:
                    columns["outcome"] = outcome
                rows.end(db, number, **columns)
            else:
                rows.update(db, number, **columns)
            said = state + (f" for {waiting_for}" if waiting_for else "") + (f", {outcome}" if outcome else "")
            self._note_state(db, number, now, actor, said)
            if text:
                rows.add_entry(db, number, Entry(now, actor, "note", visibility, text))
            self._announce(db, number, {"resolve": "resolved", "close": "closed"}.get(action, "updated"), now)
            ticket = self._get(db, number)
        self.wake_push()
        return ticket

    def note(self, number: int, actor: str, text: str, visibility: str = "internal") -> Ticket:
        now = self._now()
        with self._engine.begin() as db:
            self._get(db, number)
            rows.add_entry(db, number, Entry(now, actor, "note", visibility, text))
            rows.update(db, number, updated_at=now)
            self._announce(db, number, "updated", now)
            ticket = self._get(db, number)
        self.wake_push()
        return ticket

    def open_watched(self, number: int, actor: str, text: str = "") -> Ticket:
        """Make a ticket of what waits on the watch list. Raise NoTicket when nothing of this number waits."""
        with self._engine.begin() as db:
            key = watched.key_of(db, number)
            if key is None:
                raise life.NoTicket(f"nothing on the watch list has the number {number}")
            self._open_watched(db, key, by_hand=True)
            found = rows.number_of(db, key)
            if found is None:
                raise life.TicketError(f"number {number} of the watch list is not for a ticket any more")
            rows.add_entry(
                db, found, Entry(self._now(), actor, "note", "internal", text or "opened from the watch list")
            )
            ticket = self._get(db, found)
        self.wake_push()
        return ticket

    def watch_list(self) -> WatchList:
        with self._reading.connect() as db:
            items = watched.listing(db)
            return WatchList(budget=self._budget(db, len(items)), items=items)

    def budget(self) -> Allowance:
        return self.watch_list().budget

    def _budget(self, db: sa.Connection, waiting: int) -> Allowance:
        now, allowed = self._now(), self._allowed()
        opened = watched.opened_within_month(db, now)
        free_at = budget.next_free(opened, allowed)
        return Allowance(allowed=allowed, used=len(opened), next_free_at=free_at, waiting=waiting)

    def ticket(self, number: int) -> Ticket:
        with self._reading.connect() as db:
            return self._get(db, number)

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

    def _get(self, db: sa.Connection, number: int) -> Ticket:
        ticket = rows.get(db, number)
        if ticket is None:
            raise life.no_such_ticket(number)
        return ticket

    def _note_state(self, db: sa.Connection, number: int, at: float, actor: str, said: str) -> None:
        rows.add_entry(db, number, Entry(at, actor, "state", "customer", said))

    def _announce(self, db: sa.Connection, number: int, event: str, now: float) -> None:
        """One event for every destination. Its id is like no other, also not of another or a later collector."""
        if self._destinations:
            body = msgspec.json.encode(self._get(db, number)).decode()
            rows.add_deliveries(db, self._destinations, number, event, str(uuid.uuid4()), body, now)


def _plain(values: dict[str, float | None]) -> dict[str, float | str | None]:
    """JSON has no infinity: a forecast that never comes is said in words."""
    return {name: "not approaching" if value is not None and math.isinf(value) else value
            for name, value in values.items()}  # fmt: skip


def _explanation(change: Change) -> dict[str, Any]:
    return {"why": change.why, "do": list(change.do), "calm_when": list(change.calm_when)}


def _words(change: Change) -> dict[str, Any]:
    return {"title": change.title, "explanation": {"what": change.text, **_explanation(change)}}


def _forecast(change: Change) -> dict[str, float | None]:
    forecast = change.forecast
    return {
        "probability": forecast.probability if forecast else None,
        "within_seconds": forecast.within_seconds if forecast else None,
    }


def _new_ticket(change: Change, part: Part, now: float) -> dict[str, Any]:
    return {
        "device": part.device,
        "site": part.whose.site,
        "engineer": part.whose.engineer,
        "queue": change.queue,
        "state": life.OPEN,
        "severity": change.after,
        "opened_at": change.at,
        "recorded_at": now,
        "updated_at": now,
        "owner": "",
        "waiting_for": "",
        **_words(change),
        **_forecast(change),
    }


def _put_meta(db: sa.Connection, key: str, value: str) -> None:
    if db.execute(meta.update().where(meta.c.key == key).values(value=value)).rowcount == 0:
        db.execute(meta.insert().values(key=key, value=value))


def _put_snapshot(db: sa.Connection, kind: str, device: str, part: str, data: bytes | None) -> None:
    same = sa.and_(component.c.kind == kind, component.c.device == device, component.c.part == part)
    if data is None:
        db.execute(component.delete().where(same))
    elif db.execute(component.update().where(same).values(snapshot=data)).rowcount == 0:
        db.execute(component.insert().values(kind=kind, device=device, part=part, snapshot=data))
