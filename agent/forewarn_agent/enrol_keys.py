"""Keys and requests for the enrolment: cryptography's only user here.

It brings 19 MB into a process, so the running agent leaves it to a child (``forewarn-agent renew``).
"""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from forewarn_wire.enrolment import signed_part


def new_key() -> bytes:
    """PEM of a new private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request(key_pem: bytes, device: str) -> str:
    """A certificate signing request for this name and nothing else, PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(_load(key_pem), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def possession(key_pem: bytes, csr: str, machine: str) -> str:
    """The signature that a renewal carries."""
    signature = _load(key_pem).sign(signed_part(csr, machine), ec.ECDSA(hashes.SHA256()))
    return base64.b64encode(signature).decode()


def _load(key_pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve's key")
    return key
