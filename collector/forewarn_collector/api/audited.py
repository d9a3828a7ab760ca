"""Every change over the API is written down before it is answered: an ASGI layer around all routes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request
from litestar.types import ASGIApp, Message, Receive, Send

from forewarn_collector.access.audit import HIDDEN, without_secrets
from forewarn_collector.access.caller import Caller
from forewarn_collector.access.model import AuditEntry
from forewarn_collector.api.permissions import permission

HARMLESS = ("GET", "HEAD", "OPTIONS")


class Noted(msgspec.Struct):
    """What a handler says of its change. Where it says nothing, the body stands for what came after.

    ``who``: of a caller without a token; ``refused``: a refusal is worth writing down, too.
    """

    before: Any = None
    after: Any = None
    who: str = ""
    refused: bool = False


def noted_of(request: Request[Any, Any, Any]) -> Noted:
    """What a handler gets as ``noted``."""
    noted: Noted = request.state.setdefault("noted", Noted())
    return noted


class Audited:
    """Middleware. ``write`` may block: it is called in a thread."""

    def __init__(self, app: ASGIApp, write: Callable[[AuditEntry], None], now: Callable[[], float]) -> None:
        self._app = app
        self._write = write
        self._now = now

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        row = permission(str(scope.get("method")), str(scope.get("path_template")))
        if scope["type"] != "http" or scope["method"] in HARMLESS or row is None or not row.audited:
            await self._app(scope, receive, send)
            return
        noted = scope.setdefault("state", {}).setdefault("noted", Noted())
        body = bytearray()

        async def receive_and_keep() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
            return message

        async def write_and_send(message: Message) -> None:
            if message["type"] == "http.response.start" and (message["status"] < 400 or noted.refused):
                entry = self._entry(scope, noted, bytes(body), message["status"])
                await asyncio.to_thread(self._write, entry)
            await send(message)

        await self._app(scope, receive_and_keep, write_and_send)

    def _entry(self, scope: Any, noted: Noted, body: bytes, status: int) -> AuditEntry:
        caller: Caller | None = scope["state"].get("caller")
        client = scope.get("client")
        return AuditEntry(
            at=self._now(),
            who=caller.name if caller else noted.who,
            role=str(caller.role) if caller else "",
            token=caller.token if caller else "",
            address=str(client[0]) if client else "",
            action=f"{scope['method']} {_spelled(scope)}",
            status=status,
            before=without_secrets(noted.before),
            after=without_secrets(_read(body) if noted.after is None else noted.after),
        )


def _spelled(scope: Any) -> str:
    """The path with what it names, but for the code of a link."""
    path: str = scope["path_template"]
    for name, value in scope["path_params"].items():
        path = path.replace(f"{{{name}}}", HIDDEN if name == "code" else str(value))
    return path


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
