"""The rows behind orders, settings and what was asked for of missing reports. Every change is one transaction."""

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from forewarn_collector.orders.decide import Ended
from forewarn_collector.orders.model import CONFIG, OPEN, Asked, Order, State, Wanted
from forewarn_collector.store.state import device_order, device_setting, gap_asked, order_piece, reading
from forewarn_wire import CommandOrder, ConfigOrder, Setting, encode

_KEPT_SECONDS = 30 * 86_400.0


class Book:
    """Any thread may use it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def add_command(self, device: str, command: CommandOrder, actor: str, now: float) -> Order:
        with self._engine.begin() as db:
            return _add(db, device, command, command.command, actor, now, command.expires_at)

    def set(self, device: str, changes: Mapping[str, Setting | None], actor: str, now: float) -> Order:
        """Change settings (None takes one back) and order all of the device's: each such order replaces the last."""
        with self._engine.begin() as db:
            for key, value in changes.items():
                row = (device_setting.c.device == device, device_setting.c.key == key)
                db.execute(device_setting.delete().where(*row))
                if value is not None:
                    text = msgspec.json.encode(value).decode()
                    db.execute(device_setting.insert().values(device=device, key=key, value=text, actor=actor, at=now))
            settings = {wanted.key: wanted.value for wanted in _settings(db, device)}
            waiting = _of(device, CONFIG) & device_order.c.state.in_(OPEN)
            db.execute(device_order.update().where(waiting).values(state=State.REPLACED, answered_at=now))
            return _add(db, device, ConfigOrder(id=new_id(), settings=settings), "settings", actor, now, None)

    def settings(self, device: str) -> list[Wanted]:
        with self._reading.connect() as db:
            return _settings(db, device)

    def newest_config(self, device: str) -> Order | None:
        """The settings that were ordered last, answered or not."""
        query = sa.select(device_order).where(_of(device, CONFIG)).order_by(device_order.c.number.desc()).limit(1)
        with self._reading.connect() as db:
            row = db.execute(query).first()
        return None if row is None else Order(*row)

    def open(self) -> list[Order]:
        """Those that wait to be sent or answered, the oldest first."""
        query = sa.select(device_order).where(device_order.c.state.in_(OPEN)).order_by(device_order.c.number)
        with self._reading.connect() as db:
            return [Order(*row) for row in db.execute(query)]

    def order(self, id_: str) -> Order | None:
        with self._reading.connect() as db:
            row = db.execute(sa.select(device_order).where(device_order.c.id == id_)).first()
        return None if row is None else Order(*row)

    def orders(self, device: str | None, limit: int, without: str | None = None) -> list[Order]:
        """The newest first, of one device or of all; ``without`` leaves out what one actor has ordered."""
        query = sa.select(device_order).order_by(device_order.c.number.desc()).limit(limit)
        if device is not None:
            query = query.where(device_order.c.device == device)
        if without is not None:
            query = query.where(device_order.c.actor != without)
        with self._reading.connect() as db:
            return [Order(*row) for row in db.execute(query)]

    def sent(self, orders: Iterable[Order], sessions: Mapping[str, int], now: float) -> None:
        with self._engine.begin() as db:
            for order in orders:
                values = {"sent_at": now, "sent_session": sessions.get(order.device), "tries": order.tries + 1}
                row = device_order.update().where(device_order.c.number == order.number)
                db.execute(row.values(**values))
                db.execute(row.where(device_order.c.state == State.WAITING).values(state=State.SENT))

    def end(self, ended: Iterable[tuple[Order, Ended, bytes | None]], now: float) -> None:
        """Note what became of orders, with the device's answer."""
        with self._engine.begin() as db:
            for order, end, reply in ended:
                values = {"state": str(end.state), "text": end.text, "answered_at": now, "reply": reply}
                db.execute(device_order.update().where(device_order.c.number == order.number).values(**values))

    def keep_piece(self, id_: str, part: int, parts: int, content: bytes) -> bool:
        """Keep a piece of what a device sends; True when all of them are here."""
        with self._engine.begin() as db:
            row = (order_piece.c.order_id == id_, order_piece.c.part == part)
            db.execute(order_piece.delete().where(*row))
            db.execute(order_piece.insert().values(order_id=id_, part=part, parts=parts, content=content))
            query = sa.select(sa.func.count()).select_from(order_piece).where(order_piece.c.order_id == id_)
            return int(db.execute(query).scalar_one()) == parts

    def attachment(self, id_: str) -> bytes:
        """The pieces put together; empty where there are none."""
        query = sa.select(order_piece.c.content).where(order_piece.c.order_id == id_).order_by(order_piece.c.part)
        with self._reading.connect() as db:
            return b"".join(content for (content,) in db.execute(query))

    def attachment_bytes(self, id_: str) -> int:
        query = sa.select(sa.func.sum(sa.func.length(order_piece.c.content))).where(order_piece.c.order_id == id_)
        with self._reading.connect() as db:
            return int(db.execute(query).scalar() or 0)

    def asked(self, device: str | None = None) -> dict[tuple[str, str], Asked]:
        """What was asked for of missing reports, by device and boot; of one device or of all."""
        query = sa.select(gap_asked)
        with self._reading.connect() as db:
            rows = db.execute(query if device is None else query.where(gap_asked.c.device == device)).all()
        return {(r.device, r.boot): Asked(r.tries, r.next_at, r.head, _ranges(r.lost), r.since, r.until) for r in rows}

    def keep_asked(self, device: str, boot: str, asked: Asked | None) -> None:
        row = (gap_asked.c.device == device, gap_asked.c.boot == boot)
        with self._engine.begin() as db:
            db.execute(gap_asked.delete().where(*row))
            if asked is not None:
                lost = msgspec.json.encode(asked.lost).decode()
                db.execute(gap_asked.insert().values(device=device, boot=boot, **asked._asdict() | {"lost": lost}))

    def forget(self, now: float) -> None:
        """Let go of commands that ended a month ago, with what came of them, and of settings that were replaced."""
        old = device_order.c.answered_at < now - _KEPT_SECONDS
        gone = old & ((device_order.c.kind != CONFIG) | (device_order.c.state == State.REPLACED))
        with self._engine.begin() as db:
            ids = sa.select(device_order.c.id).where(gone)
            db.execute(order_piece.delete().where(order_piece.c.order_id.in_(ids)))
            db.execute(device_order.delete().where(gone))


def new_id() -> str:
    """It is never given twice, not even by a collector that begins anew: devices remember what they have answered."""
    return secrets.token_hex(6)


def _of(device: str, kind: str) -> sa.ColumnElement[bool]:
    return (device_order.c.device == device) & (device_order.c.kind == kind)


def _add(
    db: sa.Connection,
    device: str,
    order: CommandOrder | ConfigOrder,
    name: str,
    actor: str,
    now: float,
    expires_at: float | None,
) -> Order:
    kind = CONFIG if isinstance(order, ConfigOrder) else "command"
    values = {"id": order.id, "device": device, "kind": kind, "name": name, "body": encode(order), "actor": actor}
    times = {"created_at": now, "expires_at": expires_at, "state": str(State.WAITING), "tries": 0, "text": ""}
    db.execute(device_order.insert().values(**values, **times))
    return Order(*db.execute(sa.select(device_order).where(device_order.c.id == order.id)).one())


def _settings(db: sa.Connection, device: str) -> list[Wanted]:
    query = sa.select(device_setting).where(device_setting.c.device == device).order_by(device_setting.c.key)
    return [Wanted(row.key, msgspec.json.decode(row.value), row.actor, row.at) for row in db.execute(query)]


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return msgspec.json.decode(text, type=tuple[tuple[int, int], ...])


def sequences_of(order: Order) -> tuple[str, Sequence[tuple[int, int]]]:
    """Boot and ranges of an order to send reports again."""
    body = msgspec.json.decode(order.body, type=CommandOrder)
    return body.boot, body.sequences
