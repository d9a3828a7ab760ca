"""The HTTP API: routes by area, one guard before all of them. Every answer is a type of ``views``."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components

from forewarn_collector.api.audited import Audited, noted_of
from forewarn_collector.api.baselines import Baselines
from forewarn_collector.api.described import TOKEN
from forewarn_collector.api.duty import Duty
from forewarn_collector.api.explained import Explanations
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.gate import BODY_BYTES
from forewarn_collector.api.guard import Door, Guard, caller_of
from forewarn_collector.api.orders import Orders
from forewarn_collector.api.owners import Owners
from forewarn_collector.api.problems import HANDLERS
from forewarn_collector.api.routes.access import Access, access_routes
from forewarn_collector.api.routes.collector import (
    clock_routes,
    collector_routes,
    healthz_route,
    metrics_route,
)
from forewarn_collector.api.routes.destinations import destination_routes, hook_route
from forewarn_collector.api.routes.devices import device_routes
from forewarn_collector.api.routes.fleet import fleet_routes
from forewarn_collector.api.routes.identity import Enrolment, identity_routes
from forewarn_collector.api.routes.notify import notify_routes
from forewarn_collector.api.routes.orders import order_routes
from forewarn_collector.api.routes.people import people_routes
from forewarn_collector.api.routes.rules import rule_routes
from forewarn_collector.api.routes.tickets import ticket_routes
from forewarn_collector.api.views import Health
from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.destinations import Destinations
from forewarn_collector.identity.office import Office
from forewarn_collector.notify.switchboard import Switchboard
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.push import Push
from forewarn_collector.version import version
from forewarn_collector.web.pages import templates


def build_api(
    door: Door,
    access: Access,
    owners: Owners,
    fleet: Fleet,
    baselines: Baselines,
    explanations: Explanations,
    orders: Orders,
    duty: Duty,
    desk: Desk,
    push: Push,
    health: Callable[[], Health],
    clock: Clock,
    pages: Sequence[Router],
    service: Sequence[Any],
    office: Office,
    enrolment: Callable[[], Enrolment | None],
    switchboard: Switchboard,
    destinations: Destinations,
) -> Litestar:
    """``pages`` are for browsers, ``service`` the routes about tickets beside working on them; ``enrolment``: where
    machines are enrolled, None where they are not. What a route asks of a caller stands in ``permissions``."""
    routes: list[Any] = [
        *collector_routes(fleet, health),
        *destination_routes(destinations, push, clock.now),
        *device_routes(fleet, baselines),
        *fleet_routes(fleet, clock.now),
        *ticket_routes(desk, duty),
        *service,
        *people_routes(duty),
        *rule_routes(desk, explanations),
        *access_routes(access),
        *identity_routes(office, enrolment, clock.now),
        *order_routes(orders),
        *notify_routes(switchboard),
        *(clock_routes(clock) if isinstance(clock, SettableClock) else []),
    ]
    return Litestar(
        route_handlers=[
            healthz_route(health),
            metrics_route(health),
            hook_route(destinations),
            *pages,
            Router("/api/v1", route_handlers=routes, security=[{name: []} for name in TOKEN]),
        ],
        guards=[Guard(door, owners)],
        middleware=[DefineMiddleware(Audited, write=access.audit.add, now=clock.now)],
        dependencies={
            "caller": Provide(caller_of, sync_to_thread=False),
            "noted": Provide(noted_of, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        template_config=templates(),
        request_max_body_size=BODY_BYTES,
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="forewarn",
            version=version(),
            components=Components(security_schemes=dict(TOKEN)),
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router("/api/v1/schema", route_handlers=[], include_in_schema=False),
        ),
    )
