"""Enrolment tokens: shown once, kept as a digest. Pure but for the randomness of new ones."""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

SECRET_BYTES = 24
_TEXT = re.compile(r"fw([1-9][0-9]{0,17})-([A-Za-z0-9_-]{32})", re.ASCII)


class TokenRow(NamedTuple):
    """A token as it is kept. ``digest``: SHA-256 of its secret part, which is random enough to need no salt."""

    id: int
    digest: str
    customer: str
    site: str
    created_at: float
    created_by: str
    expires_at: float
    uses: int
    used: int
    revoked_at: float | None


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def write_token(id_: int, secret: str) -> str:
    return f"fw{id_}-{secret}"


def take_apart(token: str) -> tuple[int, str] | None:
    """Number and secret; None when it does not look like a token."""
    found = _TEXT.fullmatch(token)
    return (int(found[1]), found[2]) if found else None


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_genuine(row: TokenRow | None, secret: str) -> bool:
    """Takes the same time whatever is wrong, also for a token that does not exist."""
    expected = row.digest if row is not None else digest("")
    return hmac.compare_digest(digest(secret), expected) and row is not None


def problem(row: TokenRow, now: float) -> str | None:
    """Why a genuine token opens nothing, or None."""
    if row.revoked_at is not None:
        return "the token was revoked"
    if now >= row.expires_at:
        return "the token has expired"
    if row.used >= row.uses:
        return "the token is used up"
    return None
