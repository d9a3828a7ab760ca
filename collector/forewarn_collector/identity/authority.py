"""forewarn's own certificate authorities, as files: ``1.crt`` and ``1.key``, after a rotation ``2.crt`` and so on.

All that are here are trusted. The newest signs devices; the oldest signs the collector's own certificate, so that
machines that have not heard of the newest yet go on. One that nobody needs any more is retired: its key is deleted.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from forewarn_collector.identity import certificates
from forewarn_collector.identity.certificates import PublicKey
from forewarn_collector.store.model import StoreError

SERVER_LIFETIME = timedelta(days=90)
CRL_NAME = "revoked.crl"


class AuthorityError(StoreError):
    """There is no usable authority; the text names the file and the remedy."""


class Issued(NamedTuple):
    """A device's certificate: PEM text, serial number in hexadecimal, its issuer's fingerprint; Unix seconds.

    ``not_before`` has the fraction that a certificate cannot show: of two within a second it tells which is newer."""

    pem: str
    serial: str
    issuer: str
    not_before: float
    not_after: float


class Issuer(NamedTuple):
    number: int
    certificate: x509.Certificate
    key: Path

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.certificate)

    @property
    def name(self) -> str:
        return certificates.common_name(self.certificate.subject)

    @property
    def names(self) -> list[str]:
        """What it may vouch for."""
        return certificates.permitted_names(self.certificate)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER, in hexadecimal: what a machine is given to know the authority by."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


class Authority:
    """The authorities below one directory. Every method that reads may raise AuthorityError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def exists(self) -> bool:
        return any(self.directory.glob("*.crt"))

    def issuers(self) -> list[Issuer]:
        """Those that are trusted, the oldest first; never none."""
        found = [_read(path) for path in self.directory.glob("[0-9]*.crt")]
        if not found:
            raise AuthorityError(f"{self.directory}: there is no authority; make one with: forewarn ca init")
        return sorted(found)

    def create(self, names: Sequence[str], now: float) -> Issuer:
        """The first authority. Raise AuthorityError where there is one."""
        with self._changing():
            if self.exists:
                raise AuthorityError(
                    f"{self.directory}: there is an authority; another follows with: forewarn ca rotate"
                )
            return self._add(1, names, now)

    def rotate(self, names: Sequence[str], now: float) -> Issuer:
        """A new authority beside the one that is there. Raise AuthorityError while an earlier rotation goes on."""
        with self._changing():
            issuers = self.issuers()
            if len(issuers) > 1:
                raise AuthorityError(
                    f"a rotation goes on: authority {issuers[0].number} is trusted until every machine has renewed;"
                    " forewarn ca rotate --drop-old ends it now"
                )
            return self._add(issuers[-1].number + 1, names, now)

    def retire(self, *numbers: int) -> None:
        """Trust them no longer and delete their keys; the certificates are kept below retired/."""
        with self._changing():
            retired = self.directory / "retired"
            retired.mkdir(mode=0o700, exist_ok=True)
            for number in numbers:
                (self.directory / f"{number}.crt").rename(retired / f"{number}.crt")
                (self.directory / f"{number}.key").unlink(missing_ok=True)

    def retired_names(self) -> frozenset[str]:
        """Common names of authorities that are trusted no longer."""
        return frozenset(_read(path).name for path in (self.directory / "retired").glob("*.crt"))

    def state(self) -> tuple[tuple[str, int], ...]:
        """Changes with every change of the authorities, whichever process made it."""
        return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in self.directory.glob("[0-9]*.crt")))

    def bundle(self) -> str:
        """Every trusted authority's certificate, PEM."""
        return "".join(certificates.pem_of(issuer.certificate) for issuer in self.issuers())

    def issue(self, device: str, public_key: PublicKey, now: float, lifetime: timedelta) -> Issued:
        """A certificate for a device, by the newest authority."""
        issuer = self.issuers()[-1]
        made = certificates.device_certificate(
            issuer.certificate, self._key(issuer), device, public_key, _moment(now), lifetime
        )
        return Issued(
            certificates.pem_of(made), f"{made.serial_number:x}", issuer.fingerprint,
            now - certificates.DEVICE_BACKDATED.total_seconds(), made.not_valid_after_utc.timestamp(),
        )  # fmt: skip

    def issuer_of(self, certificate: x509.Certificate) -> Issuer | None:
        """The trusted authority that signed it, or None."""
        return next(
            (issuer for issuer in self.issuers() if certificates.signed_by(certificate, issuer.certificate)), None
        )

    def server_files(self, names: Sequence[str], now: float) -> tuple[Path, Path]:
        """The collector's own certificate and its key; made anew when it is time or the names differ."""
        chain, key = self.directory / "server.crt", self.directory / "server.key"
        issuer = self.issuers()[0]
        outside = [name for name in names if not certificates.may_vouch_for(issuer.certificate, name)]
        if outside:
            remedy = f"make one that may: forewarn ca rotate --name {outside[0]}"
            raise AuthorityError(f"{issuer.name} may not vouch for {outside[0]!r}: {remedy}")
        if self._server_serves(chain, issuer, names, now) and key.is_file():
            return chain, key
        made, private = certificates.server_certificate(
            issuer.certificate, self._key(issuer), names, _moment(now), SERVER_LIFETIME
        )
        _write(key, certificates.key_pem(private))
        _write(chain, certificates.pem_of(made).encode())
        return chain, key

    def write_crl(self, revoked: Mapping[str, Sequence[tuple[str, float]]], now: float) -> Path:
        """The revocation list of every trusted authority, in one file. ``revoked``: (serial, when) by fingerprint."""
        lists = [
            certificates.revocation_list(
                issuer.certificate, self._key(issuer), revoked.get(issuer.fingerprint, ()), _moment(now)
            )
            for issuer in self.issuers()
        ]
        path = self.directory / CRL_NAME
        _write(path, b"".join(item.public_bytes(serialization.Encoding.PEM) for item in lists))
        return path

    def listed(self) -> dict[str, list[tuple[str, float]]] | None:
        """What the revocation list says, as ``write_crl`` takes it; None when there is no list."""
        path = self.directory / CRL_NAME
        if not path.exists():
            return None
        try:
            text = path.read_bytes()
            return {one.fingerprint: certificates.read_revocations(text, one.certificate) for one in self.issuers()}
        except (OSError, ValueError) as error:
            raise AuthorityError(f"{path}: cannot be read: {error}; move it away, a collector writes it anew") from None

    def _add(self, number: int, names: Sequence[str], now: float) -> Issuer:
        made, private = certificates.authority_certificate(number, names, _moment(now))
        _write(self.directory / f"{number}.key", certificates.key_pem(private))
        _write(self.directory / f"{number}.crt", certificates.pem_of(made).encode())
        return _read(self.directory / f"{number}.crt")

    def _key(self, issuer: Issuer) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(issuer.key.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise AuthorityError(f"{issuer.key}: cannot be used: {error}; restore it from the backup") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(f"{issuer.key}: is not the key that forewarn made; restore it from the backup")
        return key

    def _server_serves(self, chain: Path, issuer: Issuer, names: Sequence[str], now: float) -> bool:
        try:
            present = x509.load_pem_x509_certificate(chain.read_bytes())
        except (OSError, ValueError):
            return False
        left = present.not_valid_after_utc - _moment(now)
        return (
            left > SERVER_LIFETIME / 3
            and certificates.signed_by(present, issuer.certificate)
            and certificates.names_in(present) == sorted(names)
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, also from several processes."""
        try:
            self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
            with (self.directory / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise AuthorityError(f"{error.filename or self.directory}: {error.strerror}") from None


def _read(path: Path) -> Issuer:
    try:
        return Issuer(int(path.stem), x509.load_pem_x509_certificate(path.read_bytes()), path.with_suffix(".key"))
    except (OSError, ValueError) as error:
        raise AuthorityError(f"{path}: is not a certificate: {error}; restore it from the backup") from None


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by nobody else from its first byte on."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
