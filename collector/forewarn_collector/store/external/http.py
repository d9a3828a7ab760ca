"""Asking a history store over HTTP: what an answer means, and no secret in any error."""

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from forewarn_collector.store.external.address import Login
from forewarn_collector.store.external.interface import Unavailable

SECONDS = 30.0
SHOWN = 200


class Http:
    """``name``: the store, for errors. One connection pool; any thread."""

    def __init__(self, name: str, base: str, login: Login, tls: ssl.SSLContext) -> None:
        self.name = name
        self._base = base
        self._login = login
        self._client = httpx.Client(timeout=SECONDS, headers=_headers(login), verify=tls, follow_redirects=False)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> httpx.Response:
        """An answer that is well. Raise Unavailable."""
        with self._explained():
            answer = self._client.get(self._base + path)
            self._checked(answer)
        return answer

    def lines(self, path: str, form: Mapping[str, str]) -> Iterator[str]:
        """The answer to a form, line by line as it comes. Raise Unavailable."""
        with self._explained(), self._client.stream("POST", self._base + path, data=form) as answer:
            if answer.status_code != 200:
                answer.read()
                self._checked(answer)
            yield from filter(None, answer.iter_lines())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"{self.name} does not answer: {said(str(error), self._login)}") from None

    def _checked(self, answer: httpx.Response) -> None:
        if answer.status_code not in (200, 204):
            raise unavailable(self.name, answer.status_code, answer.text, self._login)


def unavailable(name: str, status: int, text: str, login: Login) -> Unavailable:
    """What an answer that is not well says, and what to do about it."""
    if status in (401, 403):
        remedy = "put name and secret of store.history right, and see that this user may read and write there"
        return Unavailable(f"{name} refuses the login (HTTP {status}): {remedy}")
    return Unavailable(f"{name} answers HTTP {status}: {said(text, login)}")


def said(text: str, login: Login) -> str:
    """The beginning of it in one line, without what must not be repeated."""
    for secret in login.secrets:
        text = text.replace(secret, "...")
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line[:SHOWN] or "no reason given"


def _headers(login: Login) -> dict[str, str]:
    if login.token:
        return {"Authorization": f"Token {login.token}"}
    if login.username:
        pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}
