"""The collector itself: how it is, what it could not take, what it sends."""

from collections.abc import Callable
from typing import Any

from litestar import MediaType, Response, get, put
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, JSONBody

from forewarn_collector.api.described import PROBLEMS, TOKEN, Limit
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.views import DeadLetters, Health, SetClock
from forewarn_collector.clock import SettableClock
from forewarn_collector.selfcheck.exposition import CONTENT_TYPE, exposition


def healthz_route(health: Callable[[], Health]) -> Any:
    @get("/healthz", sync_to_thread=True, responses={503: ResponseSpec(dict[str, str], description="in trouble")})
    def healthz() -> Response[dict[str, str]]:
        """Whether the collector works: 200, or 503. What troubles it stands in ``/api/v1/status``."""
        troubled = bool(health().troubles)
        return Response({"status": "in trouble" if troubled else "ok"}, status_code=503 if troubled else 200)

    return healthz


def metrics_route(health: Callable[[], Health]) -> Any:
    @get(
        "/metrics",
        responses=PROBLEMS,
        sync_to_thread=True,
        media_type=MediaType.TEXT,
        security=[{name: []} for name in TOKEN],
    )
    def metrics() -> Response[bytes]:
        """The same as ``/api/v1/status`` for Prometheus, and the process's own figures."""
        return Response(exposition(health()), media_type=CONTENT_TYPE)

    return metrics


def collector_routes(fleet: Fleet, health: Callable[[], Health]) -> list[Any]:
    @get("/status", sync_to_thread=True, responses=PROBLEMS)
    def status() -> Health:
        """Counters, addresses and troubles."""
        return health()

    @get("/dead-letters", sync_to_thread=True, responses=PROBLEMS)
    def dead_letters(limit: Limit = 100, reason: FromQuery[str | None] = None) -> DeadLetters:
        """What could not be accepted, and why."""
        return fleet.dead_letters(limit, reason)

    return [status, dead_letters]


def clock_routes(clock: SettableClock) -> list[Any]:
    @put("/clock", sync_to_thread=True, responses=PROBLEMS)
    def set_clock(data: JSONBody[SetClock]) -> SetClock:
        """Set the clock of a simulation; null gives it back to the machine."""
        clock.set(data.now)
        return data

    return [set_clock]
