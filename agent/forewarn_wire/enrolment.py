"""What machines and the enrolment port say to each other, as JSON over HTTPS, version 1.

``GET /enrol/v1/ca`` answers the authorities' certificates (PEM); ``POST /enrol/v1/enrol`` takes an Enrol and
``POST /enrol/v1/renew`` a Renew, and both answer Enrolled. A refusal is ``{"detail": ...}``.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

CA_PATH = "/enrol/v1/ca"
ENROL_PATH = "/enrol/v1/enrol"
RENEW_PATH = "/enrol/v1/renew"

Pem = Annotated[str, Meta(max_length=4096)]
Short = Annotated[str, Meta(max_length=200)]


class Enrol(msgspec.Struct, kw_only=True):
    """``device`` is the name that the machine would like, ``exact`` that it takes no other; ``machine`` is what
    ``str`` of a Machine says. ``csr`` is PEM and has the common name ``device``."""

    token: Short
    device: Short
    csr: Pem
    machine: Short = ""
    exact: bool = False


class Renew(msgspec.Struct, kw_only=True):
    """``signature``: base64 of an ECDSA signature with SHA-256 by the present certificate's key over ``signed_part``.

    A repetition, by whomever, gets what the first was given: it is of use only to who holds the new key.
    """

    certificate: Pem
    csr: Pem
    signature: Short
    machine: Short = ""


class Enrolled(msgspec.Struct, kw_only=True):
    """``authorities``: every certificate to trust from now on; ``server``: where reports go; Unix seconds."""

    device: str
    certificate: str
    authorities: str
    server: str
    renew_at: float
    not_after: float


def signed_part(csr: str, machine: str) -> bytes:
    return f"forewarn renew 1\n{machine}\n{csr}".encode()
