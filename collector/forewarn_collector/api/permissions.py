"""Who may what: a row for each route. A route without a row is refused, and a test finds it. Pure.

A new route needs a row here and nothing else: ``(method, path as it is registered): least role``. When customers may
use it, the row also says how they are kept to their own (``Own``).
"""

from enum import StrEnum
from typing import NamedTuple

from forewarn_collector.access.caller import Role


class Own(StrEnum):
    """How a customer is kept to what is its own."""

    DEVICE = "device"
    """``{name}`` of the path is a device, which must be the customer's."""
    TICKET = "ticket"
    """``{number}`` of the path is a ticket, which must be the customer's."""
    FILTERED = "filtered"
    """The handler asks its ``caller``."""
    SAME = "same"
    """The answer is the same for everybody."""


class Permission(NamedTuple):
    """``least`` is None for what needs no token. What is not ``audited`` leaves no line in the audit log."""

    least: Role | None
    own: Own | None = None
    audited: bool = True


ANYBODY = Permission(None)
ENGINEER = Permission(Role.ENGINEER)
ADMIN = Permission(Role.ADMIN)
OWN_DEVICE = Permission(Role.CUSTOMER, Own.DEVICE)
OWN_TICKET = Permission(Role.CUSTOMER, Own.TICKET)
FILTERED = Permission(Role.CUSTOMER, Own.FILTERED)
SAME = Permission(Role.CUSTOMER, Own.SAME)

PERMISSIONS: dict[tuple[str, str], Permission] = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/metrics"): ENGINEER,
    # A ticket system shows its secret instead of a token; what it tells is not believed but looked up.
    ("POST", "/hooks/{name}"): Permission(None, audited=False),
    ("GET", "/welcome/forewarn.css"): ANYBODY,
    ("GET", "/welcome/{code}"): ANYBODY,
    ("POST", "/welcome/{code}"): ANYBODY,
    ("GET", "/rate/{code}"): ANYBODY,
    ("POST", "/rate/{code}"): ANYBODY,
    ("GET", "/api/v1/schema"): SAME,
    ("GET", "/api/v1/schema/openapi.json"): SAME,
    ("GET", "/api/v1/schema/{path}"): SAME,
    ("GET", "/api/v1/status"): ENGINEER,
    ("GET", "/api/v1/dead-letters"): ENGINEER,
    ("GET", "/api/v1/deliveries"): ENGINEER,
    ("GET", "/api/v1/destinations"): ENGINEER,
    ("POST", "/api/v1/destinations/{name}/test"): ENGINEER,
    ("POST", "/api/v1/destinations/{name}/retry"): ENGINEER,
    ("PUT", "/api/v1/clock"): Permission(Role.ADMIN, audited=False),
    ("GET", "/api/v1/devices"): FILTERED,
    ("GET", "/api/v1/reports"): FILTERED,
    ("GET", "/api/v1/fleet/latest"): FILTERED,
    ("GET", "/api/v1/fleet/top"): FILTERED,
    ("GET", "/api/v1/fleet/verdicts"): FILTERED,
    ("GET", "/api/v1/devices/{name}"): OWN_DEVICE,
    ("GET", "/api/v1/devices/{name}/series"): OWN_DEVICE,
    ("GET", "/api/v1/devices/{name}/baseline"): ENGINEER,
    ("POST", "/api/v1/devices/{name}/baseline"): ENGINEER,
    ("POST", "/api/v1/devices/{name}/revoke"): ENGINEER,
    ("POST", "/api/v1/devices/{name}/reinstate"): ADMIN,
    ("GET", "/api/v1/enrol-tokens"): ENGINEER,
    ("POST", "/api/v1/enrol-tokens"): ENGINEER,
    ("DELETE", "/api/v1/enrol-tokens/{number}"): ENGINEER,
    ("POST", "/api/v1/devices/{name}/orders"): ENGINEER,
    ("GET", "/api/v1/devices/{name}/settings"): ENGINEER,
    ("POST", "/api/v1/devices/{name}/settings"): ENGINEER,
    ("GET", "/api/v1/orders"): ENGINEER,
    ("GET", "/api/v1/orders/{id}"): ENGINEER,
    ("GET", "/api/v1/orders/{id}/attachment"): ENGINEER,
    ("GET", "/api/v1/notifications"): ENGINEER,
    ("POST", "/api/v1/notifications/test"): ENGINEER,
    ("GET", "/api/v1/maintenance"): ENGINEER,
    ("POST", "/api/v1/maintenance"): ENGINEER,
    ("POST", "/api/v1/maintenance/{number}/end"): ENGINEER,
    ("GET", "/api/v1/tickets"): FILTERED,
    ("GET", "/api/v1/tickets/{number}"): OWN_TICKET,
    ("GET", "/api/v1/tickets/{number}/elsewhere"): OWN_TICKET,
    ("POST", "/api/v1/tickets"): ENGINEER,
    ("GET", "/api/v1/tickets/{number}/explanation"): OWN_TICKET,
    ("POST", "/api/v1/tickets/{number}/rating-link"): ENGINEER,
    ("GET", "/api/v1/reports/quality"): ENGINEER,
    ("POST", "/api/v1/tickets/{number}/note"): ENGINEER,
    ("POST", "/api/v1/tickets/{number}/{action}"): ENGINEER,
    ("GET", "/api/v1/tickets/{number}/people"): OWN_TICKET,
    ("POST", "/api/v1/tickets/{number}/assign"): ENGINEER,
    ("GET", "/api/v1/directory"): FILTERED,
    ("POST", "/api/v1/directory"): ADMIN,
    ("GET", "/api/v1/directory/versions"): ENGINEER,
    ("GET", "/api/v1/on-call"): ENGINEER,
    ("POST", "/api/v1/on-call/overrides"): ENGINEER,
    ("DELETE", "/api/v1/on-call/overrides/{number}"): ENGINEER,
    ("GET", "/api/v1/engineers/{engineer}"): ENGINEER,
    ("GET", "/api/v1/watch"): ENGINEER,
    ("POST", "/api/v1/watch/{number}/open"): ENGINEER,
    ("GET", "/api/v1/rules/records"): ENGINEER,
    ("GET", "/api/v1/rules/{rule_id}/explain"): ENGINEER,
    ("POST", "/api/v1/login"): ANYBODY,
    ("POST", "/api/v1/logout"): FILTERED,
    ("GET", "/api/v1/whoami"): FILTERED,
    ("GET", "/api/v1/users"): ADMIN,
    ("POST", "/api/v1/users"): ADMIN,
    ("POST", "/api/v1/users/{user}/link"): ADMIN,
    ("POST", "/api/v1/users/{user}/role"): ADMIN,
    ("POST", "/api/v1/users/{user}/disable"): ADMIN,
    ("POST", "/api/v1/users/{user}/enable"): ADMIN,
    ("POST", "/api/v1/users/{user}/password"): FILTERED,
    ("GET", "/api/v1/tokens"): FILTERED,
    ("POST", "/api/v1/tokens"): FILTERED,
    ("POST", "/api/v1/tokens/{token_id}/revoke"): FILTERED,
    ("GET", "/api/v1/audit"): ADMIN,
}


def permission(method: str, path: str) -> Permission | None:
    """The row of a route; HEAD is a GET without its body. None: nobody may."""
    return PERMISSIONS.get(("GET" if method == "HEAD" else method, path))
