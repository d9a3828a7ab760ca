"""Before everything else, for every request: its Host, the size and the pace of its body; strict headers on the answer.

Plain ASGI around the API, so that what is refused here costs nothing further in.
"""

import asyncio
import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

BODY_BYTES = 256 * 1024
BODY_SECONDS = 30.0
STRICT = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
HTTPS_ONLY = {"strict-transport-security": "max-age=31536000"}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class _Refused(Exception):
    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail


class Gate:
    """``hosts``: names that a browser may know us by; None where a certificate says so anyway (``https``)."""

    body_seconds = BODY_SECONDS

    def __init__(self, app: App, hosts: Iterable[str] | None) -> None:
        self._app = app
        self._hosts = None if hosts is None else {"localhost", *hosts}
        self._headers = STRICT if hosts is not None else STRICT | HTTPS_ONLY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def strict_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                there = {name.lower() for name, _ in headers}
                more = [(n.encode(), v.encode()) for n, v in self._headers.items() if n.encode() not in there]
                message["headers"] = headers + more
            await send(message)

        try:
            self._check_headers(scope)
            async with asyncio.timeout(self.body_seconds):
                body = await _read(scope, receive)
        except TimeoutError:
            await _answer(strict_send, _Refused(408, "the body did not come in time"))
            return
        except _Refused as refused:
            await _answer(strict_send, refused)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), strict_send)

    def _check_headers(self, scope: Scope) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1 or (self._hosts is not None and hosts and not self._is_ours(hosts[0].decode("latin-1"))):
            raise _Refused(400, "the Host header names no address of this collector; see api.url")
        if any(not value.isascii() for name, value in scope["headers"] if name == b"cookie"):
            raise _Refused(400, "a cookie is not ASCII")

    def _is_ours(self, host: str) -> bool:
        """A name that somebody else's DNS leads here would let a page of theirs read answers; an IP address cannot."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name.lower() in (self._hosts or ())
        return True


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None when the client went away."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > BODY_BYTES:
            raise _Refused(413, f"the body is larger than {BODY_BYTES} bytes")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise _Refused(413, f"the body is larger than {BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


async def _answer(send: Send, refused: _Refused) -> None:
    content = json.dumps({"detail": refused.detail}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
