"""Notifications and maintenance windows in the database: the statements, and nothing that decides."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from forewarn_collector.notify.model import Kind, Notification, State, Subject, Window
from forewarn_collector.notify.tables import maintenance, notification
from forewarn_collector.store.state import LAST_NUMBER, ticket
from forewarn_collector.tickets.life import ENDED, OPEN

TELLS_OF_IT = tuple(str(kind) for kind in Kind if kind not in (Kind.RESOLVED, Kind.TEST))


def add(db: sa.Connection, **columns: Any) -> int:
    number = db.execute(notification.insert().values(**columns)).inserted_primary_key
    assert number is not None
    return int(number[0])


def waiting(db: sa.Connection, channel: str, now: float, limit: int) -> list[Notification]:
    """What may be due on a channel, the oldest first."""
    query = sa.select(notification).where(
        notification.c.state == State.WAITING,
        notification.c.channel == channel,
        notification.c.not_before <= now,
        notification.c.next_try_at <= now,
    )
    return _read(db, query.order_by(notification.c.id).limit(limit))


def listing(
    db: sa.Connection,
    *,
    engineer: str | None = None,
    state: str | None = None,
    ticket_number: int | None = None,
    limit: int = 100,
) -> list[Notification]:
    """The newest first."""
    query = sa.select(notification)
    wanted = (
        (notification.c.engineer, engineer), (notification.c.state, state), (notification.c.ticket, ticket_number),
    )  # fmt: skip
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return _read(db, query.order_by(notification.c.id.desc()).limit(limit))


def update(db: sa.Connection, ids: Sequence[int], **columns: Any) -> None:
    db.execute(notification.update().where(notification.c.id.in_(ids)).values(**columns))


def look_again(db: sa.Connection, now: float) -> None:
    """Whatever is held is decided anew: windows, hours or the clock are others."""
    held = (notification.c.state == State.WAITING, notification.c.not_before > now)
    db.execute(notification.update().where(*held).values(not_before=now))


def subject_of(db: sa.Connection, item: Notification) -> Subject:
    """What the notification is about, with the present state of its ticket."""
    known = Subject(item.severity, item.customer, item.site, item.device)
    if item.ticket is None:
        return known
    query = sa.select(ticket.c.state, ticket.c.severity, ticket.c.owner).where(ticket.c.number == item.ticket)
    row = db.execute(query).first()
    if row is None:
        return known
    return known._replace(
        severity=row.severity, ended=row.state in ENDED, taken=row.state not in (OPEN, *ENDED), owner=row.owner
    )


def told_before(db: sa.Connection, number: int | None, engineer: str, channel: str) -> bool:
    """Whether the engineer was told of an open ticket on this channel."""
    query = sa.select(notification.c.id).where(
        notification.c.ticket == number,
        notification.c.engineer == engineer,
        notification.c.channel == channel,
        notification.c.state == State.SENT,
        notification.c.kind.in_(TELLS_OF_IT),
    )
    return db.execute(query.limit(1)).first() is not None


def sent_since(db: sa.Connection, channel: str, since: float) -> list[tuple[str, float]]:
    """(engineer, when) of each message that went out on a channel, the oldest first."""
    query = sa.select(notification.c.engineer, notification.c.sent_at).where(
        notification.c.channel == channel, notification.c.sent_at > since, notification.c.told_with.is_(None)
    )
    return [(str(engineer), float(at)) for engineer, at in db.execute(query.order_by(notification.c.sent_at))]


def counts(db: sa.Connection) -> dict[str, int]:
    query = sa.select(notification.c.state, sa.func.count()).group_by(notification.c.state)
    return {str(state): int(count) for state, count in db.execute(query)}


def add_window(db: sa.Connection, **columns: Any) -> int:
    number = db.execute(maintenance.insert().values(**columns)).inserted_primary_key
    assert number is not None
    return int(number[0])


def window(db: sa.Connection, number: int) -> Window | None:
    if not 0 < number <= LAST_NUMBER:
        return None
    return next(iter(_windows(db, maintenance.c.number == number)), None)


def windows_open(db: sa.Connection, now: float) -> list[Window]:
    m = maintenance.c
    return _windows(db, m.starts_at <= now, m.ends_at > now, m.ended_at.is_(None))


def windows(db: sa.Connection, ending_after: float) -> list[Window]:
    return _windows(db, maintenance.c.ends_at > ending_after)


def end_window(db: sa.Connection, number: int, actor: str, now: float) -> None:
    db.execute(maintenance.update().where(maintenance.c.number == number).values(ended_at=now, ended_by=actor))


def _windows(db: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Window]:
    query = sa.select(maintenance).where(*where).order_by(maintenance.c.starts_at, maintenance.c.number)
    return [Window(**row) for row in db.execute(query).mappings()]


def _read(db: sa.Connection, query: sa.Select[Any]) -> list[Notification]:
    return [Notification(**row) for row in db.execute(query).mappings()]
