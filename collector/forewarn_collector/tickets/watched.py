"""The watch list in the database: predictions for which there was no ticket in the budget, and what used it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from forewarn_collector.store.state import LAST_NUMBER, prediction, watched
from forewarn_collector.tickets.budget import oldest_that_counts, urgency
from forewarn_collector.tickets.model import Key, Watched
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change


def put(db: sa.Connection, key: Key, change: Change, part: Part, reason: str) -> None:
    """Add what a rule says of a component, or say anew what stands there already: it keeps its number."""
    values = {
        "key": key.text(),
        "part_serial": key.part_serial,
        "reason": reason,
        "change": msgspec.msgpack.encode(change),
        "part": msgspec.msgpack.encode(part),
    }
    if db.execute(watched.update().where(_same(change)).values(**values)).rowcount == 0:
        place = {"device": change.key[0], "rule": change.rule, "component": _component(change)}
        db.execute(watched.insert().values(**place, **values))


def remove(db: sa.Connection, change: Change) -> None:
    """What this rule said of this component is over, or stands in a ticket."""
    db.execute(watched.delete().where(_same(change)))


def remove_part(db: sa.Connection, device: str, part_serial: str) -> None:
    db.execute(watched.delete().where(watched.c.device == device, watched.c.part_serial == part_serial))


def take(db: sa.Connection, key: str) -> list[tuple[Change, Part]]:
    """Everything on the list about one key, which leaves it; the most urgent first."""
    found = [_read(row) for row in db.execute(sa.select(watched).where(watched.c.key == key)).mappings()]
    db.execute(watched.delete().where(watched.c.key == key))
    return sorted(found, key=lambda item: _urgency(item[0]))


def listing(db: sa.Connection) -> list[Watched]:
    """One item for each key, the most urgent first; the most urgent of its rules speaks for it."""
    return [item for item, _ in _ranked(db)]


def most_urgent(db: sa.Connection, many: int | None) -> list[str]:
    """The keys of the first ``many`` items; None: of all."""
    return [] if many == 0 else [key for _, key in _ranked(db)[:many]]


def _ranked(db: sa.Connection) -> list[tuple[Watched, str]]:
    by_key: dict[str, list[Any]] = {}
    for row in db.execute(sa.select(watched).order_by(watched.c.number)).mappings():
        by_key.setdefault(row["key"], []).append(row)
    items = [(_item(found), key) for key, found in by_key.items()]
    return sorted(items, key=lambda item: urgency(item[0].probability, item[0].level, item[0].since))


def key_of(db: sa.Connection, number: int) -> str | None:
    if not 0 < number <= LAST_NUMBER:
        return None
    key: str | None = db.execute(sa.select(watched.c.key).where(watched.c.number == number)).scalar()
    return key


def any_waits(db: sa.Connection) -> bool:
    return db.execute(sa.select(watched.c.number).limit(1)).first() is not None


def note_opened(db: sa.Connection, ticket: int, at: float) -> None:
    """A predictive ticket was opened: it uses the budget for a month, whatever becomes of it."""
    db.execute(prediction.insert().values(ticket=ticket, opened_at=at))


def opened_within_month(db: sa.Connection, now: float) -> list[float]:
    query = sa.select(prediction.c.opened_at).where(prediction.c.opened_at > oldest_that_counts(now))
    return list(db.execute(query).scalars())


def _item(rows: Iterable[Any]) -> Watched:
    found = [(row, *_read(row)) for row in rows]
    lead, change, part = min(found, key=lambda item: _urgency(item[1]))
    forecast = change.forecast
    return Watched(
        number=min(row["number"] for row, _, _ in found),
        customer=part.whose.customer,
        site=part.whose.site,
        device=part.device,
        part_serial=part.part_serial,
        fault=change.fault,
        level=change.after,
        title=change.title,
        text=change.text,
        rules=[one.rule for _, one, _ in found],
        probability=forecast.probability if forecast else None,
        within_seconds=forecast.within_seconds if forecast else None,
        since=min(one.at for _, one, _ in found),
        reason=lead["reason"],
    )


def _urgency(change: Change) -> tuple[float, int, float]:
    return urgency(change.forecast.probability if change.forecast else None, change.after, change.at)


def _read(row: Any) -> tuple[Change, Part]:
    return msgspec.msgpack.decode(row["change"], type=Change), msgspec.msgpack.decode(row["part"], type=Part)


def _component(change: Change) -> str:
    return f"{change.kind}:{change.key[1]}"


def _same(change: Change) -> sa.ColumnElement[bool]:
    return sa.and_(
        watched.c.device == change.key[0], watched.c.rule == change.rule, watched.c.component == _component(change)
    )
