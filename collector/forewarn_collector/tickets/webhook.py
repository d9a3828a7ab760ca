"""CloudEvents 1.0 to a webhook, in structured JSON mode, signed where there is a key for it.

Source: CloudEvents 1.0.2 core and HTTP binding; the Standard Webhooks specification 1.0 for the signature, which
libraries for most languages verify. ``source`` + ``id`` name an event for ever, and a repeated send carries the same
id, so a receiver may drop duplicates.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from forewarn_collector.tickets.destination import Busy, DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.systems.http import retry_after
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup

TYPE_PREFIX = "forewarn.ticket."
READ_BYTES = 4096
SHOWN = 200
KEY_PREFIX = "whsec_"
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


def signing_key(text: str) -> bytes:
    """Raise ValueError when it is not ``whsec_`` and the key in base64."""
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not text.startswith(KEY_PREFIX) or not key:
        raise ValueError(f"its signing key is not {KEY_PREFIX} and a key in base64")
    return key


def signature(key: bytes, event_id: str, at: int, body: str) -> str:
    """The header ``webhook-signature``. ``at``: Unix seconds of sending, against old messages that come again."""
    made = hmac.new(key, f"{event_id}.{at}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


class Webhook:
    """``token`` is sent as ``Authorization: Bearer``, ``key`` signs; neither stands in an error, whatever the receiver
    answers. Raise ValueError when the key is none."""

    def __init__(
        self, name: str, url: str, token: str | None = None, timeout: float = 10.0, key: str | None = None
    ) -> None:
        self.name = name
        self._url = url
        self._source = "urn:forewarn:collector"
        self._key = signing_key(key) if key else None
        self._secrets = [secret for secret in (token, key, urlsplit(url).password) if secret]
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._client = httpx.Client(timeout=timeout, headers=headers, follow_redirects=False)

    def send(self, parcel: Parcel) -> None:
        body = json.dumps(cloud_event(parcel, self._source))
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if self._key is not None:
            now = int(time.time())
            signed = signature(self._key, parcel.event_id, now, body)
            headers |= {"webhook-id": parcel.event_id, "webhook-timestamp": str(now), "webhook-signature": signed}
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
        wait = retry_after(answer.headers.get("retry-after"), time.time())
        if code in (429, 503) and wait is not None:
            raise Busy(self._said(f"HTTP {code}: {said}"), wait)
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
    return Webhook(setup.name, setup.url, setup.token, setup.timeout, setup.secrets.get("signing_key"))


KIND = Kind(
    summary="CloudEvents 1.0 webhook",
    proof="documented format",
    sender=_make,
    credential="token that is sent as Authorization: Bearer",
    secrets={"signing_key": Key("signs every event (Standard Webhooks): whsec_ and a key in base64", "desk.key")},
)
