"""The other front door: a subscriber on any MQTT 5 broker, which acknowledges after the commit.

Facts behind the settings: after a resume a broker may ignore Receive Maximum, so the intake's queue bounds the memory;
an acknowledgement of an earlier connection must not be sent on a later one, because packet ids are used again.
"""

import asyncio
import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from urllib.parse import urlsplit

import mqtt5

from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.broker_link import BrokerLink, granted
from forewarn_collector.ingest.broker_terms import Needs, shortcomings
from forewarn_collector.ingest.intake import Intake, Item, Verdict
from forewarn_wire import down_topic

log = logging.getLogger(__name__)

SESSION_EXPIRY_SECONDS = 7 * 86_400
# Two commits' worth: while one is written, the next one comes in.
RECEIVE_MAXIMUM = 4000
KEEPALIVE_SECONDS = 60
REPORTS_TOPIC = "forewarn/v1/+/up/#"
# Mosquitto's name for it; other brokers have none, and then nothing comes.
DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
PUBLISH_SECONDS = 15.0
CONNECT_SECONDS = 15.0
LEAVE_SECONDS = 5.0
RECONNECT_SECONDS = 1.0
RECONNECT_AT_MOST = 30.0
TICK_SECONDS = 0.5


@dataclass(frozen=True)
class BrokerSettings:
    """``url``: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]. ``group``: share the load with other collectors.
    ``packet_bytes``: the largest packet that devices may send."""

    url: str
    client_id: str = "collector"
    username: str | None = None
    password: str | None = None
    group: str | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    packet_bytes: int = 262_144


class Subscriber:
    def __init__(self, intake: Intake, settings: BrokerSettings, now: Callable[[], float]) -> None:
        self.connected = False
        self.trouble: str | None = None
        self.dropped: int | None = None
        """How many messages the broker says it dropped, for whomever; None: it does not say."""
        self.shortcomings: list[str] = []
        """What the broker does not grant though it is needed, as of the newest connection."""
        self._intake = intake
        self._now = now
        self._settings = settings
        self._reports = f"$share/{settings.group}/{REPORTS_TOPIC}" if settings.group else REPORTS_TOPIC
        self._tls: ssl.SSLContext | None = None
        if urlsplit(settings.url).scheme == "mqtts":
            self._tls = ssl.create_default_context(cafile=settings.ca)
            if settings.certificate:
                self._tls.load_cert_chain(settings.certificate, settings.key)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._link: BrokerLink | None = None
        self._stopping = threading.Event()
        self._leaving = self._left = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="subscriber")

    def start(self) -> None:
        self.trouble = f"{self._settings.url}: not connected yet"
        self._thread.start()

    def stop(self) -> None:
        """What waits before a full queue is not acknowledged, and the broker keeps it."""
        self._stopping.set()
        self._call(lambda: self._task is not None and not self._left and self._task.cancel())
        if self._thread.is_alive():
            self._thread.join()

    def leave_the_group(self) -> None:
        """As `stop`, and the broker gives reports to the others of the group from now on; while it is away it would not
        hear of that, so then it is told when it is back."""
        self._leaving = True
        self._call(self._leave)

    def _leave(self) -> None:
        if self.connected and self._task is not None:
            self._left = True
            self._stopping.set()
            self._task.cancel()

    def send(self, device: str, kind: str, payload: bytes) -> bool:
        """Hand a message to the broker for a device; settings are retained. False: there is no connection now."""
        if not self.connected:
            return False
        self._call(self._hand_over, down_topic(device, kind), payload, kind == "config")
        return True

    def _hand_over(self, topic: str, payload: bytes, retain: bool) -> None:
        if self._link is not None:
            self._link.publish(topic, payload, retain)

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message to the broker and wait until it has it. Raise OSError when it does not take it."""
        if not self.connected or self._loop is None:
            raise ConnectionError("not connected to the broker")
        try:
            waiting = asyncio.run_coroutine_threadsafe(self._deliver(topic, payload), self._loop)
            waiting.result(PUBLISH_SECONDS)
        except (RuntimeError, CancelledError):
            raise ConnectionError("the collector ends") from None
        except TimeoutError:
            waiting.cancel()
            raise TimeoutError(f"the broker did not acknowledge within {PUBLISH_SECONDS:.0f} s") from None

    async def _deliver(self, topic: str, payload: bytes) -> None:
        if self._link is None:
            raise ConnectionError("not connected to the broker")
        await self._link.publish(topic, payload, retain=False)

    def finish(self, verdicts: Sequence[Verdict]) -> None:
        """A dead letter is acknowledged too: it is stored as such, and the broker must not send it for ever."""
        self._call(self._acknowledge, [token for token, _ in verdicts if token is not None])

    def _acknowledge(self, tokens: Sequence[tuple[BrokerLink, int]]) -> None:
        if self._link is not None:
            self._link.acknowledge([packet_id for link, packet_id in tokens if link is self._link])
            self._link.resume()

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        """In the event loop, soon."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(what, *arguments)

    async def _run(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        pause = RECONNECT_SECONDS
        with contextlib.suppress(asyncio.CancelledError):
            while not self._stopping.is_set():
                served = await self._session()
                pause = RECONNECT_SECONDS if served else min(2 * pause, RECONNECT_AT_MOST)
                await asyncio.sleep(pause)

    async def _session(self) -> bool:
        """One connection from its beginning to its end; whether it served."""
        url = urlsplit(self._settings.url)
        host, port = url.hostname or "127.0.0.1", url.port or (8883 if self._tls else 1883)
        hello = self._hello()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, link = await asyncio.get_running_loop().create_connection(
                    lambda: BrokerLink(self, hello), host, port, ssl=self._tls
                )
        except (OSError, UnicodeError):
            self.say("cannot be reached, or the TLS handshake failed")
            return False
        self._link = link
        give_up_at = time.monotonic() + CONNECT_SECONDS
        try:
            while not link.closed.done():
                await asyncio.wait({link.closed}, timeout=TICK_SECONDS)
                link.tick(time.monotonic())
                if not self.connected and time.monotonic() > give_up_at:
                    link.give_up("does not answer")
            return self.connected
        finally:
            self.connected = False
            if self._leaving:
                await link.unsubscribe(self._reports, LEAVE_SECONDS)  # what comes meanwhile is taken still
            self._link = None
            link.leave()

    def _hello(self) -> mqtt5.ConnectPacket:
        settings = self._settings
        return mqtt5.ConnectPacket(
            settings.client_id,
            username=settings.username,
            password=settings.password.encode() if settings.password is not None else None,
            clean_start=False,
            keep_alive=KEEPALIVE_SECONDS,
            session_expiry_interval=SESSION_EXPIRY_SECONDS,
            receive_max=RECEIVE_MAXIMUM,
        )

    def accepted(self, link: BrokerLink, answer: mqtt5.ConnAckPacket) -> None:
        """The broker lets the collector in."""
        self._compare(granted(answer))
        # A session that goes on gets no retained messages again: an old birth is no sign of life.
        reports = mqtt5.TopicFilter(
            self._reports,
            max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain_as_published=False,
            retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
        )
        link.subscribe(reports, mqtt5.TopicFilter(DROPPED_TOPIC, max_qos=mqtt5.QoS.AT_MOST_ONCE))

    def _compare(self, properties: dict[str, int]) -> None:
        settings = self._settings
        needs = Needs(SESSION_EXPIRY_SECONDS, settings.packet_bytes, settings.group is not None)
        found = [f"{settings.url}: {text}" for text in shortcomings(properties, needs)]
        for text in found:
            if text not in self.shortcomings:
                log.error("%s", text)
        self.shortcomings = found

    def subscribed(self) -> None:
        self.connected, self.trouble = True, None
        log.info("subscribed at %s", self._settings.url)
        if self._leaving:
            self._leave()

    def say(self, text: str) -> None:
        """What is wrong with the broker now."""
        trouble = f"{self._settings.url}: {text}"
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble

    @property
    def has_room(self) -> bool:
        return self._intake.has_room

    def take(self, link: BrokerLink, packets: Sequence[mqtt5.PublishPacket]) -> bool:
        """Queue what the broker sent. False: the queue is full now."""
        received, items = self._now(), []
        for packet in packets:
            topic, packet_id = packet.topic, packet.packet_id
            if topic == DROPPED_TOPIC:
                self.dropped = int(packet.payload) if packet.payload.isdigit() else None
                continue
            token = (link, packet_id) if packet_id is not None else None
            items.append(Item(self, token, Publish("broker", "", topic, packet.payload, received)))
        return self._intake.offer(*items)
