"""Where identities are given, renewed and taken away: tokens, authority, database and the front doors' roster."""

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization

from forewarn_collector.identity import rows, tokens
from forewarn_collector.identity.authority import Authority, Issued
from forewarn_collector.identity.certificates import DEVICE_BACKDATED, PublicKey, common_name
from forewarn_collector.identity.naming import Known, Refused, Wish, choose
from forewarn_collector.identity.requests import BadRequest, check_possession, read_certificate, read_request
from forewarn_collector.identity.roster import Roster
from forewarn_collector.identity.tokens import TokenRow
from forewarn_collector.store.model import CLONED
from forewarn_collector.store.state import reading
from forewarn_wire.enrolment import Enrol, Enrolled, Renew
from forewarn_wire.machine import is_other, read_machine

log = logging.getLogger(__name__)

ENROLLED = "identity-enrolled"
RENEWED = "identity-renewed"
RENEW_AFTER = 1 / 3
"""The share of its lifetime after which a certificate is renewed: who is away for the rest must enrol again."""


class Denied(Exception):
    """Not allowed; the text is fit for whoever asks."""


class Unknown(LookupError):
    """There is no such token or device; the text says which."""


class Terms(NamedTuple):
    """``server``: where devices report to; ``lifetime`` of their certificates."""

    server: str
    lifetime: timedelta


class Surroundings(NamedTuple):
    """What the office asks of the collector. ``history_of``: whose reports of a name there are, None for none;
    ``is_connected`` is about the own front door; ``recheck`` has it look at every connection again;
    ``revoked_changed`` is called after every revocation. Neither is called with the office's lock held."""

    history_of: Callable[[str], str | None]
    is_connected: Callable[[str], bool]
    recheck: Callable[[], None]
    revoked_changed: Callable[[], None]


class Office:
    """May be called from any thread."""

    def __init__(
        self, engine: sa.Engine, authority: Authority, roster: Roster, terms: Callable[[], Terms],
        surroundings: Surroundings, now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._engine = engine
        self._authority = authority
        self._roster = roster
        self._terms = terms
        self._around = surroundings
        self._now = now
        self._lock = threading.Lock()
        self.reload()

    def reload(self) -> None:
        """Let the doors know what the database and the authority's directory say."""
        with reading(self._engine).begin() as connection:
            revoked = rows.revoked_certificates(connection, self._now())
            self._roster.load(
                rows.identities(connection),
                rows.newest_certificates(connection),
                [serial for _, _, serial, _ in revoked],
                self._authority.retired_names(),
            )

    def create_token(self, customer: str, site: str, ttl_seconds: float, uses: int, by: str) -> tuple[TokenRow, str]:
        """The new token's row, and its text, which is kept nowhere."""
        secret, now = tokens.new_secret(), self._now()
        with self._engine.begin() as connection:
            number = rows.add_token(
                connection, tokens.digest(secret), customer, site, now, by, now + ttl_seconds, uses
            )  # fmt: skip
            row = rows.find_token(connection, number)
        assert row is not None
        return row, tokens.write_token(number, secret)

    def tokens(self) -> list[TokenRow]:
        with reading(self._engine).begin() as connection:
            return rows.tokens(connection)

    def revoke_token(self, number: int) -> TokenRow:
        """What was enrolled with it stays. Raise Unknown."""
        with self._engine.begin() as connection:
            if rows.find_token(connection, number) is None:
                raise Unknown(f"no token {number}; `forewarn enrol-token list` shows them")
            rows.revoke_token(connection, number, self._now())
            row = rows.find_token(connection, number)
            assert row is not None
        return row

    def enrol(self, ask: Enrol) -> Enrolled:
        """Raise Denied, BadRequest or Refused; nothing is used up then."""
        with self._lock:
            now = self._now()
            with self._engine.begin() as connection:
                token = self._genuine(connection, ask.token)
                key = read_request(ask.csr, ask.device)
                machine = read_machine(ask.machine)
                wish = Wish(ask.device, ask.exact, machine, token.customer, token.created_at)
                same = rows.looking_like(connection, machine)
                again = self._given_before(connection, same, token, key, now)
                if again is not None:
                    return self._answer(*again)
                if problem := tokens.problem(token, now):
                    raise Denied(problem)
                name, returned = choose(
                    wish, same, lambda device: rows.find(connection, device), self._around.history_of,
                    self._around.is_connected,
                )  # fmt: skip
                issued = self._authority.issue(name, key, now, self._terms().lifetime)
                rows.use_token(connection, token.id)
                rows.put(connection, Known(name, token.customer, token.site, machine, now, None, ""), token.id)
                gone = rows.revoke_certificates(connection, name, now)
                rows.add_certificate(connection, name, issued, key_digest(key))
            self.reload()
        if gone:
            self._around.recheck()
            self._around.revoked_changed()
        what = "enrolled again" if returned else "enrolled"
        self._roster.tell(name, ENROLLED, f"{what} with token {token.id} for {token.customer} {token.site}".rstrip())
        return self._answer(name, issued)

    def renew(self, ask: Renew) -> Enrolled:
        """Raise Denied or BadRequest."""
        present = read_certificate(ask.certificate)
        device, serial = common_name(present.subject), f"{present.serial_number:x}"
        check_possession(present, ask.csr, ask.machine, ask.signature)
        if self._authority.issuer_of(present) is None:
            raise Denied("the certificate is not of this collector's authority: enrol again")
        key = read_request(ask.csr, device)
        with self._lock:
            now = self._now()
            if not present.not_valid_before_utc.timestamp() <= now < present.not_valid_after_utc.timestamp():
                raise Denied("the certificate is not valid now: enrol again")
            with self._engine.begin() as connection:
                known = rows.find(connection, device)
                self._check_renewal(connection, known, device, serial)
                again = rows.certificate_for(connection, device, key_digest(key), now)
                if again is not None:
                    return self._answer(device, again)
                assert known is not None
                newest = rows.newest_certificate(connection, device)
                other = is_other(known.machine, read_machine(ask.machine))
                if other or (newest is not None and newest.serial != serial):
                    what = "another machine" if other else "a certificate that was renewed before"
                    self._roster.tell(device, CLONED, f"{what} asked for a renewal: two machines have this identity")
                    raise Denied(f"{what} asks: enrol again")
                issued = self._authority.issue(device, key, now, self._terms().lifetime)
                gone = rows.revoke_certificates(connection, device, now, but=(serial,))
                rows.add_certificate(connection, device, issued, key_digest(key))
            self.reload()
        if gone:
            self._around.recheck()
            self._around.revoked_changed()
        self._roster.tell(device, RENEWED, "the certificate was renewed")
        return self._answer(device, issued)

    def revoke(self, device: str, reason: str) -> Known:
        """At once: nothing of it is taken any more, its connection ends, its certificates are on the list."""
        with self._lock:
            now = self._now()
            with self._engine.begin() as connection:
                known = rows.find(connection, device)
                if known is None:
                    known = Known(device, "", "", read_machine(""), None, None, "")
                    rows.put(connection, known, None)
                if known.revoked_at is None:
                    rows.set_revoked(connection, device, now, reason)
                    rows.revoke_certificates(connection, device, now)
                known = rows.find(connection, device)
            self.reload()
        self._around.recheck()
        self._around.revoked_changed()
        assert known is not None
        log.warning("%s is revoked: %s", device, known.reason)
        return known

    def reinstate(self, device: str) -> Known:
        """It may come back; certificates that were revoked stay so. Raise Unknown."""
        with self._lock:
            with self._engine.begin() as connection:
                rows.set_revoked(connection, device, None, "")
                known = rows.find(connection, device)
            self.reload()
        if known is None:
            raise Unknown(f"{device!r} is not revoked")
        self._around.revoked_changed()
        return known

    def look(self, device: str) -> tuple[Known, Issued | None, int | None] | None:
        """Identity, newest certificate and number of the token; None when nothing is known."""
        with reading(self._engine).begin() as connection:
            known = rows.find(connection, device)
            if known is None:
                return None
            return known, rows.newest_certificate(connection, device), rows.token_of(connection, device)

    def revoked(self) -> Sequence[tuple[str, str, str, float]]:
        """Device, issuer, serial number and time of every revoked certificate that has not ended."""
        with reading(self._engine).begin() as connection:
            return rows.revoked_certificates(connection, self._now())

    def revoked_devices(self) -> list[str]:
        with reading(self._engine).begin() as connection:
            return [known.device for known in rows.identities(connection) if known.revoked_at is not None]

    def retire_what_nobody_needs(self) -> None:
        """End a rotation when every device has a certificate of the new authority, or none that is valid."""
        issuers = self._authority.issuers()
        for issuer in issuers[:-1]:
            with reading(self._engine).begin() as connection:
                left = rows.depend_on(connection, issuer.fingerprint, self._now())
            if not left:
                log.warning("%s is retired: every machine has a certificate of the next one", issuer.name)
                self._authority.retire(issuer.number)

    def _genuine(self, connection: sa.Connection, text: str) -> TokenRow:
        number, secret = tokens.take_apart(text) or (0, "")
        row = rows.find_token(connection, number)
        if not tokens.is_genuine(row, secret):
            raise Denied("this token is not known here")
        assert row is not None
        return row

    def _given_before(
        self, connection: sa.Connection, same: Sequence[Known], token: TokenRow, key: PublicKey, now: float
    ) -> tuple[str, Issued] | None:
        """The answer to the same request, if it was given and got lost: it costs no further use."""
        for known in same:
            if known.customer == token.customer and known.revoked_at is None:
                issued = rows.certificate_for(connection, known.device, key_digest(key), now)
                if issued is not None:
                    return known.device, issued
        return None

    def _check_renewal(self, connection: sa.Connection, known: Known | None, device: str, serial: str) -> None:
        if known is None:
            raise Denied("this device was not enrolled here: enrol it")
        if known.revoked_at is not None or rows.is_revoked(connection, serial):
            raise Denied(f"the certificate of {device} is revoked: enrol again")

    def _answer(self, device: str, issued: Issued) -> Enrolled:
        begin = issued.not_before + DEVICE_BACKDATED.total_seconds()
        return Enrolled(
            device=device,
            certificate=issued.pem,
            authorities=self._authority.bundle(),
            server=self._terms().server,
            renew_at=begin + (issued.not_after - begin) * RENEW_AFTER,
            not_after=issued.not_after,
        )


def key_digest(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


__all__ = ["BadRequest", "Denied", "Office", "Refused", "Surroundings", "Terms", "Unknown"]
