"""Every route has a row that says who may use it, and without one nobody may."""

from typing import Any

import pytest
import sqlalchemy as sa
from litestar import Litestar, get
from litestar.testing import TestClient

from forewarn_collector.access.audit import Audit
from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.access.limits import TokenBuckets
from forewarn_collector.api.app import build_api
from forewarn_collector.api.guard import Door, Guard
from forewarn_collector.api.permissions import PERMISSIONS, Own, permission
from forewarn_collector.api.routes.access import Access
from forewarn_collector.api.routes.service import service_routes
from forewarn_collector.clock import SettableClock
from forewarn_collector.web.pages import pages
from forewarn_collector.web.rating import rating_page


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    """Every method and path that a collector can serve; a simulated clock has one route more."""
    nothing: Any = None
    access = Access(nothing, nothing, Audit(sa.create_engine("sqlite://")), nothing, nothing)
    rooms = [nothing] * 9
    browser = [pages(nothing, "http://127.0.0.1", False), rating_page(nothing, False)]
    service = service_routes(nothing, nothing, "")
    api = build_api(nothing, access, *rooms, SettableClock(0.0), browser, service, nothing, nothing, nothing, nothing)
    found = {(method, route.path_format) for route in api.routes for method in route.methods}
    return {(method, path) for method, path in found if method != "OPTIONS"}


def test_every_route_has_its_row(routes: set[tuple[str, str]]) -> None:
    assert sorted(route for route in routes if permission(*route) is None) == [], (
        "say in collector/forewarn_collector/api/permissions.py who may use these"
    )


def test_no_row_is_left_of_a_route_that_is_gone(routes: set[tuple[str, str]]) -> None:
    assert sorted(set(PERMISSIONS) - routes) == []


def test_a_row_for_customers_says_how_they_are_kept_to_their_own() -> None:
    for (_, path), row in PERMISSIONS.items():
        assert (row.own is not None) == (row.least is Role.CUSTOMER), path
        assert row.own is not Own.DEVICE or "{name}" in path, path
        assert row.own is not Own.TICKET or "{number}" in path, path


def test_what_is_open_to_anybody_is_short_and_known() -> None:
    assert {path for (_, path), row in PERMISSIONS.items() if row.least is None} == {
        "/healthz", "/api/v1/login", "/hooks/{name}", "/welcome/{code}", "/welcome/forewarn.css", "/rate/{code}"
    }  # fmt: skip


def test_each_role_may_what_those_before_it_may() -> None:
    assert [[role.includes(other) for other in Role] for role in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize("role", list(Role))
def test_a_route_without_a_row_is_refused_for_every_role(role: Role) -> None:
    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "told"

    owners: Any = None
    door = Door("local", lambda _: Caller(name="ann", role=role, customer="Acme"), TokenBuckets(100), lambda: 0.0)
    guard = Guard(door, owners)
    with TestClient(Litestar([forgotten], guards=[guard])) as client:
        client.headers["Authorization"] = "Bearer token"
        assert client.get("/forgotten").status_code == 403
        assert client.options("/forgotten").status_code == 403
