"""The dead man's ping: an address of the provider's choice is asked while all is well, and misses it when it is not.

Every service for that (Healthchecks, Dead Man's Snitch, Uptime Kuma's push monitor, ...) takes a plain GET.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from forewarn_collector.selfcheck.model import PingView

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0


class Ping:
    """The address is a secret: whoever knows it can hide that the collector is dead. It stands in no error."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        self.view = PingView()
        self._url = url
        self._host = urlsplit(url).hostname or ""
        self._now = now
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def send(self) -> None:
        """Ask once; a failure is kept, and the next turn tries again."""
        error = self._ask()
        if error and error != self.view.error:
            log.warning("the ping to %s: %s", self._host, error)
        self.view = PingView(arrived_at=self.view.arrived_at if error else self._now(), error=error)

    def close(self) -> None:
        self._client.close()

    def _ask(self) -> str:
        try:
            with self._client.stream("GET", self._url) as answer:
                return "" if answer.is_success else f"HTTP {answer.status_code}"
        except httpx.HTTPError as error:
            return type(error).__name__
