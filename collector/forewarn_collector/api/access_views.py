"""What the routes about users, tokens and the audit log take and answer, as types."""

from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.access.caller import Role

Name = Annotated[str, Meta(max_length=64)]
Customer = Annotated[str, Meta(min_length=1, max_length=200)]
Password = Annotated[str, Meta(min_length=1, max_length=256)]
YEAR = 366 * 86_400


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    user: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Password


class LoggedIn(msgspec.Struct, kw_only=True):
    """``token`` is shown once. ``expires_at``: Unix seconds, null: until it is revoked."""

    id: str
    token: str
    user: str
    expires_at: float | None


class WhoAmI(msgspec.Struct, kw_only=True):
    """``local``: by the token of the data directory; ``customer`` is set for the role customer.
    ``now``: the collector's clock, Unix seconds."""

    name: str
    role: Role
    customer: str | None
    local: bool
    now: float


class NewUser(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: Name
    role: Role
    customer: Customer | None = None


class SetRole(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    role: Role
    customer: Customer | None = None


class SetPassword(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``current`` is asked of those who change their own."""

    password: Password
    current: Password | None = None


class LinkView(msgspec.Struct, kw_only=True):
    """A one-time link at which a user sets a password. It is shown once."""

    url: str
    expires_at: float | None


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``user``: whose it is, null for one's own; ``seconds``: how long it is good for, null: until it is revoked."""

    user: Name | None = None
    note: Annotated[str, Meta(max_length=200)] = ""
    seconds: Annotated[int, Meta(ge=1, le=10 * YEAR)] | None = None
