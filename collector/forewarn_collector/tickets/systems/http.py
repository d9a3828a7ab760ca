"""The one HTTP client of ticket systems: what an answer means for a delivery, and no secret in any error.

Source of the codes: RFC 9110, and RFC 6585 for 429.
"""

import email.utils
import functools
import json
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from forewarn_collector.tickets.destination import Busy, DeliveryError, Unreachable
from forewarn_collector.tickets.systems.plain import basic

READ_BYTES = 16 * 1024 * 1024
SHOWN = 200
# Answers that a later try can change: request timeout, conflict, too early.
WORTH_ANOTHER_TRY = frozenset({408, 409, 425})
OK = frozenset({200, 201, 202, 204})
BUSY_SECONDS = 30.0
LONGEST_BUSY = 900.0


class Answer(NamedTuple):
    """``headers``: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raise DeliveryError when it is no JSON: something else than the system answered."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise DeliveryError(f"HTTP {self.status}: not JSON: {shown(self.body)}") from None


class Http:
    """``base``: every path is put behind it. ``secrets``: words that no error may repeat, whatever is answered.
    ``per_minute``: how many requests a minute are sent at most."""

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str] | None = None,
        *,
        secrets: Collection[str | None] = (),
        auth: tuple[str, str] | None = None,
        timeout: float = 10.0,
        per_minute: int | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        hidden = (*secrets, urlsplit(base).password, *((auth[1], basic(*auth)) if auth else ()))
        self._secrets = [secret for secret in hidden if secret]
        self._client = httpx.Client(
            timeout=timeout, headers=dict(headers or {}), auth=auth, follow_redirects=False, verify=_authorities()
        )
        self._pace = _Pace(per_minute)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        also: Collection[int] = (),
    ) -> Answer:
        """``body`` is sent as JSON. Return an answer that is well or one of the codes ``also``; raise DeliveryError:
        Unreachable where nobody answers or our token is refused (401), Busy where we are told to be slower, permanent
        where the request itself is refused."""
        self._pace.wait()
        sent = {"content": content, "params": params or None, "headers": dict(headers or {})}
        if body is not None:
            sent |= {"json": body}
        try:
            with self._client.stream(method, self.base + path, **sent) as answer:  # type: ignore[arg-type]
                content = _read(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(self.said(f"{type(error).__name__}: {error}")) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryError(self.said(f"{type(error).__name__}: {error}")) from None
        code = answer.status_code
        if code in OK or code in also:
            return Answer(code, {name.lower(): value for name, value in answer.headers.items()}, content)
        # Hidden before it is cut: half a secret is one, too.
        text = f"HTTP {code}: {shown(self.said(content.decode('utf-8', 'replace')).encode())}"
        wait = retry_after(answer.headers.get("retry-after"), time.time())
        if code == 429 or (code == 503 and wait is not None):
            raise Busy(text, BUSY_SECONDS if wait is None else wait)
        if code == 401:
            raise Unreachable(f"{text} (is the token right?)")
        raise DeliveryError(text, permanent=300 <= code < 500 and code not in WORTH_ANOTHER_TRY)

    def said(self, text: str) -> str:
        """One line without what must not be repeated."""
        for secret in self._secrets:
            text = text.replace(secret, "...")
        return text


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Reading those of the machine takes longer than a request."""
    return httpx.create_ssl_context()


def shown(content: bytes) -> str:
    """The beginning of an answer, in one harmless line."""
    line = " ".join(content[: 4 * SHOWN].decode("utf-8", "replace").split())
    return "".join(char for char in line if char.isprintable())[:SHOWN]


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which has seconds or a date; None where it says nothing that can be used."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        found: datetime | None = None
        try:
            found = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = found.timestamp() - now
    return min(max(seconds, 0.0), LONGEST_BUSY) if seconds == seconds else None


class _Pace:
    """Requests at even distances, whichever thread sends them."""

    def __init__(self, per_minute: int | None) -> None:
        self._apart = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        if not self._apart:
            return
        with self._lock:
            now = time.monotonic()
            mine = max(self._next, now)
            self._next = mine + self._apart
        time.sleep(mine - now)


def _read(answer: httpx.Response) -> bytes:
    """An answer may have no end."""
    found = bytearray()
    for chunk in answer.iter_bytes():
        found += chunk
        if len(found) > READ_BYTES:
            raise DeliveryError(f"HTTP {answer.status_code}: the answer is larger than {READ_BYTES} bytes")
    return bytes(found)
