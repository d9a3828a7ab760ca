"""Whether a client that has shown a genuine certificate may come in, and what is odd about it. Pure."""

from typing import NamedTuple

from forewarn_collector.identity.naming import Known
from forewarn_collector.store.model import CLONED
from forewarn_wire.machine import Machine, is_other

MOVED = "identity-moved"


class Visitor(NamedTuple):
    """Who connects. ``serial`` is that of the certificate, "" without TLS; ``issuer`` its authority's common name."""

    device: str
    serial: str = ""
    issuer: str = ""
    machine: Machine = Machine()


class Standing(NamedTuple):
    """What is known of a device's identity. ``newest``: serial number of its newest certificate, "" when none was
    issued here; ``newest_used``: it has been used."""

    identity: Known | None = None
    newest: str = ""
    newest_used: bool = False


class Admission(NamedTuple):
    """``refusal`` is the reason, or None; ``notice`` is an event to be told, and its text."""

    refusal: str | None = None
    notice: tuple[str, str] | None = None


def barred(
    visitor: Visitor,
    identity: Known | None,
    revoked_serials: frozenset[str] | set[str],
    retired_issuers: frozenset[str],
) -> str | None:
    """Why this identity is good for nothing any more, or None."""
    if identity is not None and identity.revoked_at is not None:
        return f"{visitor.device} is revoked: {identity.reason}"
    if visitor.issuer and visitor.issuer in retired_issuers:
        return f"{visitor.issuer!r} is trusted no longer: enrol again"
    if visitor.serial and visitor.serial in revoked_serials:
        return "this certificate is revoked"
    return None


def admit(
    visitor: Visitor,
    standing: Standing,
    rival: Machine | None,
    revoked_serials: frozenset[str] | set[str],
    retired_issuers: frozenset[str],
) -> Admission:
    """``rival``: the machine whose connection of the same identity would end, None when there is none."""
    identity = standing.identity
    if text := barred(visitor, identity, revoked_serials, retired_issuers):
        return Admission(text)
    if visitor.serial and standing.newest_used and visitor.serial != standing.newest:
        text = "a certificate that was renewed is still used: two machines have this identity"
        return Admission(text, (CLONED, text))
    return _compare_machines(visitor, identity.machine if identity else Machine(), rival)


def _compare_machines(visitor: Visitor, enrolled: Machine, rival: Machine | None) -> Admission:
    """The machine that was enrolled goes before any other; where nothing tells them apart, the newcomer does."""
    if is_other(enrolled, visitor.machine):
        if rival is not None and not is_other(enrolled, rival):
            text = f"another machine ({visitor.machine}) tried to come in beside the one that was enrolled ({enrolled})"
            return Admission("another machine is connected with this identity", (CLONED, text))
        text = f"not the machine that was enrolled ({enrolled}) but another ({visitor.machine}): enrol it again"
        return Admission(None, (MOVED, text))
    if rival is not None and is_other(rival, visitor.machine):
        text = f"two machines are here with this identity: {rival} gave way to {visitor.machine}"
        return Admission(None, (CLONED, text))
    return Admission()
