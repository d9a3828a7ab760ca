"""The one place where a request is let through or refused: who asks, what the route's row demands, whose it is."""

import asyncio
import secrets
from collections.abc import Callable
from math import ceil
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    NotAuthorizedException,
    PermissionDeniedException,
    TooManyRequestsException,
    ValidationException,
)
from litestar.handlers.base import BaseRouteHandler

from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.access.limits import TokenBuckets, network_of
from forewarn_collector.access.model import ACTOR_HEADER, LOCAL
from forewarn_collector.api.not_here import no_such_device
from forewarn_collector.api.permissions import Own, Permission, permission
from forewarn_collector.tickets.life import no_such_ticket

Connection = ASGIConnection[Any, Any, Any, Any]
IN_ADDRESSES = {"token", "access_token", "api_key", "apikey", "authorization", "password"}


class Owners(Protocol):
    """Whose a device or a ticket is."""

    def of_device(self, name: str) -> str:
        """The customer; a device that no entry names has one, too."""

    def of_ticket(self, number: int) -> str | None:
        """The customer; None when there is no such ticket."""


class Door(msgspec.Struct, frozen=True):
    """What opens it. ``local_token``: the one of ``api.json``; ``caller``: who shows a token, None for a wrong one;
    ``awake``: seconds of a clock that never jumps."""

    local_token: str
    caller: Callable[[str], Caller | None]
    rate: TokenBuckets
    awake: Callable[[], float]


class Guard:
    """A guard of Litestar. It leaves the caller in the request's state."""

    def __init__(self, door: Door, owners: Owners) -> None:
        self._door = door
        self._owners = owners

    async def __call__(self, connection: Connection, _handler: BaseRouteHandler) -> None:
        row = permission(connection.scope["method"], connection.scope["path_template"])  # type: ignore[typeddict-item]
        if IN_ADDRESSES & {name.lower() for name in connection.query_params}:
            raise ValidationException("a secret in an address ends up in logs: send it as Authorization: Bearer")
        if row is not None and row.least is None:
            self._count(network_of(address_of(connection)))
            return
        caller = await self._caller(connection)
        if caller is None:
            self._count(network_of(address_of(connection)))
            raise NotAuthorizedException("send a token of this collector as Authorization: Bearer")
        connection.state.caller = caller
        if not caller.local:
            self._count(caller.token)
        if row is None or row.least is None or not caller.role.includes(row.least):
            raise PermissionDeniedException(f"this is not for the role {caller.role}")
        if caller.role is Role.CUSTOMER:
            self._keep_to_its_own(caller, row, connection.path_params)

    async def _caller(self, connection: Connection) -> Caller | None:
        given = connection.headers.getall("authorization", [])
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token:
            return None
        if secrets.compare_digest(token.encode(), self._door.local_token.encode()):
            name = unquote(connection.headers.get(ACTOR_HEADER, ""))[:200] or LOCAL
            return Caller(name=name, role=Role.ADMIN, local=True)
        return await asyncio.to_thread(self._door.caller, token)

    def _count(self, key: str) -> None:
        if wait := self._door.rate.take(key, self._door.awake()):
            raise too_many("too many requests", wait)

    def _keep_to_its_own(self, caller: Caller, row: Permission, path: dict[str, Any]) -> None:
        """Raise what is raised for a thing that is not there: a customer learns nothing about those of others."""
        if row.own is Own.DEVICE and not caller.may_see(self._owners.of_device(path["name"])):
            raise no_such_device(path["name"])
        if row.own is Own.TICKET:
            customer = self._owners.of_ticket(path["number"])
            if customer is None or not caller.may_see(customer):
                raise no_such_ticket(path["number"])
        if row.own is None:
            raise PermissionDeniedException(f"this is not for the role {caller.role}")


def too_many(text: str, wait: float) -> TooManyRequestsException:
    """``wait``: seconds."""
    return TooManyRequestsException(text, headers={"Retry-After": str(ceil(wait))})


def address_of(connection: Connection) -> str:
    """Where the request comes from; behind a proxy that ``api.proxies`` names, what that says."""
    return connection.client.host if connection.client else ""


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """What a handler gets as ``caller``."""
    caller: Caller = request.state.caller
    return caller
