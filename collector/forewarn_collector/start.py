"""From the configuration to what the collector is made of: contexts, settings, destinations, secrets read from files.

Whatever is wrong there is a StartError, found before anything is written.
"""

import errno
import os
import ssl
from pathlib import Path

from forewarn_collector.api.server import server_context
from forewarn_collector.config import CLIENT_ID, ApiTls, Broker, Listen, SelfCheck, Tls
from forewarn_collector.config_mistakes import ping_url_problem
from forewarn_collector.config_tickets import Tickets
from forewarn_collector.identity.broker_files import BrokerFiles
from forewarn_collector.ingest.crowd import Limits
from forewarn_collector.ingest.subscriber import BrokerSettings
from forewarn_collector.secret_files import warn_if_open_to_all
from forewarn_collector.tickets.again import Terms

DAY = 86_400.0


class StartError(Exception):
    """The collector cannot start; the text says why and what to do."""


def make_data_directory(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = "it is not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise StartError(f"{data}: {reason}; name a data directory that this user may write") from None


def address_taken(section: str, address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        remedy = f"stop what uses it, or set {section}.port to another one (0 takes any)"
    elif error.errno == errno.EACCES:
        remedy = f"set {section}.port to one above 1023, or give this user the right to it"
    else:
        remedy = f"set {section}.address to an address of this machine"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"cannot listen on {address}:{port}: {reason}; {remedy}"


def listener_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client without a certificate of our CA does not get in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(tls.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"listen.tls: {error}; give PEM files that belong together") from None
    return context


def api_context(tls: ApiTls) -> ssl.SSLContext:
    warn_if_open_to_all(tls.key)
    try:
        return server_context(tls.certificate, tls.key)
    except OSError as error:
        raise StartError(f"api.tls: {error}; give PEM files that belong together") from None


def listener_limits(listen: Listen) -> Limits:
    return Limits(listen.connections_per_address, listen.connections_per_second, listen.messages_per_second)


def broker_files(broker: Broker) -> BrokerFiles | None:
    if broker.files is None:
        return None
    return BrokerFiles(Path(broker.files), Path(broker.pid_file) if broker.pid_file else None)


def terms_of(tickets: Tickets) -> Terms:
    return Terms(tickets.again_within_days * DAY, tickets.after_a_close == "reopen")


def broker_settings(broker: Broker, packet_bytes: int, among: str | None = None) -> BrokerSettings:
    """``among``: the collector's name among several at one broker, where no two may have the same client id."""
    default = among is not None and broker.client_id == CLIENT_ID
    return BrokerSettings(
        broker.url,
        f"{broker.client_id}-{among}" if default else broker.client_id,
        broker.username,
        optional_secret(broker.password_file),
        broker.group,
        broker.ca,
        broker.certificate,
        broker.key,
        packet_bytes,
    )


def ping_address(check: SelfCheck) -> str | None:
    if check.ping_url_file is None:
        return check.ping_url
    url = secret_of(check.ping_url_file)
    if problem := ping_url_problem(url):
        raise StartError(f"{check.ping_url_file}: {problem}; it must hold https://HOST/PATH and nothing else")
    return url


def secret_token(path: str) -> str:
    token = secret_of(path)
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise StartError(f"{path}: holds no token; it must hold the token and nothing else")
    return token


def optional_secret(path: str | None) -> str | None:
    """None where no file is named."""
    return secret_of(path) if path else None


def secret_of(path: str) -> str:
    warn_if_open_to_all(path)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path}: cannot be read: {error}") from None
