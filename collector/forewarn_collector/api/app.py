"""The HTTP API. Every answer is a type of ``views``; every error is one line of JSON: {"detail": ...}."""

import logging
import math
import secrets
from collections.abc import Callable
from typing import Annotated, Any

from litestar import Litestar, Request, Response, Router, get, post, put
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import Parameter

from forewarn_collector.api.baselines import Baselines
from forewarn_collector.api.explained import Explanations
from forewarn_collector.api.fleet import Fleet, NotHere
from forewarn_collector.api.views import (
    Accept,
    AcceptedView,
    Act,
    BaselineView,
    DeadLetters,
    DeviceLine,
    DeviceView,
    Explained,
    Health,
    Problem,
    SeriesData,
    SetClock,
)
from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.store.sampling import Aggregate
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import ACTIONS, LIVE, STATES, NoTicket, TicketError
from forewarn_collector.tickets.model import Ticket, WatchList
from forewarn_collector.tickets.outcomes import Record
from forewarn_collector.tickets.push import Push
from forewarn_collector.version import version

log = logging.getLogger(__name__)

PROBLEMS = {
    400: ResponseSpec(Problem, generate_examples=False, description="a parameter or the body does not fit"),
    401: ResponseSpec(Problem, generate_examples=False, description="the token is missing or wrong"),
    404: ResponseSpec(Problem, generate_examples=False, description="there is no such device, ticket or metric"),
    409: ResponseSpec(Problem, generate_examples=False, description="the ticket does not allow that now"),
}
TOKEN = {"token": SecurityScheme(type="http", scheme="bearer", description="the token of api.json")}

Limit = Annotated[int, Parameter(ge=1, le=100_000)]
Points = Annotated[int | None, Parameter(ge=1, le=100_000)]


def build_api(
    token: str,
    fleet: Fleet,
    baselines: Baselines,
    explanations: Explanations,
    desk: Desk,
    push: Push,
    health: Callable[[], Health],
    clock: Clock,
) -> Litestar:
    """``token``: what a caller must send as ``Authorization: Bearer``. ``/healthz`` answers anybody."""
    expected = f"Bearer {token}".encode()

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        given = connection.headers.get("authorization", "").encode()
        if not secrets.compare_digest(given, expected):
            raise NotAuthorizedException("send the token of this collector: it is in api.json of its data directory")

    @get("/healthz", sync_to_thread=True, responses={503: ResponseSpec(dict[str, str], description="in trouble")})
    def healthz() -> Response[dict[str, str]]:
        """Whether the collector works: 200, or 503. What troubles it stands in ``/api/v1/status``."""
        troubled = bool(health().troubles)
        return Response({"status": "in trouble" if troubled else "ok"}, status_code=503 if troubled else 200)

    @get("/status", sync_to_thread=True, responses=PROBLEMS)
    def status() -> Health:
        """Counters, addresses and troubles."""
        return health()

    @get("/devices", sync_to_thread=True, responses=PROBLEMS)
    def devices() -> list[DeviceLine]:
        """Every device that has ever reported."""
        return fleet.lines()

    @get("/reports", sync_to_thread=True, responses=PROBLEMS)
    def reports() -> dict[str, int]:
        """Stored reports of each device."""
        return fleet.reports()

    @get("/devices/{name:str}", sync_to_thread=True, responses=PROBLEMS)
    def device(name: str) -> DeviceView:
        """One device: parts, last values, verdicts and what is unknown."""
        return fleet.device(name)

    @get("/devices/{name:str}/series", sync_to_thread=True, responses=PROBLEMS)
    def series(
        name: str,
        metric: str,
        start: float,
        end: float,
        part: str | None = None,
        points: Points = None,
        aggregate: Aggregate = "last",
    ) -> list[SeriesData]:
        """Stored values of one metric, one list per part; with ``points``, thinned out to that many."""
        if not (math.isfinite(start) and math.isfinite(end)):
            raise ValidationException("start and end are Unix times in seconds")
        return fleet.read(name, metric, part, start, end, points, aggregate)

    @get("/devices/{name:str}/baseline", sync_to_thread=True, responses=PROBLEMS)
    def baseline(name: str, part: str | None = None) -> list[BaselineView]:
        """What the counters of a device's parts count from: first seen and accepted values."""
        return baselines.show(name, part)

    @post("/devices/{name:str}/baseline", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def accept_baseline(name: str, data: Accept) -> AcceptedView:
        """Take what the counters show now as known: they raise again only when they grow."""
        return baselines.accept(name, data)

    @get("/tickets", sync_to_thread=True, responses=PROBLEMS)
    def tickets(
        device: str | None = None,
        customer: str | None = None,
        fault: str | None = None,
        ticket_state: Annotated[str | None, Parameter(query="state")] = None,
        limit: Limit = 1000,
    ) -> list[Ticket]:
        """Tickets, the worst first; those that are not ended unless ``state`` says otherwise (or ``all``)."""
        if ticket_state not in (None, "all", *STATES):
            raise ValidationException(f"{ticket_state!r} is not a state: {', '.join(STATES)}, all")
        states = LIVE if ticket_state is None else STATES if ticket_state == "all" else (ticket_state,)
        return desk.tickets(states=states, device=device, customer=customer, fault=fault, limit=limit)

    @get("/tickets/{number:int}", sync_to_thread=True, responses=PROBLEMS)
    def ticket(number: int) -> Ticket:
        """One ticket with its evidence and timeline."""
        return desk.ticket(number)

    @post("/tickets/{number:int}/note", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def note(number: int, data: Act) -> Ticket:
        """Add a note to the timeline."""
        if not data.text.strip():
            raise ValidationException("a note needs a text")
        return desk.note(number, data.actor, data.text, data.visibility)

    @post("/tickets/{number:int}/{action:str}", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def act(number: int, action: str, data: Act) -> Ticket:
        """acknowledge, start, wait, resolve or close (which needs an outcome)."""
        if action not in ACTIONS:
            raise NotHere(f"{action!r} is not an action: {', '.join(ACTIONS)}, note")
        return desk.act(
            number,
            action,
            data.actor,
            outcome=data.outcome,
            text=data.text,
            waiting_for=data.waiting_for,
            visibility=data.visibility,
        )

    @get("/watch", sync_to_thread=True, responses=PROBLEMS)
    def watch_list() -> WatchList:
        """Predictions for which the ticket budget had no room, the most urgent first."""
        return desk.watch_list()

    @post("/watch/{number:int}/open", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def open_watched(number: int, data: Act) -> Ticket:
        """Make a ticket of a prediction that waits, whatever the budget says."""
        return desk.open_watched(number, data.actor, data.text)

    @get("/rules/records", sync_to_thread=True, responses=PROBLEMS)
    def rule_records() -> list[Record]:
        """How often the tickets of each rule were right, and how long before; by engineers' outcomes."""
        return desk.rule_records()

    @get("/rules/{rule_id:str}/explain", sync_to_thread=True, responses=PROBLEMS)
    def explain_rule(rule_id: str, device: str) -> Explained:
        """What a rule sees on the components of a device, what it makes of that, and what would change it."""
        return explanations.explain(rule_id, device)

    @get("/dead-letters", sync_to_thread=True, responses=PROBLEMS)
    def dead_letters(limit: Limit = 100, reason: str | None = None) -> DeadLetters:
        """What could not be accepted, and why."""
        return fleet.dead_letters(limit, reason)

    @get("/deliveries", sync_to_thread=True, responses=PROBLEMS)
    def deliveries(limit: Limit = 100) -> list[dict[str, Any]]:
        """What was sent, waits, or is parked."""
        return push.listing(limit)

    @put("/clock", sync_to_thread=True, responses=PROBLEMS)
    def set_clock(data: SetClock) -> SetClock:
        """Set the clock of a simulation; null gives it back to the machine."""
        assert isinstance(clock, SettableClock)
        clock.set(data.now)
        return data

    guarded: list[Any] = [
        status,
        devices,
        reports,
        device,
        series,
        baseline,
        accept_baseline,
        tickets,
        ticket,
        note,
        act,
        watch_list,
        open_watched,
        rule_records,
        explain_rule,
        dead_letters,
        deliveries,
    ]
    if isinstance(clock, SettableClock):
        guarded.append(set_clock)
    return Litestar(
        route_handlers=[
            healthz,
            Router("/api/v1", route_handlers=guarded, guards=[guard], security=[{name: []} for name in TOKEN]),
        ],
        exception_handlers={
            NotHere: _not_here,
            NoTicket: _not_here,
            TicketError: _ticket_error,
            HTTPException: _refused,
            RecursionError: _too_deep,
            500: _internal_error,
        },
        logging_config=None,
        openapi_config=OpenAPIConfig(
            title="forewarn",
            version=version(),
            components=Components(security_schemes=dict(TOKEN)),
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router("/api/v1/schema", route_handlers=[], guards=[guard], include_in_schema=False),
        ),
    )


def _not_here(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    return Response({"detail": str(error)}, status_code=404)


def _refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, str]]:
    """One line that names every parameter or key that does not fit."""
    if error.status_code >= 500:
        return _internal_error(request, error)
    extra = error.extra if isinstance(error.extra, list) else []
    found = [f"{item.get('key', '')}: {item.get('message', '')}".strip(": ") for item in extra]
    detail = " ".join(("; ".join(found) or error.detail).split())
    return Response({"detail": detail}, status_code=error.status_code, headers=error.headers)


def _too_deep(_request: Request[Any, Any, Any], _error: RecursionError) -> Response[dict[str, str]]:
    return Response({"detail": "JSON is nested too deeply"}, status_code=400)


def _internal_error(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    log.error("an answer failed", exc_info=error)
    return Response({"detail": f"the collector failed: {type(error).__name__}; its log says more"}, status_code=500)


def _ticket_error(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    return Response({"detail": str(error)}, status_code=409)
