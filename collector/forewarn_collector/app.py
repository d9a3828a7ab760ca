"""Wires the collector together; the only module that knows every room."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from forewarn_collector.api.app import build_api
from forewarn_collector.api.baselines import Baselines
from forewarn_collector.api.duty import Duty
from forewarn_collector.api.explained import Explanations
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.api.orders import Orders
from forewarn_collector.api.owners import Owners
from forewarn_collector.api.routes.service import service_routes
from forewarn_collector.api.views import Health
from forewarn_collector.clock import Clock, SettableClock
from forewarn_collector.config import Config
from forewarn_collector.configured import configured_directory, configured_rules
from forewarn_collector.destinations import Destinations, plan
from forewarn_collector.identity.clones import Birth
from forewarn_collector.identity.notices import Notices
from forewarn_collector.identity.roster import Roster
from forewarn_collector.ingest.intake import Intake
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.ingest.subscriber import Subscriber
from forewarn_collector.judge.judge import Judge
from forewarn_collector.judge.judges import Judges
from forewarn_collector.judge.sites import Sites
from forewarn_collector.language.explanation import Explanation, explain
from forewarn_collector.notify.contacts import KnownContacts
from forewarn_collector.notify.start import make_senders
from forewarn_collector.notify.switchboard import Switchboard
from forewarn_collector.orders.book import Book
from forewarn_collector.orders.dispatch import Dispatch, WayDown
from forewarn_collector.people import history
from forewarn_collector.people.escalator import Escalator
from forewarn_collector.people.logins import with_logins
from forewarn_collector.people.register import Register
from forewarn_collector.people.service_levels import ServiceLevels
from forewarn_collector.repeat import Repeat
from forewarn_collector.selfcheck.health import Condition
from forewarn_collector.selfcheck.ping import Ping
from forewarn_collector.selfcheck.rounds import Rounds
from forewarn_collector.several.shift import Work
from forewarn_collector.several.team import Team
from forewarn_collector.start import (
    StartError,
    address_taken,
    api_context,
    broker_settings,
    listener_context,
    listener_limits,
    make_data_directory,
    ping_address,
    terms_of,
)
from forewarn_collector.start_api import ApiPort
from forewarn_collector.start_history import Outside, configured_store
from forewarn_collector.start_identity import EnrolmentPort, make_bureau
from forewarn_collector.start_selfcheck import make_canaries
from forewarn_collector.start_service import make_service
from forewarn_collector.start_store import claims_of, collector_name, open_journal
from forewarn_collector.state_place import state_place
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Accepted
from forewarn_collector.store.state import open_state
from forewarn_collector.store.state_server import check_tables
from forewarn_collector.sweep import Sweep
from forewarn_collector.tickets.budget import allowance
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import Docket
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.push import Push
from forewarn_collector.tickets.systems.external import Links
from forewarn_collector.web.pages import pages
from forewarn_collector.web.rating import rating_page
from forewarn_rules import Engine

log = logging.getLogger(__name__)

SEAL_SECONDS = 10.0
IDENTITY_SECONDS = 2.0
ESCALATION_SECONDS = 1.0
TICK_SECONDS = 15.0
SIMULATED_TICK_SECONDS = 0.2


class Collector:
    """Everything that runs in ``forewarn up``. ``start`` and ``stop`` run in the event loop."""

    def __init__(self, config: Config, data: Path, clock: Clock | None = None) -> None:
        self.config = config
        self.data = data
        self.clock = clock or Clock()
        self.mqtt_url: str | None = None
        # Everything that can be wrong with the configuration is found before the first file is written.
        rules = configured_rules(config)
        own_tls = listener_context(config.listen.tls) if config.listen.tls else None
        api_tls = api_context(config.api.tls) if config.api.tls else None
        logins = partial(with_logins, people=lambda: self.register.people)
        planned = [plan(entry, logins) for entry in config.destinations]
        name = collector_name(config.store) if config.store.journal else None
        broker = broker_settings(config.broker, config.listen.max_packet_bytes, name) if config.broker else None
        ping_url = ping_address(config.self_check)
        now = self.clock.now
        senders = make_senders(config.notify, now)
        self._roster = roster = Roster()
        where = state_place(config.store, data)
        outside = configured_store(config.store)
        make_data_directory(data)
        self.journal = open_journal(config.store, data)
        try:
            self._state = open_state(where)
        except BaseException:
            self.journal.close()
            raise
        self.api = ApiPort(config.api, api_tls, data, self._state, self.clock)
        self._reader = self.journal.reader()
        self.register: Register = Register(self._state, now)
        directory = configured_directory(config.directory, roster.enrolled, self.register.whose)
        names = [entry.name for entry in config.destinations]
        heard = Sites(self._reader, directory).heard
        self.desk = Desk(self._state, names, now, self._allowed, terms_of(config.tickets), heard)
        self.destinations = Destinations(planned, lambda name: Links(self._state, name), self.desk, now)
        self.push = Push(self._state, self.destinations.senders, now)
        contacts = KnownContacts(config.notify, lambda: self.register.people.engineers)
        self.switchboard = Switchboard(self._state, config.notify, senders, contacts, self._explained, now)
        escalator = Escalator(self._state, self.register, self.switchboard.escalate, now)
        escalator.wake = self.switchboard.phones.wake
        self._escalation = Repeat("escalation", ESCALATION_SECONDS, escalator.step)
        self.desk.announcer.hearers += [history.hear, self.switchboard.hearing.hear]
        self.desk.on_assigned = self.switchboard.notifier.give
        self.desk.wake_push = self._wake_deliveries
        simulated = isinstance(self.clock, SettableClock)
        tick = SIMULATED_TICK_SECONDS if simulated else TICK_SECONDS
        claims = claims_of(
            config.store, self.journal, partial(check_tables, self._state), lambda: self.api.public_url, now
        )

        def judge_of(docket: Docket) -> Judge:
            open_reader = self.journal.reader
            return Judge(partial(Engine, rules), open_reader, self.desk, directory, self.clock, tick, docket=docket)

        self.judge = Judges(judge_of, partial(Engine, rules), self.desk, claims.whose if claims else None)
        self.intake = Intake(self.journal, self.judge.wake, refusal=roster.refusal, born=self._born)
        roster.tell = Notices(self.intake, now).tell
        self.bureau = make_bureau(
            config, data, self._state, now, roster, directory, self._reader, lambda: self.listener,
            lambda: self.mqtt_url,
        )  # fmt: skip
        if config.enrol and config.listen.enabled and own_tls is None:
            own_tls = self.bureau.door_context()
        elif config.enrol and own_tls is not None:
            self.bureau.trust(own_tls)
        self.listener = Listener(
            self.intake, now, max_packet_bytes=config.listen.max_packet_bytes, limits=listener_limits(config.listen),
            tls=own_tls, admit=roster.admit,
        )  # fmt: skip
        self.subscriber = Subscriber(self.intake, broker, now) if broker else None
        book = Book(self._state)
        doors: list[WayDown] = [self.listener, *([self.subscriber] if self.subscriber else [])]
        self.dispatch = Dispatch(book, self.journal.reader, doors, now, self.judge.review, self.judge.holds)
        self.listener.on_subscribed = self.dispatch.arrived
        self.orders = Orders(book, self._reader, now, self.dispatch.wake)
        channels = [channel.name for channel in config.notify.channels]
        self.duty = Duty(self.register, ServiceLevels(self._state, self.register, now), self.desk, channels, now)
        self._history = History(self.journal.reader())
        self.outside = Outside(outside, self._state, self.journal, self.judge.recorded, now)
        self.service = make_service(
            self._state, self.desk, self.judge, self.register, self._reader, directory, config.tickets, now
        )
        self.fleet = Fleet(
            self._reader, self._history, self.judge, self.desk, directory, book, now, self.bureau.office.look,
            self.outside.far(self._history),
        )  # fmt: skip
        self.baselines = Baselines(self._reader, self._history, self.judge, self.desk)
        self.explanations = Explanations(self._reader, self._history, self.judge)
        self._owners = Owners(directory, self.desk)
        self._sealer = Repeat("seal", SEAL_SECONDS, self._seal)
        self._sweeper = Sweep(config.store.keep, self.journal, self._state, self.judge.reach_back, now).repeat
        scheduled: list[Work] = [
            self.push, self.switchboard.phones, self.destinations, self.outside, self._sealer, self._sweeper,
        ]  # fmt: skip
        if self.switchboard.notifier.on:
            scheduled.append(self._escalation)
        refresh = [self.register.refresh, self.bureau.office.reload]
        ended = self.subscriber.leave_the_group if self.subscriber else None
        self.team = Team(self.judge, claims, scheduled, self.dispatch.look_again, refresh, ended)
        directory.take_up = self.team.take_up
        self.condition = Condition(
            self.clock, lambda: self.mqtt_url, self._reader, self.intake, self.listener, self.subscriber,
            config.broker.url if config.broker else None, self.judge, self.desk, self.push, self.switchboard.phones,
            [
                lambda: self._sealer.trouble, lambda: self._keeper.trouble, lambda: self.bureau.trouble,
                lambda: self.dispatch.trouble, lambda: self._escalation.trouble, lambda: self._sweeper.trouble,
                lambda: self.team.trouble, lambda: self.fleet.keeping_up.trouble,
            ],
            lambda: self.team.members,
        )  # fmt: skip
        self.condition.forwarder = self.outside.forwarder
        self.condition.ping = Ping(ping_url, now) if ping_url else None
        self._rounds = Rounds(self.condition, float(config.self_check.every_seconds or 0))
        if config.self_check.every_seconds and not simulated:
            door = self.listener if config.listen.enabled else None
            self.condition.canaries = make_canaries(door, self.subscriber, self._reader, self._history, self.judge, now)
        self._keeper = Repeat("identity", IDENTITY_SECONDS, self.bureau.keep)
        self.enrolment = EnrolmentPort(config.enrol, self.bureau)

    @property
    def api_url(self) -> str:
        return self.api.url

    async def start(self) -> None:
        """Open the doors. Raise StartError when an address cannot be had."""
        listen, api = self.config.listen, self.api
        api.bind()
        routes = build_api(
            api.door(),
            api.access(),
            self._owners,
            self.fleet,
            self.baselines,
            self.explanations,
            self.orders,
            self.duty,
            self.desk,
            self.push,
            self.health,
            self.clock,
            [pages(api.users, api.public_url, api.https), rating_page(self.service, api.https)],
            service_routes(self.service, self.fleet, api.public_url),
            self.bureau.office,
            self.enrolment.facts,
            self.switchboard,
            self.destinations,
        )
        if listen.enabled:
            try:
                host, port = await self.listener.start(listen.address, listen.port)
            except OSError as error:
                api.release()
                raise StartError(address_taken("listen", listen.address, listen.port, error)) from None
            self.mqtt_url = f"{'mqtts' if self.listener.tls else 'mqtt'}://{host}:{port}"
        await self.enrolment.open()
        self.bureau.start()
        self.team.start()
        self.intake.start()
        self.dispatch.start()
        self._keeper.start()
        self.fleet.keeping_up.start()
        if self.subscriber:
            self.subscriber.start()
        await api.serve(routes)
        self._rounds.start()

    def _explained(self, ticket: Ticket, language: str) -> Explanation:
        return explain(ticket, self.judge.rules, language)

    def _wake_deliveries(self) -> None:
        self.push.wake()
        self.switchboard.phones.wake()

    async def stop(self) -> None:
        """Close the doors first, write what is queued, then end the rest."""
        self._rounds.end()
        # What it sends goes through this loop, which must not wait for it.
        await asyncio.to_thread(self.dispatch.stop)
        if self.subscriber:
            self.subscriber.stop()
        await self.listener.stop()
        self.intake.stop()
        self.team.stop()
        self.outside.close()
        self._keeper.stop()
        self.fleet.keeping_up.stop()
        await self.api.stop()
        await self.enrolment.close()
        self._reader.close()
        self._history.close()
        self.journal.close()
        self._state.dispose()

    def _born(self, birth: Accepted) -> None:
        self._roster.born(birth.device, Birth(birth.boot, birth.session, birth.sampled_at))

    def _seal(self) -> None:
        more = True
        while more and not self._sealer.stopping.is_set():
            more = self.journal.seal(self.clock.now(), self.outside.may_be_sealed()).more

    def _allowed(self) -> int | None:
        """Predictive tickets of a month."""
        per_1000 = self.config.tickets.budget_per_1000_devices_a_month
        return None if per_1000 is None else allowance(per_1000, self._reader.device_count())

    def health(self) -> Health:
        return self.condition.read()
