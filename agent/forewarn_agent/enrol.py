"""Enrolling this machine, and renewing what it got. Imports cryptography, so it runs in a process of its own."""

from dataclasses import dataclass
from pathlib import Path

from forewarn_agent import enrol_keys
from forewarn_agent.enrol_port import ask_enrol, ask_renew, fetch_authority
from forewarn_agent.identity import (
    AUTHORITIES,
    CERTIFICATE,
    KEY,
    Identity,
    IdentityError,
    make_directory,
    read_identity,
    write_identity,
    write_private,
)
from forewarn_wire.enrolment import Enrol, Renew
from forewarn_wire.machine import Machine

# A key that a certificate was asked for: the answer may have got lost, and asking again with it costs no further use.
WAITING_KEY = "device.key.new"


@dataclass(frozen=True)
class Invitation:
    """What the engineer's command line says. ``device`` is the wanted name, ``exact`` that no other will do."""

    url: str
    token: str
    fingerprint: str
    device: str
    exact: bool = False


def enrol(directory: Path, invitation: Invitation, machine: Machine) -> Identity:
    """Raise IdentityError; the identity that was there is then as it was."""
    url = invitation.url.rstrip("/")
    authority = fetch_authority(url, invitation.fingerprint)
    key = _waiting_key(directory)
    ask = Enrol(
        token=invitation.token,
        device=invitation.device,
        csr=enrol_keys.request(key, invitation.device),
        machine=str(machine),
        exact=invitation.exact,
    )
    answer = ask_enrol(url, authority, ask)
    identity = write_identity(directory, answer, url, key)
    (directory / WAITING_KEY).unlink(missing_ok=True)
    return identity


def renew(directory: Path, machine: Machine) -> Identity:
    """Raise IdentityError; the certificate that is there goes on serving until its end."""
    identity = read_identity(directory)
    if identity is None:
        raise IdentityError(f"{directory}: this machine was never enrolled: forewarn-agent enrol")
    try:
        present = (directory / KEY).read_bytes()
        certificate = (directory / CERTIFICATE).read_text(encoding="ascii")
        authorities = (directory / AUTHORITIES).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise IdentityError(f"{directory}: cannot be read: {error}: enrol again") from None
    key = _waiting_key(directory)
    csr = enrol_keys.request(key, identity.device)
    try:
        signature = enrol_keys.possession(present, csr, str(machine))
    except ValueError as error:
        raise IdentityError(f"{directory / KEY}: {error}: enrol again") from None
    ask = Renew(certificate=certificate, csr=csr, signature=signature, machine=str(machine))
    answer = ask_renew(identity.enrol_url, authorities, ask)
    renewed = write_identity(directory, answer, identity.enrol_url, key)
    (directory / WAITING_KEY).unlink(missing_ok=True)
    return renewed


def _waiting_key(directory: Path) -> bytes:
    """The key of a request that was not answered, or a new one; on disk before anybody hears of it."""
    path = directory / WAITING_KEY
    try:
        make_directory(directory)
        if not path.is_file():
            write_private(path, enrol_keys.new_key())
        return path.read_bytes()
    except OSError as error:
        raise IdentityError(f"{error.filename or path}: {error.strerror}: run as root or as the agent's user") from None
