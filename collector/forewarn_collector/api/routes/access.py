"""Logging in, users, tokens and the audit log."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from forewarn_collector.access.audit import Audit
from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.access.model import API, LOGIN, AccessError, AuditEntry, Token, User, WrongPassword
from forewarn_collector.access.tokens import Tokens
from forewarn_collector.access.users import Users
from forewarn_collector.api.access_views import (
    LinkView,
    LoggedIn,
    Login,
    NewToken,
    NewUser,
    SetPassword,
    SetRole,
    WhoAmI,
)
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.guard import address_of

LOGIN_SECONDS = 30 * 86_400.0


class Access(msgspec.Struct, frozen=True):
    """Everything about who may come in. ``link_url``: the address of the page for a code."""

    users: Users
    tokens: Tokens
    audit: Audit
    link_url: Callable[[str], str]
    now: Callable[[], float]


def access_routes(access: Access) -> list[Any]:
    return [*_session_routes(access), *_user_routes(access), *_token_routes(access), *_audit_routes(access)]


def _session_routes(access: Access) -> list[Any]:
    @post("/login", sync_to_thread=True, status_code=200, responses=PROBLEMS, security=[])
    def log_in(request: Request[Any, Any, Any], data: JSONBody[Login], noted: NamedDependency[Noted]) -> LoggedIn:
        """A token for a password, good for 30 days."""
        noted.refused = True
        # A password that was typed as a user name must not stand in the log.
        noted.who = data.user if any(user.name == data.user for user in access.users.all()) else "(unknown)"
        noted.after = {}
        user = access.users.check_password(data.user, data.password, address_of(request))
        issued = access.tokens.create(user.name, LOGIN, "", LOGIN_SECONDS)
        return LoggedIn(id=issued.id, token=issued.secret, user=user.name, expires_at=issued.expires_at)

    @post("/logout", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def log_out(caller: NamedDependency[Caller]) -> WhoAmI:
        """Revoke the token that is shown."""
        if caller.local:
            raise AccessError("the token of api.json ends when that file is deleted and the collector restarts")
        access.tokens.revoke(caller.token, caller.name)
        return _who(caller, access.now())

    @get("/whoami", sync_to_thread=False, responses=PROBLEMS)
    def who_am_i(caller: NamedDependency[Caller]) -> WhoAmI:
        """Whose token it is."""
        return _who(caller, access.now())

    return [log_in, log_out, who_am_i]


def _who(caller: Caller, now: float) -> WhoAmI:
    return WhoAmI(name=caller.name, role=caller.role, customer=caller.customer, local=caller.local, now=now)


def _shown(user: User) -> dict[str, Any]:
    """What of a user an audit entry tells."""
    return {"role": user.role, "customer": user.customer, "disabled": user.disabled_at is not None}


def _user_routes(access: Access) -> list[Any]:
    users = access.users

    @get("/users", sync_to_thread=True, responses=PROBLEMS)
    def list_users() -> list[User]:
        """Every user; passwords are not to be had, nor their hashes."""
        return users.all()

    @post("/users", sync_to_thread=True, responses=PROBLEMS)
    def add_user(data: JSONBody[NewUser]) -> User:
        """A new user, who cannot log in before a password is set: ``/users/{user}/link``."""
        return users.add(data.name, data.role, data.customer)

    @post("/users/{user:str}/link", sync_to_thread=True, responses=PROBLEMS)
    def make_link(user: FromPath[str]) -> LinkView:
        """A one-time link at which the user sets a password; an earlier one no longer works."""
        issued = users.make_link(user)
        return LinkView(url=access.link_url(issued.secret), expires_at=issued.expires_at)

    @post("/users/{user:str}/role", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def set_role(user: FromPath[str], data: JSONBody[SetRole], noted: NamedDependency[Noted]) -> User:
        """Another role; it holds from the next request on."""
        noted.before = _shown(users.get(user))
        changed = users.set_role(user, data.role, data.customer)
        noted.after = _shown(changed)
        return changed

    @post("/users/{user:str}/disable", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def disable(user: FromPath[str], noted: NamedDependency[Noted]) -> User:
        """No login and no token of this user works any more."""
        return _set_disabled(user, True, noted)

    @post("/users/{user:str}/enable", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def enable(user: FromPath[str], noted: NamedDependency[Noted]) -> User:
        """Let a disabled user in again."""
        return _set_disabled(user, False, noted)

    def _set_disabled(user: str, disabled: bool, noted: Noted) -> User:
        noted.before = _shown(users.get(user))
        changed = users.set_disabled(user, disabled)
        noted.after = _shown(changed)
        return changed

    @post("/users/{user:str}/password", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def set_password(
        request: Request[Any, Any, Any],
        user: FromPath[str],
        data: JSONBody[SetPassword],
        caller: NamedDependency[Caller],
    ) -> User:
        """One's own with the current one beside it; an administrator those of others. Logins end, tokens stay."""
        if user != caller.name and caller.role is not Role.ADMIN:
            raise PermissionDeniedException("only an administrator sets the passwords of others")
        if user == caller.name and not caller.local:
            try:
                users.check_password(user, data.current or "", address_of(request))
            except WrongPassword:
                raise PermissionDeniedException("the current password is wrong") from None
        return users.set_password(user, data.password)

    return [list_users, add_user, make_link, set_role, disable, enable, set_password]


def _token_routes(access: Access) -> list[Any]:
    tokens = access.tokens

    @get("/tokens", sync_to_thread=True, responses=PROBLEMS)
    def list_tokens(caller: NamedDependency[Caller]) -> list[Token]:
        """One's own; an administrator sees those of all. The secrets are not to be had."""
        return tokens.listing(None if caller.role is Role.ADMIN else caller.name)

    @post("/tokens", sync_to_thread=True, responses=PROBLEMS)
    def create_token(
        data: JSONBody[NewToken], caller: NamedDependency[Caller], noted: NamedDependency[Noted]
    ) -> LoggedIn:
        """A token for a program. It may what its user may, and is shown this once."""
        user = data.user or caller.name
        if user != caller.name and caller.role is not Role.ADMIN:
            raise PermissionDeniedException("only an administrator makes tokens for others")
        issued = tokens.create(user, API, data.note, data.seconds)
        noted.after = {"id": issued.id, "user": user, "note": data.note, "expires_at": issued.expires_at}
        return LoggedIn(id=issued.id, token=issued.secret, user=user, expires_at=issued.expires_at)

    @post("/tokens/{token_id:str}/revoke", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def revoke_token(token_id: FromPath[str], caller: NamedDependency[Caller]) -> Token:
        """It works no more; one's own, for an administrator any."""
        return tokens.revoke(token_id, None if caller.role is Role.ADMIN else caller.name)

    return [list_tokens, create_token, revoke_token]


def _audit_routes(access: Access) -> list[Any]:
    @get("/audit", sync_to_thread=True, responses=PROBLEMS)
    def audit(
        since: FromQuery[float] = 0.0,
        who: Annotated[str | None, QueryParameter(name="user")] = None,
        limit: Limit = 1000,
    ) -> list[AuditEntry]:
        """Who changed what, the newest first."""
        return access.audit.entries(since, who, limit)

    return [audit]
