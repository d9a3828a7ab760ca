"""Users, tokens and audit entries as values. Times are Unix seconds."""

import re
from typing import Any

import msgspec

from forewarn_collector.access.caller import Role

LOCAL = "local"
"""Who has no name but may read the data directory."""

ACTOR_HEADER = "Forewarn-Actor"
"""Who sits at the machine of the collector, percent-encoded; believed beside the local token alone."""

LOGIN, API = "login", "api"
"""Kinds of tokens: of ``forewarn login``, which a new password revokes, and of ``forewarn token create``."""


class AccessError(Exception):
    """This cannot be done now; the text says why and what to do."""


class NoUser(LookupError):
    """There is no user or token of this name."""


class WrongPassword(Exception):
    """User or password is wrong, or the user is disabled; nobody is told which."""


class Locked(Exception):
    """Too many wrong tries. ``seconds``: how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many tries; try again in {max(1, round(seconds))} s")
        self.seconds = seconds


class User(msgspec.Struct, frozen=True, kw_only=True):
    """``password``: whether one is set; without it nobody logs in under this name."""

    name: str
    role: Role
    customer: str | None
    password: bool
    created_at: float
    disabled_at: float | None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is not secret; the secret itself is shown once and stored nowhere."""

    id: str
    user: str
    kind: str
    note: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """``secret``: the token, or the code of a one-time link. It is not to be had again."""

    id: str
    secret: str
    expires_at: float | None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what. ``status`` is that of the answer; ``before`` and ``after`` are null where nothing was noted."""

    at: float
    who: str
    role: str
    token: str
    address: str
    action: str
    status: int
    before: Any
    after: Any


def user_name_problem(name: str) -> str | None:
    """Why this is no name of a user; None when it is one."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{0,63}", name):
        return "a user name is 1 to 64 lower case letters, digits, dots, dashes, underscores and @"
    return f"{name!r} is kept for the collector itself: choose another" if name == LOCAL else None


def role_problem(role: Role, customer: str | None) -> str | None:
    """Why role and customer do not fit each other; None when they do."""
    if role is Role.CUSTOMER and not customer:
        return "a user with the role customer needs the name of the customer"
    if role is not Role.CUSTOMER and customer is not None:
        return f"the role {role} sees every customer: leave the customer out"
    return None
