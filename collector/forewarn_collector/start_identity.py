"""Wires who devices are: the bureau, and the port at which machines without an identity enrol."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from forewarn_collector.api.enrolment import Patience, build_enrolment
from forewarn_collector.api.routes.identity import Enrolment
from forewarn_collector.api.server import ApiServer, bind, bracketed
from forewarn_collector.config import Config, Enrol
from forewarn_collector.directory import Directory
from forewarn_collector.identity.bureau import Bureau, names_of, terms
from forewarn_collector.identity.office import Surroundings, Terms
from forewarn_collector.identity.roster import Roster
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.start import StartError, address_taken, broker_files
from forewarn_collector.store.reader import Reader


def make_bureau(
    config: Config,
    data: Path,
    engine: sa.Engine,
    now: Callable[[], float],
    roster: Roster,
    directory: Directory,
    reader: Reader,
    listener: Callable[[], Listener],
    mqtt_url: Callable[[], str | None],
) -> Bureau:
    """``listener`` and ``mqtt_url`` are asked when devices come, not before. Raise AuthorityError."""

    def history_of(device: str) -> str | None:
        return directory.whose(device).customer if reader.device(device) else None

    def terms_now() -> Terms:
        """Where enrolled machines report, and how long their certificates serve."""
        enrol = config.enrol
        assert enrol is not None
        port = (mqtt_url() or "").rpartition(":")[2]
        return terms(enrol.server or f"mqtts://{bracketed(enrol.names[0])}:{port}", enrol.certificate_days)

    return Bureau(
        data,
        names_of(config.enrol.names, config.enrol.server) if config.enrol else [],
        engine,
        now,
        roster=roster,
        terms=terms_now,
        surroundings=Surroundings(
            history_of=history_of,
            is_connected=lambda device: device in listener().clients,
            recheck=lambda: listener().recheck(roster.barred),
            revoked_changed=lambda: None,
        ),
        broker_files=broker_files(config.broker) if config.broker else None,
        client_ca=Path(config.listen.tls.client_ca) if config.listen.tls else None,
    )


class EnrolmentPort:
    """Stays closed where the configuration has no section ``enrol``. ``url``: as machines reach it."""

    def __init__(self, config: Enrol | None, bureau: Bureau) -> None:
        self.url: str | None = None
        self.patience = Patience()
        self._config = config
        self._bureau = bureau
        self._server: ApiServer | None = None

    async def open(self) -> None:
        """Raise StartError when the address cannot be had."""
        if self._config is None:
            return
        address, port = self._config.address, self._config.port
        try:
            listening = bind(address, port)
        except OSError as error:
            raise StartError(address_taken("enrol", address, port, error)) from None
        routes = build_enrolment(self._bureau.office, self._bureau.authorities, self.patience)
        self._server = ApiServer(routes, listening, self._bureau.server_context())
        self.url = f"https://{bracketed(self._config.names[0])}:{listening.getsockname()[1]}"
        await self._server.start()

    async def close(self) -> None:
        if self._server:
            await self._server.stop()

    def facts(self) -> Enrolment | None:
        """What a machine has to know to enrol here."""
        return Enrolment(self.url, self._bureau.fingerprint()) if self.url else None
