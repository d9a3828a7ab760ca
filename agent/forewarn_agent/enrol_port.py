"""Speaks to a collector's enrolment port. What is trusted is the authority whose fingerprint the engineer was given:
until it is known, nothing is sent.
"""

import hashlib
import http.client
import re
import ssl
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from forewarn_agent.identity import IdentityError
from forewarn_wire.enrolment import CA_PATH, ENROL_PATH, RENEW_PATH, Enrol, Enrolled, Renew

SECONDS = 30.0
LIMIT_BYTES = 1_000_000
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.S)
T = TypeVar("T")


class RefusedError(IdentityError):
    """The collector has answered, and will not; trying the same again does not help."""


def parse_fingerprint(text: str) -> str:
    """``sha256:...`` as 64 hexadecimal digits. Raise ValueError."""
    found = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", text.strip().lower().replace("sha256:", "").replace(":", ""))
    if found is None:
        raise ValueError("is not a fingerprint: it is sha256: and 64 digits")
    return found[1]


def fetch_authority(url: str, fingerprint: str) -> str:
    """The one certificate of this fingerprint, PEM. Raise IdentityError where the port shows none such."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    shown = _call(url, "GET", CA_PATH, unchecked, None).decode("ascii", "replace")
    for pem in _PEM.findall(shown):
        try:
            der = ssl.PEM_cert_to_DER_cert(pem.strip() + "\n")
        except ValueError:
            continue
        if hashlib.sha256(der).hexdigest() == fingerprint:
            return str(pem)
    raise IdentityError(f"{url} is not the collector that --ca-fingerprint names: nothing was sent to it")


def ask_enrol(url: str, authorities: str, ask: Enrol) -> Enrolled:
    """Raise IdentityError, or RefusedError with the collector's words."""
    return _post(url, ENROL_PATH, authorities, msgspec.json.encode(ask))


def ask_renew(url: str, authorities: str, ask: Renew) -> Enrolled:
    return _post(url, RENEW_PATH, authorities, msgspec.json.encode(ask))


def _post(url: str, path: str, authorities: str, body: bytes) -> Enrolled:
    try:
        context = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise IdentityError(f"the authority's certificate cannot be used: {error}") from None
    answer = _call(url, "POST", path, context, body)
    try:
        return msgspec.json.decode(answer, type=Enrolled)
    except msgspec.DecodeError as error:
        raise IdentityError(f"{url} answers what this agent does not understand: {error}") from None


def _call(url: str, method: str, path: str, context: ssl.SSLContext, body: bytes | None) -> bytes:
    parts = _parts(url)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection(*parts, timeout=SECONDS, context=context)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read(LIMIT_BYTES)
    except ssl.SSLError as error:
        raise IdentityError(f"{url}: {getattr(error, 'verify_message', '') or error.reason or error}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise IdentityError(f"{url}: {reason}: check the address, and that the port is let through") from None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        kind = RefusedError if 400 <= answer.status < 500 and answer.status != 429 else IdentityError
        raise kind(f"{url} refuses: {_detail(content) or answer.status}")
    return content


def _parts(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != "https" or not host or parts.path.strip("/"):
        raise IdentityError(f"{url!r} is not the address of an enrolment port: write https://HOST:8443")
    return host, port or 8443


def _detail(content: bytes) -> str:
    try:
        detail = msgspec.json.decode(content, type=dict[str, object]).get("detail", "")
    except msgspec.DecodeError:
        return ""
    # It may end in a terminal.
    return "".join(char if char.isprintable() else "?" for char in str(detail))[:500]
