"""Web-hooks that come in: whether they come from who knows the secret, and what is in them. Pure."""

import hashlib
import hmac
import json
from typing import Any

from forewarn_collector.tickets.systems.interface import HookRefused, HookRequest

HEADER = "x-forewarn-secret"


def check_secret(request: HookRequest, header: str = HEADER) -> None:
    """The secret itself stands in a header. Raise HookRefused."""
    given = request.headers.get(header, "")
    if not hmac.compare_digest(given.encode(), request.secret.encode()):
        raise HookRefused(f"the header {header} does not hold the secret")


def check_signature(request: HookRequest, header: str, algorithm: str = "sha256", prefix: str = "") -> None:
    """A header holds the HMAC of the body as hexadecimal digits behind ``prefix``; one of several, separated by
    commas, is enough. Raise HookRefused."""
    right = prefix + hmac.new(request.secret.encode(), request.body, getattr(hashlib, algorithm)).hexdigest()
    given = [one.strip() for one in request.headers.get(header, "").split(",")]
    if not any(hmac.compare_digest(one.encode(), right.encode()) for one in given):
        raise HookRefused(f"the header {header} does not sign this body")


def json_object(request: HookRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        raise HookRefused("the body is not JSON") from None
    if not isinstance(found, dict):
        raise HookRefused("the body is not a JSON object")
    return found
