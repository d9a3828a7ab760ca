"""Tickets in the database: the statements, and nothing that decides."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from forewarn_collector.store.state import LAST_NUMBER, acceptance, delivery, evidence, ticket, timeline, verdict
from forewarn_collector.tickets import components, story
from forewarn_collector.tickets.life import LIVE, US, no_such_ticket
from forewarn_collector.tickets.model import Acceptance, Entry, Evidence, Key, Recorded, Subject, Ticket
from forewarn_collector.tickets.outcomes import Ended
from forewarn_collector.tickets.tables import ticket_report
from forewarn_collector.tickets.words import plain
from forewarn_rules import Change, Kind


def live_number(db: sa.Connection, key: Key) -> int | None:
    return number_of(db, key.text())


def number_of(db: sa.Connection, open_key: str) -> int | None:
    number: int | None = db.execute(sa.select(ticket.c.number).where(ticket.c.open_key == open_key)).scalar()
    return number


def live_with_evidence(db: sa.Connection, device: str, rule: str, component: str) -> int | None:
    """The open ticket that rests on this rule. Its key may be an older one (a device changes hands, or its serial
    number is learned late), or that of the root cause, perhaps of another device."""
    here = sa.and_(ticket.c.device == device, evidence.c.component == component)
    elsewhere = evidence.c.component == f"{device}/{component}"
    query = sa.select(ticket.c.number).join(evidence, evidence.c.ticket == ticket.c.number)
    query = query.where(ticket.c.open_key.is_not(None), evidence.c.rule == rule, sa.or_(here, elsewhere))
    number: int | None = db.execute(query.order_by(ticket.c.number.desc()).limit(1)).scalar()
    return number


def live_about(db: sa.Connection, device: str, part_serial: str) -> list[int]:
    """Open tickets about one part of a device, whatever the fault."""
    query = sa.select(ticket.c.number).where(ticket.c.device == device, ticket.c.part_serial == part_serial)
    return list(db.execute(query.where(ticket.c.open_key.is_not(None)).order_by(ticket.c.number)).scalars())


def live_of(db: sa.Connection, device: str) -> list[int]:
    """Open tickets of a device."""
    query = sa.select(ticket.c.number).where(ticket.c.device == device, ticket.c.open_key.is_not(None))
    return list(db.execute(query.order_by(ticket.c.number)).scalars())


def severities_ended_by_hand(db: sa.Connection, key: Key, others: Sequence[str], since: float) -> list[str]:
    """Of the tickets of the key that an engineer ended after ``since``; ``others``: outcomes that do not count."""
    outcome = sa.func.coalesce(ticket.c.outcome, "")
    by_hand = sa.and_(sa.or_(ticket.c.closed_at >= since, ticket.c.resolved_at >= since), outcome.not_in(others))
    query = sa.select(ticket.c.severity).where(*_of(key), ticket.c.open_key.is_(None), by_hand)
    return list(db.execute(query).scalars())


def _of(key: Key) -> list[sa.ColumnElement[bool]]:
    return [getattr(ticket.c, name) == getattr(key, name) for name in Key.__struct_fields__]


def get(db: sa.Connection, number: int) -> Ticket | None:
    """One ticket with its evidence and timeline."""
    if not 0 < number <= LAST_NUMBER:
        return None
    row = db.execute(_tickets().where(ticket.c.number == number)).mappings().first()
    if row is None:
        return None
    c = evidence.c
    behind = sa.select(evidence).where(c.ticket == number).order_by(c.at, c.rule, c.component)
    said = [
        Evidence(e["rule"], e["component"], e["level"], e["at"], e["text"], json.loads(e["detail"]))
        for e in db.execute(behind).mappings()
    ]
    entries = db.execute(sa.select(timeline).where(timeline.c.ticket == number).order_by(timeline.c.id)).mappings()
    return _ticket(
        row,
        evidence=said,
        timeline=[Entry(e["at"], e["actor"], e["kind"], e["visibility"], e["text"]) for e in entries],
        members=components.members(row["device"], said),
        follows=story.follows(db, number),
        followed_by=story.followed_by(db, number),
    )


def existing(db: sa.Connection, number: int) -> Ticket:
    """One ticket with its evidence and timeline. Raise NoTicket when there is none."""
    ticket = get(db, number)
    if ticket is None:
        raise no_such_ticket(number)
    return ticket


def _tickets() -> sa.Select[Any]:
    found_by = ticket_report.c.found_by
    return sa.select(ticket, found_by).outerjoin(ticket_report, ticket_report.c.ticket == ticket.c.number)


def find(
    db: sa.Connection,
    *,
    states: Sequence[str] = (),
    device: str | None = None,
    customer: str | None = None,
    fault: str | None = None,
    limit: int = 1000,
) -> list[Ticket]:
    """Tickets without evidence and timeline, the worst and newest first."""
    query = _tickets()
    if states:
        query = query.where(ticket.c.state.in_(states))
    for column, value in ((ticket.c.device, device), (ticket.c.customer, customer), (ticket.c.fault, fault)):
        if value is not None:
            query = query.where(column == value)
    worst_first = sa.case((ticket.c.severity == "critical", 0), else_=1)
    query = query.order_by(worst_first, ticket.c.opened_at.desc(), ticket.c.number.desc()).limit(limit)
    return [_ticket(row) for row in db.execute(query).mappings()]


def with_outcome(db: sa.Connection, outcomes: Iterable[str]) -> list[Ended]:
    """Tickets that ended with one of these, and every rule behind each."""
    rules: dict[int, list[str]] = {}
    mine = ticket.c.outcome.in_(list(outcomes))
    behind = sa.select(evidence.c.ticket, evidence.c.rule).join(ticket, ticket.c.number == evidence.c.ticket)
    for number, rule in db.execute(behind.where(mine)):
        rules.setdefault(number, []).append(rule)
    return [
        Ended(tuple(rules.get(row.number, ())), row.outcome, row.opened_at, ended_at)
        for row in db.execute(sa.select(ticket).where(mine))
        if (ended_at := row.closed_at if row.resolved_at is None else row.resolved_at) is not None
    ]


def parts_ended(db: sa.Connection, outcomes: Iterable[str], faults: Iterable[str]) -> list[tuple[str, str, float]]:
    """(device, part, when it ended) of every ticket with one of these outcomes and faults."""
    when = sa.func.coalesce(ticket.c.resolved_at, ticket.c.closed_at)
    query = sa.select(ticket.c.device, ticket.c.part_serial, when).where(
        ticket.c.outcome.in_(list(outcomes)), ticket.c.fault.in_(list(faults)), when.is_not(None)
    )
    return [(str(device), str(part), float(at)) for device, part, at in db.execute(query)]


def counts(db: sa.Connection) -> dict[str, int]:
    query = sa.select(ticket.c.state, sa.func.count()).group_by(ticket.c.state)
    return {str(state): int(count) for state, count in db.execute(query)}


def live_counts(db: sa.Connection) -> dict[str, int]:
    """Live tickets by device."""
    query = sa.select(ticket.c.device, sa.func.count()).where(ticket.c.state.in_(LIVE)).group_by(ticket.c.device)
    return {str(device): int(count) for device, count in db.execute(query)}


def create(db: sa.Connection, key: Key, open_key: str = "", **columns: Any) -> int:
    """``open_key``: what no other open ticket may have; the key, unless there may be several of it."""
    columns["explanation"] = json.dumps(columns["explanation"])
    result = db.execute(
        ticket.insert().values(
            customer=key.customer,
            device_serial=key.device_serial,
            part_serial=key.part_serial,
            fault=key.fault,
            open_key=open_key or key.text(),
            **columns,
        )
    )
    number = result.inserted_primary_key
    assert number is not None
    return int(number[0])


def update(db: sa.Connection, number: int, **columns: Any) -> None:
    if "explanation" in columns:
        columns["explanation"] = json.dumps(columns["explanation"])
    db.execute(ticket.update().where(ticket.c.number == number).values(**columns))


def end(db: sa.Connection, number: int, **columns: Any) -> None:
    """Ended: the key is free for a new ticket."""
    update(db, number, open_key=None, **columns)


def put_evidence(db: sa.Connection, number: int, item: Evidence) -> None:
    values = {"level": item.level, "at": item.at, "text": item.text, "detail": json.dumps(item.detail)}
    same = sa.and_(evidence.c.ticket == number, evidence.c.rule == item.rule, evidence.c.component == item.component)
    if db.execute(evidence.update().where(same).values(**values)).rowcount == 0:
        db.execute(evidence.insert().values(ticket=number, rule=item.rule, component=item.component, **values))


def add_entry(db: sa.Connection, number: int, entry: Entry) -> None:
    values = {name: getattr(entry, name) for name in Entry.__struct_fields__}
    db.execute(timeline.insert().values(ticket=number, **values))


def add_state(db: sa.Connection, number: int, at: float, actor: str, said: str) -> None:
    add_entry(db, number, Entry(at, actor, "state", "customer", said))


def add_verdict(db: sa.Connection, change: Change) -> None:
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
            detail=json.dumps({"values": plain(change.values)}),
        )
    )


def add_deliveries(
    db: sa.Connection, destinations: Iterable[str], number: int, event: str, event_id: str, body: str, now: float
) -> None:
    for name in destinations:
        db.execute(
            delivery.insert().values(
                ticket=number,
                destination=name,
                event=event,
                event_id=event_id,
                body=body,
                created_at=now,
                next_try_at=now,
            )
        )


def add_acceptance(db: sa.Connection, item: Acceptance) -> None:
    columns = {name: getattr(item, name) for name in Acceptance.__struct_fields__}
    db.execute(acceptance.insert().values(**{**columns, "values": json.dumps(item.values)}))


def verdicts(db: sa.Connection, device: str) -> dict[Subject, list[Recorded]]:
    found: dict[Subject, list[Recorded]] = {}
    for row in db.execute(sa.select(verdict).where(verdict.c.device == device).order_by(verdict.c.at, verdict.c.id)):
        subject = (row.rule, Kind(row.kind), (device, row.part))
        found.setdefault(subject, []).append(Recorded(row.at, row.after))
    return found


def acceptances(db: sa.Connection, device: str) -> dict[tuple[str, str], Acceptance]:
    """The newest one of each (kind, part) of a device."""
    query = sa.select(acceptance).where(acceptance.c.device == device).order_by(acceptance.c.id)
    found = [
        Acceptance(row["kind"], device, row["part"], row["at"], row["actor"], row["note"], json.loads(row["values"]))
        for row in db.execute(query).mappings()
    ]
    return {(item.kind, item.part): item for item in found}


def _ticket(row: Any, **more: Any) -> Ticket:
    names = [
        column.name for column in ticket.c if column.name in Ticket.__struct_fields__ and column.name != "explanation"
    ]
    found_by = row["found_by"] or US
    return Ticket(
        **{name: row[name] for name in names}, explanation=json.loads(row["explanation"]), found_by=found_by, **more
    )
