"""Tickets in the database: the statements, and nothing that decides."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from forewarn_collector.store.state import delivery, evidence, ticket, timeline
from forewarn_collector.tickets.model import Entry, Evidence, Key, Ticket


def live_number(db: sa.Connection, key: Key) -> int | None:
    number: int | None = db.execute(sa.select(ticket.c.number).where(ticket.c.open_key == key.text())).scalar()
    return number


def cleared_number(db: sa.Connection, key: Key, outcome: str, since: float) -> int | None:
    """The newest ticket of the key that ended with ``outcome`` after ``since``."""
    same = [getattr(ticket.c, name) == getattr(key, name) for name in Key.__struct_fields__]
    query = sa.select(ticket.c.number).where(*same, ticket.c.outcome == outcome, ticket.c.resolved_at >= since)
    number: int | None = db.execute(query.order_by(ticket.c.number.desc()).limit(1)).scalar()
    return number


def get(db: sa.Connection, number: int) -> Ticket | None:
    """One ticket with its evidence and timeline."""
    row = db.execute(sa.select(ticket).where(ticket.c.number == number)).mappings().first()
    if row is None:
        return None
    return _ticket(
        row,
        evidence=[
            Evidence(e["rule"], e["component"], e["level"], e["at"], e["text"], json.loads(e["detail"]))
            for e in db.execute(
                sa.select(evidence).where(evidence.c.ticket == number).order_by(evidence.c.at)
            ).mappings()
        ],
        timeline=[
            Entry(e["at"], e["actor"], e["kind"], e["visibility"], e["text"])
            for e in db.execute(
                sa.select(timeline).where(timeline.c.ticket == number).order_by(timeline.c.id)
            ).mappings()
        ],
    )


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
    query = sa.select(ticket)
    if states:
        query = query.where(ticket.c.state.in_(states))
    for column, value in ((ticket.c.device, device), (ticket.c.customer, customer), (ticket.c.fault, fault)):
        if value is not None:
            query = query.where(column == value)
    worst_first = sa.case((ticket.c.severity == "critical", 0), else_=1)
    query = query.order_by(worst_first, ticket.c.opened_at.desc(), ticket.c.number.desc()).limit(limit)
    return [_ticket(row) for row in db.execute(query).mappings()]


def counts(db: sa.Connection) -> dict[str, int]:
    query = sa.select(ticket.c.state, sa.func.count()).group_by(ticket.c.state)
    return {str(state): int(count) for state, count in db.execute(query)}


def create(db: sa.Connection, key: Key, **columns: Any) -> int:
    columns["explanation"] = json.dumps(columns["explanation"])
    result = db.execute(
        ticket.insert().values(
            customer=key.customer,
            device_serial=key.device_serial,
            part_serial=key.part_serial,
            fault=key.fault,
            open_key=key.text(),
            **columns,
        )
    )
    return _new_id(result)


def update(db: sa.Connection, number: int, **columns: Any) -> None:
    if "explanation" in columns:
        columns["explanation"] = json.dumps(columns["explanation"])
    db.execute(ticket.update().where(ticket.c.number == number).values(**columns))


def end(db: sa.Connection, number: int, **columns: Any) -> None:
    """Ended: the key is free for a new ticket."""
    update(db, number, open_key=None, **columns)


def levels(db: sa.Connection, number: int) -> dict[tuple[str, str], str]:
    query = sa.select(evidence.c.rule, evidence.c.component, evidence.c.level).where(evidence.c.ticket == number)
    return {(rule, component): level for rule, component, level in db.execute(query)}


def put_evidence(db: sa.Connection, number: int, item: Evidence) -> None:
    values = {"level": item.level, "at": item.at, "text": item.text, "detail": json.dumps(item.detail)}
    same = sa.and_(evidence.c.ticket == number, evidence.c.rule == item.rule, evidence.c.component == item.component)
    if db.execute(evidence.update().where(same).values(**values)).rowcount == 0:
        db.execute(evidence.insert().values(ticket=number, rule=item.rule, component=item.component, **values))


def add_entry(db: sa.Connection, number: int, entry: Entry) -> int:
    result = db.execute(
        timeline.insert().values(
            ticket=number,
            at=entry.at,
            actor=entry.actor,
            kind=entry.kind,
            visibility=entry.visibility,
            text=entry.text,
        )
    )
    return _new_id(result)


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


def _new_id(result: sa.CursorResult[Any]) -> int:
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _ticket(row: Any, evidence: list[Evidence] | None = None, timeline: list[Entry] | None = None) -> Ticket:
    names = [name for name in Ticket.__struct_fields__ if name not in ("explanation", "evidence", "timeline")]
    return Ticket(
        **{name: row[name] for name in names},
        explanation=json.loads(row["explanation"]),
        evidence=evidence or [],
        timeline=timeline or [],
    )
