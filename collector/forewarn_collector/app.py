"""Wires the collector together; the only module that knows every room."""

import asyncio
import errno
import logging
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from forewarn_collector.access.audit import Audit
from forewarn_collector.access.limits import Rate
from forewarn_collector.access.tokens import Tokens
from forewarn_collector.access.users import Users
from forewarn_collector.api.app import build_api
from forewarn_collector.api.baselines import Baselines
from forewarn_collector.api.enrolment import Patience, build_enrolment
from forewarn_collector.api.explained import Explanations
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.guard import Door
from forewarn_collector.api.orders import Orders
from forewarn_collector.api.owners import Owners
from forewarn_collector.api.routes.access import Access
from forewarn_collector.api.routes.identity import Enrolment
from forewarn_collector.api.server import (
    ApiServer,
    bind,
    bracketed,
    leave_address,
    own_certificate,
    public_url,
    server_context,
    token_of,
    url_of,
)
from forewarn_collector.api.views import Health
from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.config import (
    ApiTls,
    Broker,
    Config,
    DestinationEntry,
    Enrol,
    Listen,
    SelfCheck,
    Tls,
    ping_url_problem,
)
from forewarn_collector.configured import configured_directory, configured_rules
from forewarn_collector.directory import Directory
from forewarn_collector.identity.broker_files import BrokerFiles
from forewarn_collector.identity.bureau import Bureau, names_of, terms
from forewarn_collector.identity.clones import Birth
from forewarn_collector.identity.notices import Notices
from forewarn_collector.identity.office import Surroundings, Terms
from forewarn_collector.identity.roster import Roster
from forewarn_collector.ingest.crowd import Limits
from forewarn_collector.ingest.intake import Intake
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.ingest.subscriber import BrokerSettings, Subscriber
from forewarn_collector.judge.judge import Judge
from forewarn_collector.orders.book import Book
from forewarn_collector.orders.dispatch import Dispatch, WayDown
from forewarn_collector.repeat import Repeat
from forewarn_collector.secret_files import warn_if_open_to_all
from forewarn_collector.selfcheck.canary import Canary, Way
from forewarn_collector.selfcheck.health import Condition
from forewarn_collector.selfcheck.ping import Ping
from forewarn_collector.selfcheck.ways import BrokerWay, ListenerWay
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import database_trouble, open_state
from forewarn_collector.tickets.budget import allowance
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.push import Push
from forewarn_collector.tickets.webhook import Webhook
from forewarn_collector.web.pages import pages
from forewarn_rules import Engine

log = logging.getLogger(__name__)

SEAL_SECONDS = 10.0
IDENTITY_SECONDS = 2.0
TICK_SECONDS = 15.0
SIMULATED_TICK_SECONDS = 0.2


class StartError(Exception):
    """The collector cannot start; the text says why and what to do."""


class Collector:
    """Everything that runs in ``forewarn up``. ``start`` and ``stop`` run in the event loop."""

    def __init__(self, config: Config, data: Path, clock: Clock | None = None) -> None:
        self.config = config
        self.data = data
        self.clock = clock or Clock()
        self.mqtt_url: str | None = None
        self.api_url = ""
        self.public_url = ""
        # Everything that can be wrong with the configuration is found before the first file is written.
        rules = configured_rules(config)
        own_tls = _server_context(config.listen.tls) if config.listen.tls else None
        self._api_tls = _api_context(config.api.tls) if config.api.tls else None
        destinations = [_destination(entry) for entry in config.destinations]
        broker = _broker(config.broker, config.listen.max_packet_bytes) if config.broker else None
        ping_url = _ping_url(config.self_check)
        now = self.clock.now
        roster = Roster()
        directory = configured_directory(config.directory, roster.enrolled)
        _make_data_directory(data)
        self.journal = Journal(data)
        try:
            self._state = open_state(data / "state.db")
        except BaseException:
            self.journal.close()
            raise
        self._reader = self.journal.reader()
        self.desk = Desk(self._state, [destination.name for destination in destinations], now, self._allowed)
        self.push = Push(self._state, destinations, now)
        self.desk.wake_push = self.push.wake
        simulated = isinstance(self.clock, SettableClock)
        tick = SIMULATED_TICK_SECONDS if simulated else TICK_SECONDS
        self.judge = Judge(lambda: Engine(rules), self.journal.reader, self.desk, directory, self.clock, tick)
        self.intake = Intake(self.journal, self.judge.wake, refusal=roster.refusal, born=self._born)
        self._roster = roster
        roster.tell = Notices(self.intake, now).tell
        self.bureau = self._bureau(roster, directory)
        if config.enrol and config.listen.enabled and own_tls is None:
            own_tls = self.bureau.door_context()
        elif config.enrol and own_tls is not None:
            self.bureau.trust(own_tls)
        self.listener = Listener(
            self.intake, now, max_packet_bytes=config.listen.max_packet_bytes, limits=_limits(config.listen),
            tls=own_tls, admit=roster.admit,
        )  # fmt: skip
        self.subscriber = Subscriber(self.intake, broker, now) if broker else None
        book = Book(self._state)
        doors: list[WayDown] = [self.listener, *([self.subscriber] if self.subscriber else [])]
        self.dispatch = Dispatch(book, self.journal.reader, doors, now, self.judge.review)
        self.listener.on_subscribed = self.dispatch.arrived
        self.orders = Orders(book, self._reader, now, self.dispatch.wake)
        self._history = History(self.journal.reader())
        self.fleet = Fleet(self._reader, self._history, self.judge, self.desk, directory, book, self.bureau.office.look)
        self.baselines = Baselines(self._reader, self._history, self.judge, self.desk)
        self.explanations = Explanations(self._reader, self._history, self.judge)
        self._owners = Owners(directory, self.desk)
        self._users = Users(self._state, now, self.clock.awake)
        self._tokens = Tokens(self._state, now)
        self._audit = Audit(self._state)
        self._sealer = Repeat("seal", SEAL_SECONDS, self._seal)
        self._api: ApiServer | None = None
        self.condition = Condition(
            self.clock, lambda: self.mqtt_url, self._reader, self.intake, self.listener, self.subscriber,
            config.broker.url if config.broker else None, self.judge, self.desk, self.push,
            [
                lambda: self._sealer.trouble, lambda: self._keeper.trouble, lambda: self.bureau.trouble,
                lambda: self.dispatch.trouble,
            ],
        )  # fmt: skip
        self.condition.ping = Ping(ping_url, now) if ping_url else None
        self._checker = Repeat("self-check", float(config.self_check.every_seconds or 0), self._check)
        if config.self_check.every_seconds and not simulated:
            self.condition.canaries = [self._canary(way) for way in self._ways()]
        self._keeper = Repeat("identity", IDENTITY_SECONDS, self.bureau.keep)
        self._enrolment: ApiServer | None = None
        self.enrol_url: str | None = None
        self.patience = Patience()

    async def start(self) -> None:
        """Open the doors. Raise StartError when an address cannot be had."""
        listen, api = self.config.listen, self.config.api
        try:
            listening = bind(api.address, api.port)
        except OSError as error:
            raise StartError(_taken("api", api.address, api.port, error)) from None
        token = token_of(self.data)
        https = self._api_tls is not None
        self.api_url = url_of(listening, https)
        self.public_url = (api.url or public_url(listening, https)).rstrip("/")
        routes = build_api(
            Door(token, self._tokens.caller, Rate(api.requests_per_minute), self.clock.awake),
            Access(self._users, self._tokens, self._audit, self._link_url, self.clock.now),
            self._owners,
            self.fleet,
            self.baselines,
            self.explanations,
            self.orders,
            self.desk,
            self.push,
            self.health,
            self.clock,
            pages(self._users, self.public_url, https),
            self.bureau.office,
            self._enrolment_facts,
        )
        hosts = [str(urlsplit(self.public_url).hostname)]
        self._api = ApiServer(routes, listening, self._api_tls, api.proxies, hosts)
        if listen.enabled:
            try:
                host, port = await self.listener.start(listen.address, listen.port)
            except OSError as error:
                listening.close()
                raise StartError(_taken("listen", listen.address, listen.port, error)) from None
            self.mqtt_url = f"{'mqtts' if self.listener.tls else 'mqtt'}://{host}:{port}"
        if self.config.enrol:
            await self._open_enrolment(self.config.enrol)
        self.bureau.start()
        self.judge.start()
        self.intake.start()
        self.push.start()
        self.dispatch.start()
        self._sealer.start()
        self._keeper.start()
        if self.subscriber:
            self.subscriber.start()
        await self._api.start()
        certificate = own_certificate(api.tls.certificate) if api.tls else None
        leave_address(self.data, self.api_url, token, certificate)
        if self.condition.canaries:
            self._checker.start()

    def first_link(self) -> str | None:
        """Where the first administrator sets a password; an earlier link is void then. None when there are users, or
        when the link cannot be kept: reports are taken all the same, or wait."""
        try:
            return None if self._users.all() else self._link_url(self._users.make_link(None).secret)
        except Exception as error:
            if (known := database_trouble(error)) is None:
                raise
            log.error("no link for the first administrator, the next start makes one: %s", known)
            return None

    def _link_url(self, code: str) -> str:
        return f"{self.public_url}/welcome/{code}"

    async def stop(self) -> None:
        """Close the doors first, write what is queued, then end the rest."""
        self._checker.stopping.set()
        # What it sends goes through this loop, which must not wait for it.
        await asyncio.to_thread(self.dispatch.stop)
        if self.subscriber:
            self.subscriber.stop()
        await self.listener.stop()
        self.intake.stop()
        self.judge.stop()
        self.push.stop()
        self._sealer.stop()
        self._keeper.stop()
        for server in (self._api, self._enrolment):
            if server:
                await server.stop()
        self._reader.close()
        self._history.close()
        self.journal.close()
        self._state.dispose()

    async def _open_enrolment(self, enrol: Enrol) -> None:
        try:
            listening = bind(enrol.address, enrol.port)
        except OSError as error:
            raise StartError(_taken("enrol", enrol.address, enrol.port, error)) from None
        routes = build_enrolment(self.bureau.office, self.bureau.authorities, self.patience)
        self._enrolment = ApiServer(routes, listening, self.bureau.server_context())
        self.enrol_url = f"https://{bracketed(enrol.names[0])}:{listening.getsockname()[1]}"
        await self._enrolment.start()

    def _bureau(self, roster: Roster, directory: Directory) -> Bureau:
        config = self.config

        def history_of(device: str) -> str | None:
            return directory.whose(device).customer if self._reader.device(device) else None

        return Bureau(
            self.data,
            names_of(config.enrol.names, config.enrol.server) if config.enrol else [],
            self._state,
            self.clock.now,
            roster=roster,
            terms=self._terms,
            surroundings=Surroundings(
                history_of=history_of,
                is_connected=lambda device: device in self.listener.clients,
                recheck=lambda: self.listener.recheck(roster.barred),
                revoked_changed=lambda: None,
            ),
            broker_files=_broker_files(config.broker) if config.broker else None,
            client_ca=Path(config.listen.tls.client_ca) if config.listen.tls else None,
        )

    def _terms(self) -> Terms:
        """Where enrolled machines report, and how long their certificates serve."""
        enrol = self.config.enrol
        assert enrol is not None
        port = (self.mqtt_url or "").rpartition(":")[2]
        return terms(enrol.server or f"mqtts://{bracketed(enrol.names[0])}:{port}", enrol.certificate_days)

    def _born(self, birth: Accepted) -> None:
        self._roster.born(birth.device, Birth(birth.boot, birth.session, birth.sampled_at))

    def _enrolment_facts(self) -> Enrolment | None:
        return Enrolment(self.enrol_url, self.bureau.fingerprint()) if self.enrol_url else None

    def _seal(self) -> None:
        while self.journal.seal(self.clock.now(), self.judge.position).more and not self._sealer.stopping.is_set():
            pass

    def _allowed(self) -> int | None:
        """Predictive tickets of a month."""
        per_1000 = self.config.tickets.budget_per_1000_devices_a_month
        return None if per_1000 is None else allowance(per_1000, self._reader.device_count())

    def health(self) -> Health:
        return self.condition.read()

    def _ways(self) -> list[Way]:
        ways: list[Way] = []
        if self.config.listen.enabled:
            ways.append(ListenerWay(self.listener.connect_inside))
        if self.subscriber:
            ways.append(BrokerWay(self.subscriber.publish))
        return ways

    def _canary(self, way: Way) -> Canary:
        return Canary(way, self._reader, self._history, lambda: self.judge.position, self.clock.now)

    def _check(self) -> None:
        """Let the canaries fly; if nothing troubles the collector then, say so to the outside."""
        for canary in self.condition.canaries:
            canary.fly(self._checker.stopping.is_set)
        if self.condition.ping and not self._checker.stopping.is_set() and not self.health().troubles:
            self.condition.ping.send()


def _make_data_directory(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = "it is not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise StartError(f"{data}: {reason}; name a data directory that this user may write") from None


def _taken(section: str, address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        remedy = f"stop what uses it, or set {section}.port to another one (0 takes any)"
    elif error.errno == errno.EACCES:
        remedy = f"set {section}.port to one above 1023, or give this user the right to it"
    else:
        remedy = f"set {section}.address to an address of this machine"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return f"cannot listen on {address}:{port}: {reason}; {remedy}"


def _server_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client without a certificate of our CA does not get in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(tls.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"listen.tls: {error}; give PEM files that belong together") from None
    return context


def _api_context(tls: ApiTls) -> ssl.SSLContext:
    warn_if_open_to_all(tls.key)
    try:
        return server_context(tls.certificate, tls.key)
    except OSError as error:
        raise StartError(f"api.tls: {error}; give PEM files that belong together") from None


def _limits(listen: Listen) -> Limits:
    return Limits(listen.connections_per_address, listen.connections_per_second, listen.messages_per_second)


def _broker_files(broker: Broker) -> BrokerFiles | None:
    if broker.files is None:
        return None
    return BrokerFiles(Path(broker.files), Path(broker.pid_file) if broker.pid_file else None)


def _destination(entry: DestinationEntry) -> Webhook:
    return Webhook(entry.name, entry.url, _token(entry.token_file) if entry.token_file else None)


def _broker(broker: Broker, packet_bytes: int) -> BrokerSettings:
    return BrokerSettings(
        broker.url,
        broker.client_id,
        broker.username,
        _secret(broker.password_file) if broker.password_file else None,
        broker.group,
        broker.ca,
        broker.certificate,
        broker.key,
        packet_bytes,
    )


def _ping_url(check: SelfCheck) -> str | None:
    if check.ping_url_file is None:
        return check.ping_url
    url = _secret(check.ping_url_file)
    if problem := ping_url_problem(url):
        raise StartError(f"{check.ping_url_file}: {problem}; it must hold https://HOST/PATH and nothing else")
    return url


def _token(path: str) -> str:
    token = _secret(path)
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise StartError(f"{path}: holds no token; it must hold the token and nothing else")
    return token


def _secret(path: str) -> str:
    warn_if_open_to_all(path)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path}: cannot be read: {error}") from None
