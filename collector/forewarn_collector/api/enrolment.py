"""The enrolment port: the one route of the collector that machines without an identity may use. HTTPS only.

It answers strangers, so everything is bounded: the body, the requests at a time, and the refusals of one address.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import JSONBody

from forewarn_collector.identity.office import BadRequest, Denied, Office, Refused
from forewarn_wire.enrolment import CA_PATH, ENROL_PATH, RENEW_PATH, Enrol, Enrolled, Renew

log = logging.getLogger(__name__)

BODY_LIMIT = 16_384
REFUSALS_A_MINUTE = 20
ADDRESSES_REMEMBERED = 10_000


class Patience:
    """How many refusals an address may get. Whoever succeeds is never slowed down: a site may be one address."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._refusals: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_over(self, address: str) -> bool:
        begun, count = self._refusals.get(address, (0.0, 0))
        return count >= REFUSALS_A_MINUTE and self._now() - begun < 60

    def forgive(self) -> None:
        """Everybody begins anew."""
        self._refusals.clear()

    def refused(self, address: str) -> None:
        begun, count = self._refusals.pop(address, (self._now(), 0))
        self._refusals[address] = (begun, count + 1) if self._now() - begun < 60 else (self._now(), 1)
        if len(self._refusals) > ADDRESSES_REMEMBERED:
            self._refusals.popitem(last=False)


def build_enrolment(office: Office, authorities: Callable[[], str], patience: Patience) -> Litestar:
    def address_of(request: Request[Any, Any, Any]) -> str:
        return request.client.host if request.client else ""

    def ask_patience(request: Request[Any, Any, Any]) -> None:
        if patience.is_over(address_of(request)):
            raise HTTPException("too many refused requests from this address: try again in a minute", status_code=429)

    @get(CA_PATH, sync_to_thread=True, media_type="application/x-pem-file")
    def ca() -> str:
        """The authorities' certificates; whoever asks must know one of their fingerprints from elsewhere."""
        return authorities()

    @post(ENROL_PATH, sync_to_thread=True, status_code=200)
    def enrol(data: JSONBody[Enrol], request: Request[Any, Any, Any]) -> Enrolled:
        ask_patience(request)
        return office.enrol(data)

    @post(RENEW_PATH, sync_to_thread=True, status_code=200)
    def renew(data: JSONBody[Renew], request: Request[Any, Any, Any]) -> Enrolled:
        ask_patience(request)
        return office.renew(data)

    def refuse(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
        patience.refused(address_of(request))
        codes = {Denied: 403, Refused: 409, BadRequest: 400}
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), 500)
        log.warning("refused to %s at %s: %s", address_of(request), request.url.path, error)
        return Response({"detail": str(error)}, status_code=code)

    def refuse_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, str]]:
        patience.refused(address_of(request))
        return Response({"detail": " ".join(error.detail.split())[:500]}, status_code=error.status_code)

    def refuse_depth(request: Request[Any, Any, Any], _error: RecursionError) -> Response[dict[str, str]]:
        patience.refused(address_of(request))
        return Response({"detail": "JSON is nested too deeply"}, status_code=400)

    def fail(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
        log.error("an enrolment failed", exc_info=error)
        return Response({"detail": "the collector failed: its log says more"}, status_code=500)

    return Litestar(
        route_handlers=[ca, enrol, renew],
        exception_handlers={
            Denied: refuse,
            Refused: refuse,
            BadRequest: refuse,
            HTTPException: refuse_http,
            RecursionError: refuse_depth,
            500: fail,
        },
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        openapi_config=None,
    )
