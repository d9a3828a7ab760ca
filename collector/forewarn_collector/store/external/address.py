"""Where a history store is and how one logs in there. Pure, but for reading the secrets' files."""

import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from forewarn_collector.secret_files import warn_if_open_to_all
from forewarn_collector.store.model import StoreError

SCHEMES = {
    "influxdb": "http",
    "influxdb+tls": "https",
    "victoriametrics": "http",
    "victoriametrics+tls": "https",
}
PORTS = {"influxdb": 8086, "victoriametrics": 8428}
EXAMPLE = "influxdb+tls://HOST:8086/DATABASE or victoriametrics+tls://HOST:8428"


class Login(NamedTuple):
    """``token``, or ``username`` with ``password``, or neither."""

    username: str = ""
    password: str = ""
    token: str = ""

    @property
    def secrets(self) -> list[str]:
        return [secret for secret in (self.password, self.token) if secret]


class Address(NamedTuple):
    """``http``: where it is asked, without a slash at the end. ``database``: with its retention policy behind a slash
    where one is named."""

    engine: str
    http: str
    database: str

    @property
    def name(self) -> str:
        scheme = self.engine + ("+tls" if self.http.startswith("https") else "")
        return f"{scheme}://{self.http.partition('://')[2]}" + (f"/{self.database}" if self.database else "")


def address_of(url: str) -> Address:
    """Raise ValueError, which says what is wrong with it, never repeating it: people write passwords into it."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError("not an address of a history store") from None
    if parts.scheme not in SCHEMES or not host or parts.query or parts.fragment:
        raise ValueError("not an address of a history store")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a name or password stands in it")
    engine = parts.scheme.removesuffix("+tls")
    path = parts.path.strip("/")
    if engine == "influxdb" and not path:
        raise ValueError("it names no database")
    host = f"[{host}]" if ":" in host else host
    http = f"{SCHEMES[parts.scheme]}://{host}:{port or PORTS[engine]}"
    if engine == "influxdb":
        return Address(engine, http, path)
    return Address(engine, f"{http}/{path}" if path else http, "")


def secret_in(file: str | None) -> str:
    """What a file holds. Raise StoreError, which names it."""
    if file is None:
        return ""
    warn_if_open_to_all(file)
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: cannot be read: {error}") from None
    if not secret or not secret.isprintable() or not secret.isascii():
        raise StoreError(f"{file}: holds no password or token; it must hold the secret and nothing else")
    return secret


def tls_of(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """The machine's authorities, or the one named. Raise StoreError, which names the file."""
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise StoreError(f"{ca or certificate}: {error}; give PEM files that belong together") from None
    return context
