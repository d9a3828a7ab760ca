"""The directory in the database: the statements, and nothing that decides."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from forewarn_collector.people.duty import StandIn
from forewarn_collector.people.model import Version
from forewarn_collector.people.schema import DirectoryFile
from forewarn_collector.people.tables import directory_version, duty_step, stand_in
from forewarn_collector.store.state import LAST_NUMBER, ticket
from forewarn_collector.tickets.life import LIVE

AT_ONCE = 500
"""Tickets in one question to the database."""


def newest(db: sa.Connection) -> tuple[Version, DirectoryFile] | None:
    row = db.execute(sa.select(directory_version).order_by(directory_version.c.number.desc()).limit(1)).first()
    if row is None:
        return None
    return Version(row.number, row.at, row.actor), msgspec.json.decode(row.document, type=DirectoryFile)


def versions(db: sa.Connection, limit: int) -> list[Version]:
    """The newest first."""
    c = directory_version.c
    query = sa.select(c.number, c.at, c.actor).order_by(c.number.desc()).limit(limit)
    return [Version(*row) for row in db.execute(query)]


def add_version(db: sa.Connection, file: DirectoryFile, at: float, actor: str) -> Version:
    document = msgspec.json.encode(file).decode()
    key = db.execute(directory_version.insert().values(at=at, actor=actor, document=document)).inserted_primary_key
    assert key is not None
    return Version(int(key[0]), at, actor)


def stand_ins(db: sa.Connection, ending_after: float) -> list[StandIn]:
    """Those that were not taken back."""
    query = sa.select(stand_in).where(stand_in.c.removed_at.is_(None), stand_in.c.end > ending_after)
    rows = db.execute(query.order_by(stand_in.c.number)).mappings()
    return [StandIn(**{name: row[name] for name in StandIn._fields}) for row in rows]


def add_stand_in(db: sa.Connection, one: StandIn, at: float) -> StandIn:
    """``one``: its number does not count yet."""
    values = {name: getattr(one, name) for name in StandIn._fields if name != "number"}
    key = db.execute(stand_in.insert().values(**values, at=at)).inserted_primary_key
    assert key is not None
    return one._replace(number=int(key[0]))


def remove_stand_in(db: sa.Connection, number: int, actor: str, at: float) -> bool:
    """False when there is none of this number, or not any more."""
    if not 0 < number <= LAST_NUMBER:
        return False
    mine = (stand_in.c.number == number, stand_in.c.removed_at.is_(None))
    return db.execute(stand_in.update().where(*mine).values(removed_by=actor, removed_at=at)).rowcount == 1


def live_tickets(db: sa.Connection) -> dict[int, float]:
    """When each ticket that has not ended was last changed, by number."""
    query = sa.select(ticket.c.number, ticket.c.updated_at).where(ticket.c.state.in_(LIVE))
    return {int(number): float(at) for number, at in db.execute(query)}


def steps_taken(db: sa.Connection, tickets: Sequence[int]) -> dict[int, dict[float, set[str]]]:
    """By ticket and by since when they count."""
    found: dict[int, dict[float, set[str]]] = {}
    query = sa.select(duty_step.c.ticket, duty_step.c.since, duty_step.c.step)
    for start in range(0, len(tickets), AT_ONCE):
        for number, since, step in db.execute(query.where(duty_step.c.ticket.in_(tickets[start : start + AT_ONCE]))):
            found.setdefault(number, {}).setdefault(since, set()).add(step)
    return found


def add_step(db: sa.Connection, ticket: int, since: float, step: str, at: float, told: str) -> None:
    db.execute(duty_step.insert().values(ticket=ticket, since=since, step=step, at=at, told=told))
