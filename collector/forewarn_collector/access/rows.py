"""Users, tokens and links in the database: the statements, and nothing that decides."""

from typing import Any

import sqlalchemy as sa

from forewarn_collector.access.caller import Role
from forewarn_collector.access.model import Token, User
from forewarn_collector.access.tables import link, token, user


def users(db: sa.Connection) -> list[User]:
    return [_user(row) for row in db.execute(sa.select(user).order_by(user.c.name)).mappings()]


def find_user(db: sa.Connection, name: str) -> User | None:
    row = db.execute(sa.select(user).where(user.c.name == name)).mappings().first()
    return None if row is None else _user(row)


def password_of(db: sa.Connection, name: str) -> str | None:
    """The hash; None when there is no such user, no password, or the user is disabled."""
    found: str | None = db.execute(
        sa.select(user.c.password).where(user.c.name == name, user.c.disabled_at.is_(None))
    ).scalar()
    return found


def add_user(db: sa.Connection, name: str, role: Role, customer: str | None, now: float) -> None:
    db.execute(user.insert().values(name=name, role=str(role), customer=customer, created_at=now))


def change_user(db: sa.Connection, name: str, **columns: Any) -> None:
    db.execute(user.update().where(user.c.name == name).values(**columns))


def tokens(db: sa.Connection, of: str | None) -> list[Token]:
    query = sa.select(token).order_by(token.c.created_at, token.c.id)
    found = db.execute(query if of is None else query.where(token.c.user == of)).mappings()
    return [Token(**{name: row[name] for name in Token.__struct_fields__}) for row in found]


def token_with_user(db: sa.Connection, id_: str) -> sa.RowMapping | None:
    """Token and user in one row: hash, expires_at, revoked_at, user, role, customer, disabled_at."""
    query = sa.select(
        token.c.hash, token.c.expires_at, token.c.revoked_at, user.c.name, user.c.role, user.c.customer,
        user.c.disabled_at,
    ).join(user, user.c.name == token.c.user)  # fmt: skip
    return db.execute(query.where(token.c.id == id_)).mappings().first()


def add_token(db: sa.Connection, **columns: Any) -> None:
    db.execute(token.insert().values(**columns))


def revoke(db: sa.Connection, now: float, *which: sa.ColumnElement[bool]) -> int:
    done = db.execute(token.update().where(token.c.revoked_at.is_(None), *which).values(revoked_at=now))
    return int(done.rowcount)


def add_link(db: sa.Connection, name: str | None, **columns: Any) -> None:
    """The newest link of somebody is the only one that works."""
    mine = link.c.user.is_(None) if name is None else link.c.user == name
    db.execute(link.delete().where(mine, link.c.used_at.is_(None)))
    db.execute(link.insert().values(user=name, **columns))


def open_link(db: sa.Connection, id_: str, now: float) -> sa.RowMapping | None:
    query = sa.select(link).where(link.c.id == id_, link.c.used_at.is_(None), link.c.expires_at > now)
    return db.execute(query).mappings().first()


def use_link(db: sa.Connection, id_: str, now: float) -> bool:
    """False when somebody else was faster."""
    done = db.execute(link.update().where(link.c.id == id_, link.c.used_at.is_(None)).values(used_at=now))
    return done.rowcount == 1


def _user(row: sa.RowMapping) -> User:
    return User(
        name=row["name"], role=Role(row["role"]), customer=row["customer"], password=row["password"] is not None,
        created_at=row["created_at"], disabled_at=row["disabled_at"],
    )  # fmt: skip
