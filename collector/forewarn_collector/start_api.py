"""Wires the way in to the HTTP API: where it listens, and who may use it."""

import logging
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from forewarn_collector.access.audit import Audit
from forewarn_collector.access.limits import TokenBuckets
from forewarn_collector.access.tokens import Tokens
from forewarn_collector.access.users import Users
from forewarn_collector.api.guard import Door
from forewarn_collector.api.routes.access import Access
from forewarn_collector.api.server import (
    ApiServer,
    bind,
    leave_address,
    own_certificate,
    public_url,
    token_of,
    url_of,
)
from forewarn_collector.clock import Clock
from forewarn_collector.config import Api
from forewarn_collector.start import StartError, address_taken
from forewarn_collector.store.state import database_trouble

log = logging.getLogger(__name__)


class ApiPort:
    """``url``: as this machine reaches it, ``public_url``: as others do; both are "" before ``bind``."""

    def __init__(self, config: Api, tls: ssl.SSLContext | None, data: Path, engine: sa.Engine, clock: Clock) -> None:
        self.url = ""
        self.public_url = ""
        self.https = tls is not None
        self.users = Users(engine, clock.now, clock.awake)
        self.audit = Audit(engine)
        self._tokens = Tokens(engine, clock.now)
        self._config = config
        self._tls = tls
        self._data = data
        self._clock = clock
        self._token = ""
        self._listening: socket.socket | None = None
        self._server: ApiServer | None = None

    def bind(self) -> None:
        """Take the address. Raise StartError when it cannot be had."""
        config = self._config
        try:
            self._listening = listening = bind(config.address, config.port)
        except OSError as error:
            raise StartError(address_taken("api", config.address, config.port, error)) from None
        self._token = token_of(self._data)
        self.url = url_of(listening, self.https)
        self.public_url = (config.url or public_url(listening, self.https)).rstrip("/")

    def release(self) -> None:
        """Give the address back, where nothing was served."""
        if self._listening is not None:
            self._listening.close()

    def door(self) -> Door:
        """After ``bind``."""
        buckets = TokenBuckets(self._config.requests_per_minute)
        return Door(self._token, self._tokens.caller, buckets, self._clock.awake)

    def access(self) -> Access:
        return Access(self.users, self._tokens, self.audit, self._link_url, self._clock.now)

    async def serve(self, routes: Any) -> None:
        """Answer, and leave address and token for the command line of this machine. After ``bind``."""
        assert self._listening is not None
        config, hosts = self._config, [str(urlsplit(self.public_url).hostname)]
        self._server = ApiServer(routes, self._listening, self._tls, config.proxies, hosts)
        await self._server.start()
        certificate = own_certificate(config.tls.certificate) if config.tls else None
        leave_address(self._data, self.url, self._token, certificate)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def first_link(self) -> str | None:
        """Where the first administrator sets a password; an earlier link is void then. None when there are users, or
        when the link cannot be kept: reports are taken all the same, or wait."""
        try:
            return None if self.users.all() else self._link_url(self.users.make_link(None).secret)
        except Exception as error:
            if (known := database_trouble(error)) is None:
                raise
            log.error("no link for the first administrator, the next start makes one: %s", known)
            return None

    def _link_url(self, code: str) -> str:
        return f"{self.public_url}/welcome/{code}"
