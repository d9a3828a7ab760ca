"""The one place where a request is let through or refused: who asks, what the route's row demands, whose it is."""

from collections.abc import Callable
from typing import Any, Protocol

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler

from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.api.fleet import no_such_device
from forewarn_collector.api.permissions import Own, permission
from forewarn_collector.tickets.life import no_such_ticket

Connection = ASGIConnection[Any, Any, Any, Any]
Authenticate = Callable[[Connection], Caller | None]


class Owners(Protocol):
    """Whose a device or a ticket is."""

    def of_device(self, name: str) -> str:
        """The customer; a device that no entry names has one, too."""

    def of_ticket(self, number: int) -> str | None:
        """The customer; None when there is no such ticket."""


class Guard:
    """A guard of Litestar. It leaves the caller in the request's state."""

    def __init__(self, authenticate: Authenticate, owners: Owners) -> None:
        self._authenticate = authenticate
        self._owners = owners

    async def __call__(self, connection: Connection, _handler: BaseRouteHandler) -> None:
        row = permission(connection.scope["method"], connection.scope["path_template"])  # type: ignore[typeddict-item]
        if row is not None and row.least is None:
            return
        caller = self._authenticate(connection)
        if caller is None:
            raise NotAuthorizedException("send a token of this collector as Authorization: Bearer")
        connection.state.caller = caller
        if row is None or row.least is None or not caller.role.includes(row.least):
            raise PermissionDeniedException(f"this is not for the role {caller.role}")
        if caller.role is Role.CUSTOMER:
            self._keep_to_its_own(caller, row.own, connection.path_params)

    def _keep_to_its_own(self, caller: Caller, own: Own | None, path: dict[str, Any]) -> None:
        """Raise what is raised for a thing that is not there: a customer learns nothing about those of others."""
        if own is Own.DEVICE and not caller.may_see(self._owners.of_device(path["name"])):
            raise no_such_device(path["name"])
        if own is Own.TICKET:
            customer = self._owners.of_ticket(path["number"])
            if customer is None or not caller.may_see(customer):
                raise no_such_ticket(path["number"])
        if own is None:
            raise PermissionDeniedException(f"this is not for the role {caller.role}")


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """What a handler gets as ``caller``."""
    caller: Caller = request.state.caller
    return caller
