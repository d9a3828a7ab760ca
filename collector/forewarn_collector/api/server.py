"""Serves the API with uvicorn inside the collector's event loop, and leaves its address and token for the CLI."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from forewarn_collector.api.gate import Gate
from forewarn_collector.api.protocol import PatientProtocol

FILE_NAME = "api.json"
CONNECTIONS = 256
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the collector's business: it stops its parts in order."""
        yield


def bind(address: str, port: int) -> socket.socket:
    """A listening socket. Raise OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only a socket that says that it is TCP gets TCP_NODELAY from asyncio; without it every answer waits 40 ms for the
    # acknowledgement of its headers.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket, https: bool = False) -> str:
    """How this machine reaches it."""
    host, port = listening.getsockname()[:2]
    host = ANYWHERE.get(host, host)
    return f"http{'s' if https else ''}://{bracketed(host)}:{port}"


def public_url(listening: socket.socket, https: bool) -> str:
    """How other machines may reach it, as far as we can know."""
    host, port = listening.getsockname()[:2]
    return f"https://{socket.getfqdn()}:{port}" if host in ANYWHERE else url_of(listening, https)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer. Raise OSError (ssl.SSLError is one) when the files do not serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def own_certificate(path: str) -> str:
    """The first certificate of a PEM file: the server's own."""
    end = "-----END CERTIFICATE-----"
    text = Path(path).read_text(encoding="ascii")
    return text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end)] + end + "\n"


def bracketed(host: str) -> str:
    """As it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def token_of(data: Path) -> str:
    """The token that this data directory has, or a new one: a restart locks nobody out."""
    try:
        known = json.loads((data / FILE_NAME).read_text(encoding="utf-8"))["token"]
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    return known if isinstance(known, str) and len(known) >= 32 else secrets.token_urlsafe(32)


def leave_address(data: Path, url: str, token: str, certificate: str | None = None) -> None:
    """Write ``api.json``, readable by nobody but its owner from its first byte on. ``certificate``: PEM, the one that
    the command line of this machine will trust whatever name stands in it."""
    path = data / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    left = {"url": url, "token": token, "pid": os.getpid()}
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(left if certificate is None else left | {"certificate": certificate}, file)
    fresh.replace(path)


class ApiServer:
    """``proxies``: addresses whose word is taken on where a request comes from; ``hosts``: see ``Gate``."""

    def __init__(
        self,
        api: Any,
        listening: socket.socket,
        tls: ssl.SSLContext | None = None,
        proxies: Sequence[str] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        self._socket = listening
        config = uvicorn.Config(
            Gate(api, None if tls else hosts),
            http=PatientProtocol,
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=CONNECTIONS,
        )
        config.load()
        config.ssl = tls
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
