"""One note of evidence a day and ticket, not one a change: what comes between is kept, and told when the day is over.

What a rule says now always stands in the evidence of the ticket; this is about the timeline and whom it is told to.
"""

import sqlalchemy as sa

from forewarn_collector.tickets import rows
from forewarn_collector.tickets.model import Entry
from forewarn_collector.tickets.tables import evidence_note

DAY = 86_400.0
ALWAYS = ("create", "reopen", "rise", "lead", "resolve")
"""Steps of ``life.on_change`` that nobody should hear of tomorrow."""


def is_noted(action: str, by_hand: bool, noted_at: float | None, now: float) -> bool:
    """Whether evidence is noted at once. ``noted_at``: when this ticket's evidence was noted last. Pure."""
    return by_hand or action in ALWAYS or noted_at is None or not 0 <= now - noted_at < DAY


def add(db: sa.Connection, number: int, action: str, entry: Entry, by_hand: bool, now: float) -> bool:
    """Note the evidence, or keep it for the day's note; return whether it was noted."""
    noted_at = db.execute(sa.select(evidence_note.c.noted_at).where(evidence_note.c.ticket == number)).scalar()
    if not is_noted(action, by_hand, noted_at, now):
        mine = evidence_note.update().where(evidence_note.c.ticket == number)
        db.execute(mine.values(kept=evidence_note.c.kept + 1, newest=entry.text, newest_at=entry.at))
        return False
    tell(db, number, now)
    rows.add_entry(db, number, entry)
    if noted_at is None:
        db.execute(evidence_note.insert().values(ticket=number, noted_at=now, kept=0, newest="", newest_at=0.0))
    return True


def tell(db: sa.Connection, number: int, now: float) -> None:
    """Note what was kept, at the device's time of the last of it; a new day begins."""
    mine = evidence_note.c.ticket == number
    row = db.execute(sa.select(evidence_note).where(mine)).first()
    if row is not None and row.kept:
        changes = "one more change" if row.kept == 1 else f"{row.kept} more changes, the last"
        said = f"{changes}: {row.newest}"
        rows.add_entry(db, number, Entry(row.newest_at, "forewarn", "evidence", "customer", said))
    db.execute(evidence_note.update().where(mine).values(noted_at=now, kept=0, newest="", newest_at=0.0))


def due(db: sa.Connection, now: float) -> list[int]:
    """Tickets whose day is over and that have something to tell."""
    query = sa.select(evidence_note.c.ticket).where(evidence_note.c.kept > 0, evidence_note.c.noted_at <= now - DAY)
    return list(db.execute(query.order_by(evidence_note.c.ticket)).scalars())
