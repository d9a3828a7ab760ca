"""Where the collector is and what opens its door: named by the engineer, or left by ``forewarn up`` in its data."""

import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from forewarn_collector.config import is_loopback
from forewarn_collector.paths import default_data

FILE_NAME = "api.json"


class ClientError(click.ClickException):
    """What was asked of the collector could not be had. One line that says what to do."""


class Address(NamedTuple):
    """``source``: the file that the token came from; ``data``: the data directory, None for a named server."""

    url: str
    token: str
    source: Path
    data: Path | None = None


def find_address(data: Path | None, server: str | None, token_file: Path | None) -> Address:
    """The named server, or the collector that runs on ``data`` (None: the default place). Raise ClientError."""
    if server is not None:
        if token_file is None:
            raise ClientError("--server needs --token-file (or FOREWARN_TOKEN_FILE) with the name of a file")
        return Address(_checked_url(server), _checked_token(_read(token_file), token_file), token_file)
    directory = (data or default_data()).absolute()
    path = directory / FILE_NAME
    if not path.exists():
        raise ClientError(
            f"no collector runs on {directory}; start one with: forewarn up --data {directory}"
            " (or name another with --data, or --server and --token-file)"
        )
    try:
        left = json.loads(_read(path))
        url, token = _checked_url(str(left["url"])), str(left["token"])
    except (ValueError, KeyError, TypeError):
        raise ClientError(f"{path} is damaged; restart the collector: it writes the file anew") from None
    return Address(url, _checked_token(token, path), path, directory)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ClientError(f"{path} is not text; a token file holds the token and nothing else") from None
    except PermissionError:
        raise ClientError(f"{path} may not be read by you; run as the user who runs the collector") from None
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}") from None


def _checked_url(server: str) -> str:
    try:
        url = urlsplit(server)
        host, _ = url.hostname, url.port
    except ValueError:
        host, url = None, urlsplit("")
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
