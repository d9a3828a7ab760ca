"""What stands in forewarn's certificates. Source: RFC 5280. Pure but for the randomness of keys and serial numbers."""

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PublicKey = ec.EllipticCurvePublicKey
PrivateKey = ec.EllipticCurvePrivateKey

AUTHORITY_LIFETIME = timedelta(days=3650)
# Clocks of client machines are wrong by hours; only the server's certificate is judged by them.
SERVER_BACKDATED = timedelta(days=1)
DEVICE_BACKDATED = timedelta(minutes=10)
_CRL_END = b"-----END X509 CRL-----\n"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def authority_certificate(number: int, names: Sequence[str], now: datetime) -> tuple[x509.Certificate, PrivateKey]:
    """It can sign no further authority, and no server but those of ``names`` (below a domain: ``example.org``)."""
    key = ec.generate_private_key(ec.SECP256R1())
    # The random part keeps authorities of several collectors apart for whoever trusts both.
    subject = _name(f"forewarn authority {number} {secrets.token_hex(4)}")
    permitted = [_general(name, network=True) for name in dict.fromkeys((*names, *_LOOPBACK))]
    made = (
        _builder(subject, subject, key.public_key(), now - SERVER_BACKDATED, now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made, key


def server_certificate(
    issuer: x509.Certificate, issuer_key: PrivateKey, names: Sequence[str], now: datetime, lifetime: timedelta
) -> tuple[x509.Certificate, PrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder(_name("collector"), issuer.subject, key.public_key(), now - SERVER_BACKDATED, now + lifetime)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_issued_by(issuer), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return made, key


def device_certificate(
    issuer: x509.Certificate,
    issuer_key: PrivateKey,
    device: str,
    public_key: PublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.Certificate:
    """Of the request only the key is taken over: names, uses and times are ours."""
    return (
        _builder(_name(device), issuer.subject, public_key, now - DEVICE_BACKDATED, now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(_issued_by(issuer), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def revocation_list(
    issuer: x509.Certificate, issuer_key: PrivateKey, revoked: Sequence[tuple[str, float]], now: datetime
) -> x509.CertificateRevocationList:
    """It never becomes too old: a broker that is sent none for a while must not lock everybody out."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(now - SERVER_BACKDATED).next_update(issuer.not_valid_after_utc)
    builder = builder.add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    for serial, when in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
        builder = builder.add_revoked_certificate(row.revocation_date(datetime.fromtimestamp(when, now.tzinfo)).build())
    return builder.sign(issuer_key, hashes.SHA256())


def read_revocations(text: bytes, issuer: x509.Certificate) -> list[tuple[str, float]]:
    """What ``issuer`` revoked by the lists in a file of several, as ``revocation_list`` takes it. Raise ValueError."""
    lists = [x509.load_pem_x509_crl(part + _CRL_END) for part in text.split(_CRL_END)[:-1]]
    return [
        (f"{row.serial_number:x}", row.revocation_date_utc.timestamp())
        for listed in lists
        if listed.issuer == issuer.subject
        for row in listed
    ]


def may_vouch_for(issuer: x509.Certificate, name: str) -> bool:
    """Whether the authority's name constraints let it sign a server of this name."""
    permitted = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    wanted = _general(name)
    if isinstance(wanted, x509.IPAddress):
        return _general(name, network=True) in permitted
    domains = [item.value for item in permitted if isinstance(item, x509.DNSName)]
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def permitted_names(issuer: x509.Certificate) -> list[str]:
    permitted = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    texts = (str(name.value) for name in permitted)
    return [text.removesuffix("/32").removesuffix("/128") for text in texts]


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def common_name(name: x509.Name) -> str:
    """The one common name; "" where there is none or several."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else ""


def names_in(certificate: x509.Certificate) -> list[str]:
    """The DNS names and addresses that a server's certificate is for, in order."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sorted(str(name.value) for name in extension)


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str, network: bool = False) -> x509.GeneralName:
    """A name constraint holds for a network, a certificate's name is an address."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(ipaddress.ip_network(address) if network else address)


def _issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
