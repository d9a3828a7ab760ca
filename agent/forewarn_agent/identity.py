"""Who this machine is by its enrolment: a directory that ``enrol`` writes and a renewal replaces.

``device.key`` is made here and never leaves the machine. Everything else a collector may know.
"""

import os
from dataclasses import replace
from pathlib import Path

import msgspec

from forewarn_agent.config_keys import parse_server
from forewarn_agent.settings import Config, Tls
from forewarn_wire.enrolment import Enrolled

DIRECTORY = "identity"
KEY, CERTIFICATE, AUTHORITIES, FACTS = "device.key", "device.crt", "ca.crt", "identity.json"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """``enrol_url``: whom to ask for a renewal, from ``renew_at`` on; ``server``: where to report. Unix seconds."""

    device: str
    enrol_url: str
    server: str
    renew_at: float
    not_after: float


class IdentityError(Exception):
    """The identity cannot be had; the text says why and what to do."""


def directory_of(config: Config) -> Path:
    return config.data / DIRECTORY


def read_identity(directory: Path) -> Identity | None:
    """None where the machine was never enrolled. Raise IdentityError."""
    path = directory / FACTS
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise IdentityError(f"{path}: {reason}: run as the agent's user, or enrol again") from None


def write_identity(directory: Path, answer: Enrolled, enrol_url: str, key_pem: bytes) -> Identity:
    """Readable by nobody else from the first byte on. The key goes first: a certificate without it would be useless,
    and an interrupted renewal is asked for again with the key that waits as ``device.key.new``."""
    identity = Identity(
        device=answer.device, enrol_url=enrol_url, server=answer.server, renew_at=answer.renew_at,
        not_after=answer.not_after,
    )  # fmt: skip
    make_directory(directory)
    write_private(directory / AUTHORITIES, answer.authorities.encode())
    # Key and certificate are read together, so they lie in one file; its name is that of the key.
    write_private(directory / KEY, key_pem + answer.certificate.encode())
    write_private(directory / CERTIFICATE, answer.certificate.encode())
    write_private(directory / FACTS, msgspec.json.format(msgspec.json.encode(identity), indent=2))
    return identity


def make_directory(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    directory.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f"{path.name}.part")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def tls_of(directory: Path) -> Tls:
    """Key and certificate from one file, so that no renewal can come between them."""
    return Tls(directory / AUTHORITIES, directory / KEY, directory / KEY)


def with_identity(config: Config, identity: Identity | None) -> Config:
    """An enrolled machine is who its certificate says; what its own file says about server and keys goes before."""
    if identity is None or config.tls.certificate is not None or config.password_file is not None:
        return config
    server = config.server if "server" in config.local else parse_server(identity.server)
    return replace(config, device=identity.device, server=server, tls=tls_of(directory_of(config)))
