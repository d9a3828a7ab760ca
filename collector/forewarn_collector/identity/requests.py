"""What a machine sends to be enrolled or renewed: read strictly. Nothing of a request but its key is ever signed."""

import base64
import binascii

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from forewarn_collector.identity.certificates import PublicKey, common_name
from forewarn_wire.enrolment import signed_part

LIMIT_CHARACTERS = 4096
CURVES = (ec.SECP256R1, ec.SECP384R1)


class BadRequest(ValueError):
    """The request cannot be taken; the text says why."""


def read_request(pem: str, device: str) -> PublicKey:
    """The key of a certificate signing request whose only content is the device's name. Raise BadRequest."""
    try:
        request = x509.load_pem_x509_csr(_bounded(pem))
        valid = request.is_signature_valid
        key = request.public_key()
        extensions = list(request.extensions)
        name = common_name(request.subject)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadRequest("the certificate signing request cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVES):
        raise BadRequest("the key must be an elliptic curve's, P-256 or P-384")
    if not valid:
        raise BadRequest("the request is not signed by its own key")
    if len(request.subject) != 1 or name != device:
        raise BadRequest("the request's subject must be the device's name and nothing else")
    if extensions:
        raise BadRequest("the request asks for extensions: no names, uses or authority are given away")
    return key


def read_certificate(pem: str) -> x509.Certificate:
    """Raise BadRequest."""
    try:
        return x509.load_pem_x509_certificate(_bounded(pem))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadRequest("the certificate cannot be read") from None


def check_possession(certificate: x509.Certificate, csr: str, machine: str, signature: str) -> None:
    """Whether the holder of the certificate's key asks for this renewal. Raise BadRequest."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadRequest("the certificate's key is not one of ours")
    try:
        given = base64.b64decode(signature, validate=True)
        key.verify(given, signed_part(csr, machine), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        raise BadRequest("the request is not signed by the certificate's key") from None


def _bounded(pem: str) -> bytes:
    if len(pem) > LIMIT_CHARACTERS:
        raise BadRequest(f"larger than {LIMIT_CHARACTERS} characters")
    return pem.encode("utf-8", "replace")
