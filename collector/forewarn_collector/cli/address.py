"""Where the collector is and what opens its door: named by the engineer, or left by ``forewarn up`` in its data."""

import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from forewarn_collector.addresses import is_loopback
from forewarn_collector.cli import logins
from forewarn_collector.paths import default_data

FILE_NAME = "api.json"


class ClientError(click.ClickException):
    """What was asked of the collector could not be had. One line that says what to do."""


class Address(NamedTuple):
    """``source``: the file that the token came from; ``data``: the data directory, None for a named server.

    ``certificate``: the server's own, PEM; it alone is trusted then, whatever name stands in it. ``authority``: a file.
    """

    url: str
    token: str
    source: Path
    data: Path | None = None
    certificate: str | None = None
    authority: str | None = None


def find_address(data: Path | None, server: str | None, token_file: Path | None) -> Address:
    """The named server, or the collector that runs on ``data``, or the one where somebody is logged in, or the one on
    the default data directory. Raise ClientError."""
    if server is not None:
        url = checked_url(server)
        if token_file is None:
            return _login(url)
        return Address(url, _checked_token(_read(token_file), token_file), token_file)
    if data is None and (known := _logins().find(None)) is not None:
        return _login(known.url)
    directory = (data or default_data()).absolute()
    path = directory / FILE_NAME
    if not path.exists():
        raise ClientError(
            f"no collector runs on {directory}; start one with: forewarn up --data {directory}"
            " (or name another with --data, or --server and --token-file)"
        )
    try:
        left = json.loads(_read(path))
        url, token, certificate = checked_url(str(left["url"])), str(left["token"]), left.get("certificate")
    except (ValueError, KeyError, TypeError):
        raise ClientError(f"{path} is damaged; restart the collector: it writes the file anew") from None
    return Address(url, _checked_token(token, path), path, directory, certificate)


def _logins() -> logins.Logins:
    try:
        return logins.load()
    except logins.LoginError as error:
        raise ClientError(str(error)) from None


def _login(url: str) -> Address:
    known = _logins().find(url)
    if known is None:
        raise ClientError(f"{url}: name a --token-file (or FOREWARN_TOKEN_FILE), or log in: forewarn login {url}")
    token = logins.token_of(known)
    if token is None:
        raise ClientError(f"the keyring does not give the token of {url}; unlock it, or: forewarn login {url}")
    return Address(url, _checked_token(token, logins.place()), logins.place(), authority=known.ca)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ClientError(f"{path} is not text; a token file holds the token and nothing else") from None
    except PermissionError:
        raise ClientError(f"{path} may not be read by you; run as the user who runs the collector") from None
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from None


def checked_url(server: str) -> str:
    """The address without a slash at its end. Raise ClientError."""
    try:
        url = urlsplit(server)
        host, _ = url.hostname, url.port
    except ValueError:
        host, url = None, urlsplit("")
    if url.username is not None or url.password is not None:
        raise ClientError("an address with a user or password in it: leave them out, and use --token-file")
    if url.scheme not in ("http", "https") or not host:
        raise ClientError(f"{server!r} is not an address of a collector; write https://HOST or http://127.0.0.1:PORT")
    if url.scheme == "http" and not is_loopback(host):
        raise ClientError(f"{server!r} would send the token in plain text; use https, or a tunnel to 127.0.0.1")
    return server.rstrip("/")


def _checked_token(text: str, path: Path) -> str:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ClientError(f"{path} holds no token; it must hold the token and nothing else")
    return token
