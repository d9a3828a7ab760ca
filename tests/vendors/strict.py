"""A server on loopback that speaks one vendor's documented protocol, and refuses what that vendor refuses.

Each vendor's file has the documented bodies as types, what the server keeps, and its answers. Mishaps are put before
it: a reply that is lost, a rate limit, a failure.
"""

import base64
import http.server
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

T = TypeVar("T")


class Asked(NamedTuple):
    """One request. Names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """``body``: bytes as they are, anything else as JSON, None for nothing."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Refused(Exception):
    """The answer to a request that is not as the documentation has it."""

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        self.reply = Reply(status, body, headers or {})


@dataclass
class Kept:
    """One ticket as the vendor keeps it: its own words for states and priorities, and (text, seen by the customer)."""

    id: str
    fields: dict[str, Any]
    notes: list[tuple[str, bool]] = field(default_factory=list)


Mishap = Callable[[Asked, Callable[[], Reply]], Reply | None]
"""What happens to a request instead of its answer; None cuts the connection."""


def lose_the_reply(_: Asked, answer: Callable[[], Reply]) -> None:
    """The server does what it was asked, and nobody hears of it."""
    answer()


def cut(_: Asked, __: Callable[[], Reply]) -> None:
    """The connection ends before anything is done."""


def refuse(status: int, headers: Mapping[str, str] | None = None, body: Any = None) -> Mishap:
    return lambda _, __: Reply(status, body, headers or {})


class StrictServer:
    """``kept``: its tickets by id. ``mishaps`` befall the coming requests in turn, ``on_create`` those that create;
    ``weather`` says of each other one what befalls it."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.kept: dict[str, Kept] = {}
        self.mishaps: deque[Mishap] = deque()
        self.on_create: deque[Mishap] = deque()
        self.weather: Callable[[], Mishap | None] = lambda: None
        self._numbers = iter(range(1, 1_000_000))
        strict = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 65_536

            def handle_any(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(url.query, keep_blank_values=True))
                reply = strict._reply(Asked(self.command, url.path, query, headers, body))
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                content = b"" if reply.body is None else content
                self.send_response(reply.status)
                sent = {"Content-Type": "application/json", "Content-Length": str(len(content)), **reply.headers}
                for name, value in sent.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def creates(self, asked: Asked) -> bool:
        raise NotImplementedError

    def keep(self, **fields: Any) -> Kept:
        number = str(next(self._numbers))
        self.kept[number] = Kept(number, fields)
        return self.kept[number]

    def person_does(self, number: str, **fields: Any) -> None:
        """Somebody works on a ticket there."""
        kept = self.kept[number]
        kept.fields.update(fields, version=kept.fields.get("version", 0) + 1)

    def of(self, number: str, missing: Refused) -> Kept:
        if number not in self.kept:
            raise missing
        return self.kept[number]

    def read(self, asked: Asked, shape: type[T], status: int = 400) -> T:
        """The body as the documentation has it, or Refused: another content type, no JSON, a field that is missing,
        unknown, too long or of another type."""
        if asked.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(415, self.problem("Unsupported Media Type"))
        try:
            return msgspec.json.decode(asked.body, type=shape)
        except msgspec.DecodeError as error:
            raise Refused(status, self.problem(str(error))) from None

    def problem(self, text: str) -> Any:
        """A refusal in the vendor's words."""
        return {"message": text}

    def _reply(self, asked: Asked) -> Reply | None:
        self.asked.append(asked)

        def answer() -> Reply:
            try:
                return self.answer(asked)
            except Refused as refused:
                return refused.reply

        for mishaps, befalls in ((self.on_create, self.creates(asked)), (self.mishaps, True)):
            if mishaps and befalls:
                return mishaps.popleft()(asked, answer)
        mishap = self.weather()
        return mishap(asked, answer) if mishap else answer()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
