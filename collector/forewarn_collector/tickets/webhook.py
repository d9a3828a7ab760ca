"""CloudEvents 1.0 to a webhook, in structured JSON mode.

Source: CloudEvents 1.0.2 core and HTTP binding. ``source`` + ``id`` name an event for ever, and a repeated send carries
the same id, so a receiver may drop duplicates.
"""

import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from forewarn_collector.tickets.destination import DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.systems.kind import Kind, Setup

TYPE_PREFIX = "forewarn.ticket."
READ_BYTES = 4096
SHOWN = 200
# Answers that a later try can change: request timeout, conflict, too early, too many requests.
WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})


def cloud_event(parcel: Parcel, source: str) -> dict[str, object]:
    """The event as a JSON object; ``data`` is the whole ticket."""
    return {
        "specversion": "1.0",
        "id": parcel.event_id,
        "source": source,
        "type": TYPE_PREFIX + parcel.event,
        "subject": f"ticket/{parcel.ticket}",
        "time": datetime.fromtimestamp(parcel.created_at, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": json.loads(parcel.body),
    }


class Webhook:
    """``token`` is sent as ``Authorization: Bearer`` and stands in no error, whatever the receiver answers."""

    def __init__(self, name: str, url: str, token: str | None = None, timeout: float = 10.0) -> None:
        self.name = name
        self._url = url
        self._source = "urn:forewarn:collector"
        self._secrets = [secret for secret in (token, urlsplit(url).password) if secret]
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._client = httpx.Client(timeout=timeout, headers=headers, follow_redirects=False)

    def send(self, parcel: Parcel) -> None:
        body = json.dumps(cloud_event(parcel, self._source))
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                said = _beginning(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(self._said(f"{type(error).__name__}: {error}")) from None
        except httpx.HTTPError as error:
            raise DeliveryError(self._said(f"{type(error).__name__}: {error}")) from None
        if answer.is_success:
            return
        code = answer.status_code
        permanent = 300 <= code < 500 and code not in WORTH_ANOTHER_TRY
        raise DeliveryError(self._said(f"HTTP {code}: {said}"), permanent=permanent)

    def _said(self, text: str) -> str:
        """One line without what we must not repeat."""
        for secret in self._secrets:
            text = text.replace(secret, "...")
        line = " ".join(text.split())
        return "".join(char for char in line if char.isprintable())[:SHOWN]


def _beginning(answer: httpx.Response) -> str:
    """As much of an answer as is worth keeping: it may have no end."""
    found = b""
    for chunk in answer.iter_bytes():
        found += chunk
        if len(found) >= READ_BYTES:
            break
    return found[:READ_BYTES].decode("utf-8", "replace")


def _make(setup: Setup) -> Webhook:
    return Webhook(setup.name, setup.url, setup.token, setup.timeout)


KIND = Kind(
    summary="CloudEvents 1.0 webhook",
    proof="documented format",
    sender=_make,
    credential="token that is sent as Authorization: Bearer",
)
