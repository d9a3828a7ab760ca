"""Tokens: made, shown once, found out again by their hash, revoked."""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.access import rows
from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.access.model import Issued, NoUser, Token
from forewarn_collector.access.passwords import hash_secret, secret_fits
from forewarn_collector.access.secret import Secret, new_secret, read_secret
from forewarn_collector.access.tables import token
from forewarn_collector.store.state import reading

REMEMBERED = 1_000


class Tokens:
    def __init__(self, engine: sa.Engine, now: Callable[[], float]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        # argon2 is slow on purpose. What fitted once is known again by a digest that never leaves this process.
        self._fitted: OrderedDict[str, bytes] = OrderedDict()

    def create(self, user: str, kind: str, note: str, seconds: float | None) -> Issued:
        """``seconds``: how long it is good for; None: until it is revoked. Raise NoUser."""
        secret = new_secret()
        now = self._now()
        expires_at = None if seconds is None else now + seconds
        hashed = hash_secret(secret.part)
        with self._engine.begin() as db:
            if rows.find_user(db, user) is None:
                raise NoUser(f"there is no user {user!r}; `forewarn user list` shows them all")
            rows.add_token(
                db, id=secret.id, user=user, kind=kind, note=note, hash=hashed, created_at=now, expires_at=expires_at
            )
        return Issued(id=secret.id, secret=secret.text(), expires_at=expires_at)

    def listing(self, user: str | None) -> list[Token]:
        """Of one user, or all."""
        with self._reading.connect() as db:
            return rows.tokens(db, user)

    def revoke(self, id_: str, of: str | None) -> Token:
        """``of``: only when it is this user's. Raise NoUser when there is none."""
        mine = [token.c.id == id_] + ([] if of is None else [token.c.user == of])
        with self._engine.begin() as db:
            rows.revoke(db, self._now(), *mine)
            found = [one for one in rows.tokens(db, of) if one.id == id_]
        if not found:
            raise NoUser(f"there is no token {id_!r}; `forewarn token list` shows them all")
        return found[0]

    def caller(self, text: str) -> Caller | None:
        """Whose token it is; None when it is wrong, expired or revoked, or its user is disabled."""
        secret = read_secret(text)
        if secret is None:
            return None
        with self._reading.connect() as db:
            row = rows.token_with_user(db, secret.id)
        if row is None or row["revoked_at"] is not None or row["disabled_at"] is not None:
            return None
        if row["expires_at"] is not None and row["expires_at"] <= self._now():
            return None
        if not self._fits(secret, row["hash"]):
            return None
        return Caller(name=row["name"], role=Role(row["role"]), customer=row["customer"], token=secret.id)

    def _fits(self, secret: Secret, known: str) -> bool:
        digest = hashlib.sha256(f"{known}\n{secret.part}".encode()).digest()
        if hmac.compare_digest(self._fitted.get(secret.id, b""), digest):
            return True
        if not secret_fits(known, secret.part):
            return False
        self._fitted[secret.id] = digest
        if len(self._fitted) > REMEMBERED:
            self._fitted.popitem(last=False)
        return True
