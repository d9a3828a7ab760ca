"""Serves the API with uvicorn inside the collector's event loop, and leaves its address and token for the CLI."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from litestar import Litestar

FILE_NAME = "api.json"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the collector's business: it stops its parts in order."""
        yield


def bind(address: str, port: int) -> socket.socket:
    """A listening socket. Raise OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def token_of(data: Path) -> str:
    """The token that this data directory has, or a new one: a restart locks nobody out."""
    try:
        known = json.loads((data / FILE_NAME).read_text(encoding="utf-8"))["token"]
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    return known if isinstance(known, str) and len(known) >= 32 else secrets.token_urlsafe(32)


def leave_address(data: Path, url: str, token: str) -> None:
    """Write ``api.json``, readable by nobody but its owner from its first byte on."""
    path = data / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "token": token, "pid": os.getpid()}, file)
    fresh.replace(path)


class ApiServer:
    def __init__(self, api: Litestar, listening: socket.socket) -> None:
        self._socket = listening
        self._server = _Server(uvicorn.Config(api, log_config=None, log_level="warning", access_log=False))
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task
