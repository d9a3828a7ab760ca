"""What the judge found, made into tickets within the desk's transaction: opened, added to, reopened, resolved."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from forewarn_collector.tickets import (
    actions,
    belonging,
    budget,
    components,
    folding,
    life,
    rows,
    story,
    watched,
    words,
)
from forewarn_collector.tickets.again import Again, Terms, again
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.belonging import Heard, NewSite
from forewarn_collector.tickets.model import SITE, Entry, Evidence, Key, Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.quota import Quota
from forewarn_collector.tickets.roots import Root
from forewarn_rules import Change

EVENTS = {"create": "opened", "reopen": "opened", "resolve": "resolved"}


class Findings:
    """``heard``: when the devices of a site were last heard."""

    def __init__(
        self, announcer: Announcer, quota: Quota, now: Callable[[], float], terms: Terms, heard: Heard
    ) -> None:
        self._announcer = announcer
        self._quota = quota
        self._now = now
        self._terms = terms
        self._heard = heard

    def apply(self, db: sa.Connection, change: Change, part: Part, by_hand: bool = False, note: str = "") -> int:
        """What a change of level makes of its ticket; return how many tickets were opened or changed. ``by_hand``: an
        engineer wants the ticket, whatever the budget says."""
        key = Key(part.whose.customer, part.device_serial, part.part_serial, change.fault)
        number = rows.live_with_evidence(db, change.key[0], change.rule, f"{change.kind}:{change.key[1]}")
        if number is None:
            number = rows.live_number(db, key)
        ticket = rows.get(db, number) if number is not None else None
        step, past = self._decide(db, key, ticket, change)
        place = belonging.place(db, change, part, self._heard) if step.action == "create" else None
        site = place if isinstance(place, NewSite) else None
        if site is not None:
            key, past = site.key, self._past(db, site.key, change.at)
            step = step if past.reopens is None else life.Step("reopen", "the site is offline again")
        elif isinstance(place, Root):
            ticket = rows.existing(db, place.number)
            step = life.Step("lead" if place.leads else "join", place.reason)
        held_back = self._quota.held_back(db, change) if step.action == "create" and not by_hand else None
        if held_back is not None:
            watched.put(db, key, change, part, held_back)
            return 0
        watched.remove(db, change)
        if step.action == "nothing":
            return 0
        now = self._now()
        if ticket is None:
            ticket = self._begin(db, key, change, part, step, past, site, now)
        self._write(db, ticket, change, step, now, note)
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

    def tell_what_was_kept(self, db: sa.Connection) -> int:
        """The day's note of each ticket whose day is over; return how many."""
        now = self._now()
        due = folding.due(db, now)
        for number in due:
            folding.tell(db, number, now)
            rows.update(db, number, updated_at=now)
            self._announcer.tell(db, number, "updated", now)
        return len(due)

    def _decide(self, db: sa.Connection, key: Key, ticket: Ticket | None, change: Change) -> tuple[life.Step, Again]:
        """The step, and what it has to do with an ended ticket of the key."""
        mine = (change.rule, components.write(change, ticket.device)) if ticket else None
        others = [item.level for item in ticket.evidence if (item.rule, item.component) != mine] if ticket else []
        severity = ticket.severity if ticket else "none"
        past, known = Again(), "none"
        if ticket is None:
            past = self._past(db, key, change.at)
            known = life.worst(rows.severities_ended_by_hand(db, key, life.NOT_BY_HAND, change.at))
        recent = past.reopens is not None
        step = life.on_change(
            ticket is not None, recent, severity, others, change.before, change.after, change.status, known
        )
        return step, past

    def _past(self, db: sa.Connection, key: Key, at: float) -> Again:
        return again(story.past(db, key, at - self._terms.within_seconds), at, self._terms)

    def _begin(
        self,
        db: sa.Connection,
        key: Key,
        change: Change,
        part: Part,
        step: life.Step,
        past: Again,
        site: NewSite | None,
        now: float,
    ) -> Ticket:
        """The ticket of the fault, opened or opened again."""
        if step.action == "reopen" and past.reopens is not None:
            actions.reopen(db, rows.existing(db, past.reopens), change.at)
            rows.add_state(db, past.reopens, change.at, "forewarn", f"open: {step.reason}")
            if site is not None:
                rows.update(db, past.reopens, **site.words)
            return rows.existing(db, past.reopens)
        number = rows.create(db, key, **words.new_ticket(change, part, now) | (site.words if site else {}))
        if past.follows is not None:
            story.add_link(db, number, past.follows, change.at)
            rows.add_state(
                db, number, change.at, "forewarn", f"open: the same fault as in ticket {past.follows}, again"
            )
        if change.ticket_kind == budget.PREDICTION:
            watched.note_opened(db, number, now)
        return rows.existing(db, number)

    def _write(self, db: sa.Connection, ticket: Ticket, change: Change, step: life.Step, now: float, note: str) -> None:
        number, name = ticket.number, components.write(change, ticket.device)
        detail = words.of_evidence(change)
        rows.put_evidence(db, number, Evidence(change.rule, name, change.after, change.at, change.text, detail))
        said = f"{change.rule} {change.before} -> {change.after}: {change.text}"
        if step.action in ("join", "lead"):
            said += f" It belongs here because {step.reason}."
        entry = Entry(change.at, change.accepted_by or "forewarn", "evidence", "customer", said)
        rises = life.LEVELS.index(change.after) > life.LEVELS.index(ticket.severity)
        noted = folding.add(db, number, "rise" if rises else step.action, entry, bool(change.accepted_by), now)
        if note:
            rows.add_entry(db, number, Entry(change.at, change.accepted_by, "note", "internal", note))
        rows.update(db, number, updated_at=now, **_columns(ticket, change, step))
        if step.action == "resolve":
            self._resolve(db, number, change, step)
        if noted:
            closed = step.action == "resolve" and change.accepted_by
            self._announcer.tell(db, number, "closed" if closed else EVENTS.get(step.action, "updated"), now)

    def _resolve(self, db: sa.Connection, number: int, change: Change, step: life.Step) -> None:
        if change.accepted_by:
            rows.end(db, number, state=life.CLOSED, closed_at=change.at, outcome=life.ACCEPTED)
            rows.add_state(db, number, change.at, change.accepted_by, f"closed, {life.ACCEPTED}")
            return
        rows.end(db, number, state=life.RESOLVED, resolved_at=change.at, outcome=life.CONDITION_CLEARED)
        rows.add_state(db, number, change.at, "forewarn", f"resolved: {step.reason}")


def _columns(ticket: Ticket, change: Change, step: life.Step) -> dict[str, Any]:
    """What a step makes of severity, words and forecast."""
    own = {**words.forecast(change), **words.of_ticket(change)}
    # What a member says for itself does not speak for all that share its cause.
    of_site = ticket.device_serial.startswith(SITE)
    alone = not of_site and (not ticket.members or change.fault == ticket.fault)
    if step.action == "reopen":
        return {"severity": change.after} | ({} if of_site else own)
    if step.action == "rise" and alone:
        return {"severity": change.after} | own
    if step.action in ("join", "lead", "rise"):
        worst = {"severity": life.worst((ticket.severity, change.after))}
        return worst | (words.of_ticket(change) if step.action == "lead" else {})
    likely = words.forecast(change)
    if step.action == "add" and life.is_likelier(likely["probability"], ticket.probability):
        return likely
    return {}
