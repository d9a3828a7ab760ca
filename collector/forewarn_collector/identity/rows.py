"""Tokens, identities and certificates in state.db. Every function takes a connection within a transaction."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Float, Index, Table, Text

from forewarn_collector.identity.authority import Issued
from forewarn_collector.identity.naming import Known
from forewarn_collector.identity.tokens import TokenRow
from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.state import LAST_NUMBER, metadata
from forewarn_wire.machine import Machine

token = Table(
    "enrol_token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("customer", String(200), nullable=False),
    Column("site", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, default=0),
    Column("revoked_at", Float),
    sqlite_autoincrement=True,
)

identity = Table(
    "identity",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("customer", String(200), nullable=False),
    Column("site", String(200), nullable=False),
    Column("system", String(16), nullable=False, index=True),
    Column("board", String(16), nullable=False, index=True),
    Column("enrolled_at", Float),
    Column("token", Integer),
    Column("revoked_at", Float),
    Column("reason", Text, nullable=False, default=""),
)

certificate = Table(
    "certificate",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("device", String(63), nullable=False),
    # The digest of its public key: a request that comes again gets the same certificate.
    Column("key", String(64), nullable=False),
    Column("issuer", String(64), nullable=False),
    Column("not_before", Float, nullable=False),
    Column("not_after", Float, nullable=False),
    Column("pem", Text, nullable=False),
    Column("revoked_at", Float),
    Index("certificate_device", "device", "not_before"),
)


def add_token(
    connection: sa.Connection, digest: str, customer: str, site: str, now: float, by: str, expires: float, uses: int
) -> int:
    made = connection.execute(
        token.insert().values(
            digest=digest, customer=customer, site=site, created_at=now, created_by=by, expires_at=expires, uses=uses
        )
    )
    (number,) = made.inserted_primary_key or (0,)
    return int(number)


def find_token(connection: sa.Connection, number: int) -> TokenRow | None:
    row = connection.execute(sa.select(token).where(token.c.id == min(number, LAST_NUMBER))).first()
    return None if row is None else _token(row)


def tokens(connection: sa.Connection) -> list[TokenRow]:
    """The newest first."""
    return [_token(row) for row in connection.execute(sa.select(token).order_by(token.c.id.desc()))]


def use_token(connection: sa.Connection, number: int) -> None:
    connection.execute(token.update().where(token.c.id == number).values(used=token.c.used + 1))


def revoke_token(connection: sa.Connection, number: int, now: float) -> None:
    connection.execute(token.update().where(token.c.id == number, token.c.revoked_at.is_(None)).values(revoked_at=now))


def find(connection: sa.Connection, device: str) -> Known | None:
    row = connection.execute(sa.select(identity).where(identity.c.device == device)).first()
    return None if row is None else _known(row)


def identities(connection: sa.Connection) -> list[Known]:
    return [_known(row) for row in connection.execute(sa.select(identity).order_by(identity.c.device))]


def looking_like(connection: sa.Connection, machine: Machine) -> list[Known]:
    """Identities of the same board or system, the newest first."""
    same = [column == text for column, text in zip((identity.c.system, identity.c.board), machine, strict=True) if text]
    if not same:
        return []
    query = sa.select(identity).where(sa.or_(*same)).order_by(identity.c.enrolled_at.desc().nulls_last())
    return [_known(row) for row in connection.execute(query)]


def put(connection: sa.Connection, known: Known, token_id: int | None) -> None:
    """Write an identity, new or again."""
    values = {
        "customer": known.customer, "site": known.site, "system": known.machine.system, "board": known.machine.board,
        "enrolled_at": known.enrolled_at, "token": token_id, "revoked_at": known.revoked_at, "reason": known.reason,
    }  # fmt: skip
    done = connection.execute(identity.update().where(identity.c.device == known.device).values(**values))
    if not done.rowcount:
        connection.execute(identity.insert().values(device=known.device, **values))


def set_revoked(connection: sa.Connection, device: str, now: float | None, reason: str) -> None:
    connection.execute(identity.update().where(identity.c.device == device).values(revoked_at=now, reason=reason))


def token_of(connection: sa.Connection, device: str) -> int | None:
    return connection.execute(sa.select(identity.c.token).where(identity.c.device == device)).scalar()


def add_certificate(connection: sa.Connection, device: str, issued: Issued, key: str) -> None:
    connection.execute(
        certificate.insert().values(
            serial=issued.serial, device=device, key=key, issuer=issued.issuer, not_before=issued.not_before,
            not_after=issued.not_after, pem=issued.pem,
        )
    )  # fmt: skip


def certificate_for(connection: sa.Connection, device: str, key: str, now: float) -> Issued | None:
    """The valid certificate that was given to this very key."""
    query = sa.select(certificate).where(
        certificate.c.device == device,
        certificate.c.key == key,
        certificate.c.revoked_at.is_(None),
        certificate.c.not_after > now,
    )
    row = connection.execute(query).first()
    return None if row is None else _issued(row)


def is_revoked(connection: sa.Connection, serial: str) -> bool:
    query = sa.select(certificate.c.revoked_at).where(certificate.c.serial == serial)
    return connection.execute(query).scalar() is not None


def newest_certificate(connection: sa.Connection, device: str) -> Issued | None:
    query = sa.select(certificate).where(certificate.c.device == device, certificate.c.revoked_at.is_(None))
    row = connection.execute(query.order_by(certificate.c.not_before.desc()).limit(1)).first()
    return None if row is None else _issued(row)


def newest_certificates(connection: sa.Connection) -> dict[str, str]:
    """Serial number of each device's newest certificate."""
    query = sa.select(certificate.c.device, certificate.c.serial).order_by(certificate.c.not_before)
    return {row.device: row.serial for row in connection.execute(query)}


def revoke_certificates(connection: sa.Connection, device: str, now: float, but: tuple[str, ...] = ()) -> list[str]:
    """Revoke every certificate of the device but these; return the serial numbers."""
    mine = (certificate.c.device == device, certificate.c.revoked_at.is_(None), certificate.c.serial.not_in(but))
    serials = list(connection.execute(sa.select(certificate.c.serial).where(*mine)).scalars())
    connection.execute(certificate.update().where(*mine).values(revoked_at=now))
    return serials


def revoked_certificates(connection: sa.Connection, now: float) -> list[tuple[str, str, str, float]]:
    """Device, issuer, serial number and when, of those that are revoked and would not have ended by themselves."""
    columns = (certificate.c.device, certificate.c.issuer, certificate.c.serial, certificate.c.revoked_at)
    query = sa.select(*columns).where(certificate.c.revoked_at.is_not(None), certificate.c.not_after > now)
    return [tuple(row) for row in connection.execute(query.order_by(certificate.c.serial))]


def depend_on(connection: sa.Connection, issuer: str, now: float) -> int:
    """How many devices have nothing newer than a valid certificate of this authority."""
    valid = (certificate.c.revoked_at.is_(None), certificate.c.not_after > now)
    query = sa.select(certificate.c.device, certificate.c.issuer).where(*valid).order_by(certificate.c.not_before)
    newest = {row.device: row.issuer for row in connection.execute(query)}
    return sum(1 for other in newest.values() if other == issuer)


def _token(row: Any) -> TokenRow:
    return TokenRow(*(getattr(row, name) for name in TokenRow._fields))


def _known(row: Any) -> Known:
    machine = Machine(row.system, row.board)
    return Known(row.device, row.customer, row.site, machine, row.enrolled_at, row.revoked_at, row.reason)


def _issued(row: Any) -> Issued:
    return Issued(row.pem, row.serial, row.issuer, row.not_before, row.not_after)
