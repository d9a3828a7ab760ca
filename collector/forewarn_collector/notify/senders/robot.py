"""Robots of groups: one POST, and an answer that has to be read. HTTP 200 says nothing; the code in the body does."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx

from forewarn_collector.notify.senders.sender import Message, SendError

TIMEOUT_SECONDS = 10.0
READ_BYTES = 4096
SHOWN = 200
PAUSE_SECONDS = 60.0
"""What robots want after too many messages."""


class Request(NamedTuple):
    url: str
    body: dict[str, Any]


class Refusal(NamedTuple):
    code: int
    text: str
    too_fast: bool


class Dialect(Protocol):
    """How one vendor's robots are spoken to. Pure."""

    def request(self, url: str, secret: str | None, message: Message, now: float) -> Request: ...

    def refusal(self, answer: Mapping[str, Any]) -> Refusal | None:
        """None: the message was taken. Raise KeyError or ValueError where the answer is none of this vendor's."""
        ...


def code_of(value: object) -> int:
    """Raise ValueError for what is no number: nothing else may pass for the code of success."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"no code: {value!r}")
    return value


class Robot:
    """Neither the address nor the secret stands in an error, whatever is answered."""

    def __init__(
        self, name: str, per_minute: int, dialect: Dialect, url: str, secret: str | None, now: Callable[[], float]
    ) -> None:
        self.name = name
        self.per_minute = per_minute
        self._dialect = dialect
        self._url = url
        self._secret = secret
        self._now = now
        self._hidden = [word for word in (url, secret, *_words(url)) if word]
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def send(self, message: Message) -> None:
        request = self._dialect.request(self._url, self._secret, message, self._now())
        try:
            with self._client.stream("POST", request.url, json=request.body) as answer:
                said = _beginning(answer)
        except httpx.HTTPError as error:
            raise SendError(self._told(f"{type(error).__name__}: {error}")) from None
        if not answer.is_success:
            pause = PAUSE_SECONDS if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else 0.0
            raise SendError(self._told(f"HTTP {answer.status_code}: {said.decode('utf-8', 'replace')}"), pause)
        self._read(said)

    def _read(self, said: bytes) -> None:
        try:
            refusal = self._dialect.refusal(_json(said))
        except (KeyError, ValueError):
            text = said.decode("utf-8", "replace")
            raise SendError(self._told(f"the answer does not say whether it was taken: {text}")) from None
        if refusal is not None:
            pause = PAUSE_SECONDS if refusal.too_fast else 0.0
            raise SendError(self._told(f"code {refusal.code}: {refusal.text}"), pause)

    def _told(self, text: str) -> str:
        """One line without what must not be repeated."""
        for word in self._hidden:
            text = text.replace(word, "...")
        return "".join(char for char in " ".join(text.split()) if char.isprintable())[:SHOWN]


def _json(said: bytes) -> Mapping[str, Any]:
    found = json.loads(said)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _words(url: str) -> list[str]:
    """What of an address is secret: values of its query, and the last part of its path."""
    parts = urlsplit(url)
    last = parts.path.rpartition("/")[2]
    values = [value for _, value in parse_qsl(parts.query)]
    return [word for word in (*values, last, parts.password or "") if len(word) > len("webhook")]


def _beginning(answer: httpx.Response) -> bytes:
    """As much of an answer as is worth reading: it may have no end."""
    found = b""
    for chunk in answer.iter_bytes():
        found += chunk
        if len(found) >= READ_BYTES:
            break
    return found[:READ_BYTES]
