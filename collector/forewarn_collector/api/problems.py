"""Every error is one line of JSON: {"detail": ...}."""

import logging
from math import ceil
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from forewarn_collector.access.model import AccessError, Locked, NoUser, WrongPassword
from forewarn_collector.api.not_here import NotHere
from forewarn_collector.identity.office import Unknown
from forewarn_collector.judge.asked import Busy
from forewarn_collector.notify.model import NotifyError, NoWindow
from forewarn_collector.orders.model import OrderError
from forewarn_collector.people.model import Changed, NoEntry
from forewarn_collector.people.reading import DirectoryError
from forewarn_collector.store.external.interface import Unavailable
from forewarn_collector.store.state import database_trouble
from forewarn_collector.tickets.life import NoTicket, TicketError

log = logging.getLogger(__name__)

Answer = Response[dict[str, str]]


def _not_here(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    return Response({"detail": str(error)}, status_code=404)


def _refused(request: Request[Any, Any, Any], error: HTTPException) -> Answer:
    """One line that names every parameter or key that does not fit."""
    if error.status_code >= 500:
        return _internal_error(request, error)
    extra = error.extra if isinstance(error.extra, list) else []
    found = [f"{item.get('key', '')}: {item.get('message', '')}".strip(": ") for item in extra]
    detail = " ".join(("; ".join(found) or error.detail).split())
    return Response({"detail": detail}, status_code=error.status_code, headers=error.headers)


def _too_deep(_request: Request[Any, Any, Any], _error: RecursionError) -> Answer:
    return Response({"detail": "JSON is nested too deeply"}, status_code=400)


def _internal_error(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    if trouble := database_trouble(error):
        log.error("an answer failed: %s", trouble)
        return Response({"detail": trouble}, status_code=503)
    log.error("an answer failed", exc_info=error)
    return Response({"detail": f"the collector failed: {type(error).__name__}; its log says more"}, status_code=500)


def _mistaken(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    return Response({"detail": str(error)}, status_code=400)


def _conflict(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    return Response({"detail": str(error)}, status_code=409)


def _wrong_password(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    return Response({"detail": str(error)}, status_code=401)


def _locked(_request: Request[Any, Any, Any], error: Locked) -> Answer:
    headers = {"Retry-After": str(ceil(error.seconds))}
    return Response({"detail": str(error)}, status_code=429, headers=headers)


def _busy(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    return Response({"detail": str(error)}, status_code=503)


HANDLERS: dict[int | type[Exception], Any] = {
    NotHere: _not_here,
    NoTicket: _not_here,
    Unknown: _not_here,
    TicketError: _conflict,
    NoUser: _not_here,
    NoEntry: _not_here,
    DirectoryError: _mistaken,
    Changed: _conflict,
    AccessError: _conflict,
    WrongPassword: _wrong_password,
    Locked: _locked,
    Busy: _busy,
    Unavailable: _busy,
    OrderError: _conflict,
    NoWindow: _not_here,
    NotifyError: _conflict,
    HTTPException: _refused,
    RecursionError: _too_deep,
    500: _internal_error,
}
