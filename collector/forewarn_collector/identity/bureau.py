"""All of identity in one running collector: authority, roster, office, the certificates in use, the broker's files."""

import logging
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from forewarn_collector.identity.authority import Authority, AuthorityError
from forewarn_collector.identity.broker_files import BrokerFiles
from forewarn_collector.identity.office import Office, Surroundings, Terms
from forewarn_collector.identity.roster import Roster

log = logging.getLogger(__name__)

DIRECTORY = "ca"
CHECK_SECONDS = 3600.0


class Bureau:
    """``names``: what the collector's own certificate is for; empty where nobody is enrolled.

    ``client_ca``: a file with the operator's own authority, which machines then trust as well.
    """

    def __init__(
        self,
        data: Path,
        names: list[str],
        engine: sa.Engine,
        now: Callable[[], float],
        *,
        roster: Roster,
        terms: Callable[[], Terms],
        surroundings: Surroundings,
        broker_files: BrokerFiles | None,
        client_ca: Path | None,
    ) -> None:
        """Where machines are enrolled and there is no authority yet, it is made. Raise AuthorityError."""
        self.authority = Authority(data / DIRECTORY)
        self._names = names
        self._now = now
        self._broker_files = broker_files
        self._client_ca = client_ca
        if names and not self.authority.exists:
            made = self.authority.create(names, now())
            log.info("made %s; its fingerprint is sha256:%s", made.name, made.fingerprint)
        self._recheck = surroundings.recheck
        around = surroundings._replace(revoked_changed=self._tell_broker)
        self.office = Office(engine, self.authority, roster, terms, around, now)
        self._door: ssl.SSLContext | None = None
        self._served: list[ssl.SSLContext] = []
        self._state = self.authority.state()
        self._checked_at = 0.0

    @property
    def trouble(self) -> str | None:
        return self._broker_files.trouble if self._broker_files else None

    def authorities(self) -> str:
        """Every certificate that machines are to trust, PEM."""
        own = self._client_ca.read_text(encoding="ascii") if self._client_ca else ""
        return self.authority.bundle() + own

    def fingerprint(self) -> str:
        """Of the authority that the enrolment port shows."""
        return self.authority.issuers()[0].fingerprint

    def server_context(self) -> ssl.SSLContext:
        """TLS for the enrolment port: the collector's own certificate, and no question to the client."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.authority.server_files(self._names, self._now()))
        self._served.append(context)
        return context

    def door_context(self) -> ssl.SSLContext:
        """TLS for the front door with the collector's own certificate; a client must show one."""
        context = self.server_context()
        self.trust(context)
        return context

    def trust(self, context: ssl.SSLContext) -> None:
        """Let clients of the own authorities in through this context, and of those to come."""
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.authority.bundle())
        self._door = context

    def start(self) -> None:
        self._tell_broker()

    def keep(self) -> None:
        """Called every few seconds: take up a rotation, end one, renew the own certificate. Raise AuthorityError."""
        if not self.authority.exists:
            return
        state, now = self.authority.state(), self._now()
        if state == self._state and now - self._checked_at < CHECK_SECONDS:
            return
        self.office.retire_what_nobody_needs()
        self._state, self._checked_at = self.authority.state(), now
        self.office.reload()
        self._recheck()
        if self._door is not None:
            self._door.load_verify_locations(cadata=self.authority.bundle())
        if self._names:
            files = self.authority.server_files(self._names, now)
            for context in self._served:
                context.load_cert_chain(*files)
        if state != self._state or self._broker_files:
            self._tell_broker()

    def _tell_broker(self) -> None:
        """Revocations as a list for whoever reads one, and what a Mosquitto needs."""
        if not self.authority.exists:
            return
        revoked: dict[str, list[tuple[str, float]]] = {}
        for _, issuer, serial, when in self.office.revoked():
            revoked.setdefault(issuer, []).append((serial, when))
        try:
            crl = self.authority.write_crl(revoked, self._now())
            server = self.authority.server_files(self._names, self._now()) if self._names else None
        except AuthorityError:
            log.exception("the list of revoked certificates could not be written")
            return
        if self._broker_files is not None:
            self._broker_files.write(self.authorities(), crl.read_bytes(), self.office.revoked_devices(), server)


def names_of(names: list[str], server: str | None) -> list[str]:
    """What the own certificate must be good for: the names, and the broker's host where devices report to one."""
    host = urlsplit(server).hostname if server else None
    return list(dict.fromkeys([*names, *([host] if host else [])]))


def terms(server: str, certificate_days: float) -> Terms:
    return Terms(server, timedelta(days=certificate_days))
