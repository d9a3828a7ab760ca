"""Notifications and maintenance windows in the database: the statements, and nothing that decides."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from forewarn_collector.notify.model import Kind, Notification, State, Subject, Waiting, Window
from forewarn_collector.notify.tables import maintenance, notification
from forewarn_collector.store.state import LAST_NUMBER, ticket
from forewarn_collector.tickets.life import ENDED, OPEN
from forewarn_collector.tickets.model import Entry
from forewarn_collector.tickets.rows import add_entry

_COLUMNS = [column.name for column in notification.c]
TELLS_OF_IT = tuple(str(kind) for kind in Kind if kind not in (Kind.RESOLVED, Kind.TEST))


def add(db: sa.Connection, **columns: Any) -> int:
    number = db.execute(notification.insert().values(**columns)).inserted_primary_key
    assert number is not None
    return int(number[0])


def waiting(db: sa.Connection, channel: str, now: float, limit: int) -> list[Waiting]:
    """What may be due on a channel, the oldest first, with the present state of its tickets."""
    query = (
        sa.select(notification, ticket.c.state, ticket.c.severity, ticket.c.owner)
        .outerjoin(ticket, ticket.c.number == notification.c.ticket)
        .where(
            notification.c.state == State.WAITING,
            notification.c.channel == channel,
            notification.c.not_before <= now,
            notification.c.next_try_at <= now,
        )
    )
    found = [(_notification(row), *row[-3:]) for row in db.execute(query.order_by(notification.c.id).limit(limit))]
    told = _told(db, channel, {item.ticket for item, *_ in found})
    return [
        Waiting(item, _subject(item, state, severity, owner), (item.ticket, item.engineer) in told)
        for item, state, severity, owner in found
    ]


def _subject(item: Notification, state: str | None, severity: str, owner: str) -> Subject:
    known = Subject(item.severity, item.customer, item.site, item.device)
    if state is None:
        return known
    ended = state in ENDED
    return known._replace(severity=severity, ended=ended, taken=not ended and state != OPEN, owner=owner)


def _told(db: sa.Connection, channel: str, tickets: Iterable[int | None]) -> set[tuple[int | None, str]]:
    """(ticket, engineer) of those who were told of a ticket, while it was open, on this channel."""
    query = sa.select(notification.c.ticket, notification.c.engineer).where(
        notification.c.channel == channel,
        notification.c.state == State.SENT,
        notification.c.kind.in_(TELLS_OF_IT),
        notification.c.ticket.in_([number for number in tickets if number is not None]),
    )
    return {(number, str(engineer)) for number, engineer in db.execute(query)}


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


def of(db: sa.Connection, ids: Sequence[int]) -> list[Notification]:
    return _read(db, sa.select(notification).where(notification.c.id.in_(ids)).order_by(notification.c.id))


def written_about(db: sa.Connection, number: int) -> list[tuple[str, str, str]]:
    """(engineer, kind, severity) of everything that was written down about a ticket, in order."""
    query = sa.select(notification.c.engineer, notification.c.kind, notification.c.severity)
    found = db.execute(query.where(notification.c.ticket == number).order_by(notification.c.id))
    return [(str(engineer), str(kind), str(severity)) for engineer, kind, severity in found]


def waits_already(db: sa.Connection, number: int, engineer: str, channel: str, severity: str, urgent: bool) -> bool:
    """Whether the engineer is about to be told that this ticket is this bad, no less urgently."""
    query = sa.select(notification.c.id).where(
        notification.c.ticket == number,
        notification.c.urgent.in_([True, urgent]),
        notification.c.engineer == engineer,
        notification.c.channel == channel,
        notification.c.severity == severity,
        notification.c.state == State.WAITING,
        notification.c.kind.in_((Kind.OPENED, Kind.ROSE)),
    )
    return db.execute(query.limit(1)).first() is not None


def update(db: sa.Connection, ids: Sequence[int], **columns: Any) -> None:
    db.execute(notification.update().where(notification.c.id.in_(ids)).values(**columns))


def mark_sent(db: sa.Connection, first: int, others: Sequence[int], now: float) -> None:
    """One message told them all."""
    told = notification.update().values(
        state=State.SENT, sent_at=now, tries=notification.c.tries + 1, reason="", last_error=""
    )
    db.execute(told.where(notification.c.id == first))
    if others:
        db.execute(told.where(notification.c.id.in_(others)).values(told_with=first))


def note_told(db: sa.Connection, item: Notification, now: float) -> None:
    """A line in the ticket's timeline."""
    if item.ticket is not None:
        said = f"told {item.engineer} on {item.channel}: {item.kind}"
        add_entry(db, item.ticket, Entry(now, "forewarn", "notify", "internal", said))


def take_up(db: sa.Connection, channels: Sequence[str], gone: str, now: float, since: float) -> None:
    """A start may come with another configuration: what is held is decided anew, what waits for a channel that is
    ``gone`` is parked, and what was parked ``since`` then is tried again where its channel is configured."""
    configured = notification.c.channel.in_(channels)
    away = notification.update().where(notification.c.state == State.WAITING, ~configured)
    db.execute(away.values(state=State.PARKED, last_error=gone))
    parked = (notification.c.state == State.PARKED, notification.c.created_at > since, notification.c.kind != Kind.TEST)
    db.execute(notification.update().where(configured, *parked).values(state=State.WAITING, tries=0, next_try_at=now))
    look_again(db, now)


def look_again(db: sa.Connection, now: float) -> None:
    """Whatever is held is decided anew: windows, hours or the clock are others."""
    held = (notification.c.state == State.WAITING, notification.c.not_before > now)
    db.execute(notification.update().where(*held).values(not_before=now))


def sent_since(db: sa.Connection, channel: str, since: float) -> list[tuple[str, float]]:
    """(engineer, when) of each message that went out on a channel, the oldest first."""
    query = sa.select(notification.c.engineer, notification.c.sent_at).where(
        notification.c.channel == channel, notification.c.sent_at > since, notification.c.told_with.is_(None)
    )
    return [(str(engineer), float(at)) for engineer, at in db.execute(query.order_by(notification.c.sent_at))]


def oldest_due(db: sa.Connection, now: float) -> float | None:
    query = sa.select(sa.func.min(notification.c.not_before)).where(
        notification.c.state == State.WAITING, notification.c.not_before <= now
    )
    found: float | None = db.execute(query).scalar()
    return found


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
    return [_notification(row) for row in db.execute(query)]


def _notification(row: sa.Row[Any]) -> Notification:
    """Of a row that begins with the table's columns, in the order of the type's fields."""
    return Notification(**dict(zip(_COLUMNS, row, strict=False)))
