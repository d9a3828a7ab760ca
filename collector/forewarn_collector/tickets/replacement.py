"""Another part sits in its place: what that ends, within the desk's transaction."""

import msgspec
import sqlalchemy as sa

from forewarn_collector.tickets import components, folding, life, rows, watched
from forewarn_collector.tickets.announce import Announcer
from forewarn_collector.tickets.model import Entry, Evidence
from forewarn_collector.tickets.parts import Part


def end_tickets(db: sa.Connection, announcer: Announcer, part: Part, at: float, text: str, now: float) -> int:
    """End the tickets about the part; return how many. ``text``: how the replacement is known."""
    numbers = rows.live_about(db, part.device, part.part_serial)
    watched.remove_part(db, part.device, part.part_serial)
    for number in numbers:
        ticket = rows.existing(db, number)
        if life.worst(e.level for e in ticket.evidence if _part(e) != part.part_serial) in life.TICKET_LEVELS:
            continue  # it is the root cause of more than this part
        outcome = life.outcome_of_replacement(ticket.fault, [(e.component, e.level) for e in ticket.evidence])
        folding.tell(db, number, now)
        rows.end(db, number, state=life.RESOLVED, resolved_at=at, updated_at=now, outcome=outcome)
        rows.add_state(db, number, at, "forewarn", f"resolved, {outcome}: {text}")
        announcer.tell(db, number, "resolved", now)
    for number in rows.live_of(db, part.device):
        _end_evidence(db, announcer, number, part.part_serial, at, text, now)
    return len(numbers)


def _part(item: Evidence) -> str:
    return components.read(item.component).part


def _end_evidence(
    db: sa.Connection, announcer: Announcer, number: int, part: str, at: float, text: str, now: float
) -> None:
    """What a ticket about the device rests on is calm as far as a part shows it that is no longer there."""
    evidence = rows.existing(db, number).evidence
    gone = [e for e in evidence if _part(e) == part and e.level in life.TICKET_LEVELS]
    if not gone:
        return
    for item in gone:
        rows.put_evidence(db, number, msgspec.structs.replace(item, level="none", at=at, text=text))
        rows.add_entry(db, number, Entry(at, "forewarn", "evidence", "customer", f"{item.rule} is over: {text}"))
    if life.worst(item.level for item in evidence if item not in gone) in life.TICKET_LEVELS:
        rows.update(db, number, updated_at=now)
        announcer.tell(db, number, "updated", now)
        return
    folding.tell(db, number, now)
    rows.end(db, number, state=life.RESOLVED, resolved_at=at, updated_at=now, outcome=life.CONDITION_CLEARED)
    rows.add_state(db, number, at, "forewarn", f"resolved: {text}")
    announcer.tell(db, number, "resolved", now)
