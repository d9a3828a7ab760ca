"""CloudEvents 1.0 to a webhook, in structured JSON mode.

Source: CloudEvents 1.0.2 core and HTTP binding. ``source`` + ``id`` name an event for ever, and a repeated send carries
the same id, so a receiver may drop duplicates.
"""

import json
from datetime import UTC, datetime

import httpx

from forewarn_collector.tickets.destination import DeliveryError, Parcel

TYPE_PREFIX = "forewarn.ticket."
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
    """``headers`` may carry the receiver's token; they are never logged."""

    def __init__(self, name: str, url: str, headers: dict[str, str] | None = None, timeout: float = 10.0) -> None:
        self.name = name
        self._url = url
        self._source = "urn:forewarn:collector"
        self._client = httpx.Client(timeout=timeout, headers=headers, follow_redirects=False)

    def send(self, parcel: Parcel) -> None:
        body = json.dumps(cloud_event(parcel, self._source))
        try:
            answer = self._client.post(
                self._url, content=body, headers={"Content-Type": "application/cloudevents+json; charset=utf-8"}
            )
        except httpx.HTTPError as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from None
        if answer.is_success:
            return
        code = answer.status_code
        permanent = 300 <= code < 500 and code not in WORTH_ANOTHER_TRY
        raise DeliveryError(f"HTTP {code}: {answer.text[:200]}", permanent=permanent)
