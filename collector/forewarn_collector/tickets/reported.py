"""Tickets that no rule opened: a person saw the fault, or a customer called. Within the desk's transaction."""

import uuid
from typing import Any, NamedTuple

import sqlalchemy as sa

from forewarn_collector.tickets import life, rows
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.model import Entry, Key
from forewarn_collector.tickets.parts import Part
from forewarn_collector.tickets.tables import ticket_report


class Report(NamedTuple):
    """``found_by``: us or customer. ``fault``: of ``FAULTS``; "other" stands for several faults of one device."""

    title: str
    text: str
    severity: str
    fault: str
    found_by: str
    queue: str = "service desk"


def open_ticket(
    db: sa.Connection, announcer: Announcer, part: Part, report: Report, actor: str, now: float
) -> tuple[int, bool]:
    """(number, whether it is new): a fault for which a ticket is open gets a note there."""
    whose = part.whose
    key = Key(whose.customer, part.device_serial, part.part_serial, report.fault)
    several = report.fault == "other"
    number = None if several else rows.live_number(db, key)
    said = "reported by the customer" if report.found_by == life.CUSTOMER else "opened by hand"
    if number is not None:
        rows.add_entry(db, number, Entry(now, actor, "note", "customer", f"{said} too: {report.title}. {report.text}"))
        rows.update(db, number, updated_at=now)
        announcer.tell(db, number, "updated", now)
        return number, False
    explanation = {"what": report.text or report.title, "why": "", "do": [], "calm_when": []}
    columns: dict[str, Any] = {
        "device": part.device, "site": whose.site, "engineer": whose.engineer, "queue": report.queue,
        "state": life.OPEN, "severity": report.severity, "title": report.title, "explanation": explanation,
        "opened_at": now, "recorded_at": now, "updated_at": now, "owner": "", "waiting_for": "",
    }  # fmt: skip
    open_key = f"{key.text()}\x1f{uuid.uuid4()}" if several else ""
    number = rows.create(db, key, open_key, **columns)
    db.execute(ticket_report.insert().values(ticket=number, found_by=report.found_by, at=now))
    rows.add_state(db, number, now, actor, f"open: {said}")
    announcer.tell(db, number, "opened", now)
    return number, True
