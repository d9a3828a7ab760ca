"""The other front door: a subscriber on any MQTT 5 broker, which acknowledges after the commit.

The only module of the collector that imports paho. Facts behind the settings: after a resume a broker may ignore
Receive Maximum, so the intake's queue bounds the memory; an acknowledgement of an earlier connection must not be sent
on a later one, because packet ids are used again.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from forewarn_collector.ingest.accept import Publish
from forewarn_collector.ingest.broker_terms import Needs, shortcomings
from forewarn_collector.ingest.intake import Intake, Item, Verdict
from forewarn_wire import down_topic

log = logging.getLogger(__name__)

SESSION_EXPIRY_SECONDS = 7 * 86_400
RECEIVE_MAXIMUM = 200
KEEPALIVE_SECONDS = 60
# Mosquitto's name for it; other brokers have none, and then nothing comes.
DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
PUBLISH_SECONDS = 15.0
UNSUPPORTED_PROTOCOL_VERSION = 0x84


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
        self._epoch = 0
        self._epoch_lock = threading.Lock()
        self._stopping = threading.Event()
        self._client = self._build()

    def _build(self) -> mqtt.Client:
        settings = self._settings
        client = mqtt.Client(CallbackAPIVersion.VERSION2, settings.client_id, protocol=mqtt.MQTTv5, manual_ack=True)
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password)
        if urlsplit(settings.url).scheme == "mqtts":
            context = ssl.create_default_context(cafile=settings.ca)
            if settings.certificate:
                context.load_cert_chain(settings.certificate, settings.key)
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.reconnect_delay_set(1, 30)
        return client

    def start(self) -> None:
        self.trouble = f"{self._settings.url}: not connected yet"
        url = urlsplit(self._settings.url)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_SECONDS
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(
            url.hostname or "127.0.0.1",
            url.port or (8883 if url.scheme == "mqtts" else 1883),
            keepalive=KEEPALIVE_SECONDS,
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()

    def send(self, device: str, kind: str, payload: bytes) -> bool:
        """Hand a message to the broker for a device; settings are retained. False: there is no connection now."""
        if not self.connected:
            return False
        return self._client.publish(down_topic(device, kind), payload, qos=1, retain=kind == "config").rc == 0

    def stop(self) -> None:
        # The queue may be full and stay so; what waits before it is not acknowledged, and the broker keeps it.
        self._stopping.set()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _u: Any, _f: Any, reason: Any, granted: Any) -> None:
        if reason.is_failure:
            remedy = ": it must speak MQTT 5" if reason.value == UNSUPPORTED_PROTOCOL_VERSION else ""
            self._say(f"the broker refuses: {reason}{remedy}")
            return
        self._compare(granted.json() if granted is not None else {})
        group = self._settings.group
        prefix = f"$share/{group}/" if group else ""
        # A session that goes on gets no retained messages again: an old birth is no sign of life.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe(f"{prefix}forewarn/v1/+/up/#", options=options)
        client.subscribe(DROPPED_TOPIC)

    def _compare(self, granted: dict[str, Any]) -> None:
        settings = self._settings
        needs = Needs(SESSION_EXPIRY_SECONDS, settings.packet_bytes, settings.group is not None)
        found = [f"{settings.url}: {text}" for text in shortcomings(granted, needs)]
        for text in found:
            if text not in self.shortcomings:
                log.error("%s", text)
        self.shortcomings = found

    def _on_subscribe(self, _c: Any, _u: Any, _m: Any, reasons: Any, _p: Any) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._say(f"the broker refuses the subscription: {', '.join(refused)}")
            return
        self.connected, self.trouble = True, None
        log.info("subscribed at %s", self._settings.url)

    def _on_connect_fail(self, _c: Any, _u: Any) -> None:
        self._say("cannot be reached, or the TLS handshake failed")

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        with self._epoch_lock:
            self._epoch += 1
        # When it was never connected, the reason is known better already.
        if self.connected and not self._stopping.is_set():
            self._say(f"disconnected: {reason}")
        self.connected = False

    def _say(self, text: str) -> None:
        trouble = f"{self._settings.url}: {text}"
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message to the broker and wait until it has it. Raise OSError when it does not take it."""
        if not self.connected:
            raise ConnectionError("not connected to the broker")
        sent = self._client.publish(topic, payload, qos=1)
        try:
            sent.wait_for_publish(PUBLISH_SECONDS)
        except (RuntimeError, ValueError) as error:
            raise ConnectionError(str(error)) from None
        if not sent.is_published():
            raise TimeoutError(f"the broker did not acknowledge within {PUBLISH_SECONDS:.0f} s")

    def _on_message(self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic == DROPPED_TOPIC:
            self.dropped = int(message.payload) if message.payload.isdigit() else None
            return
        token = (self._epoch, message.mid) if message.qos else None
        publish = Publish("broker", "", message.topic, bytes(message.payload), self._now())
        self._intake.put(Item(self, token, publish), self._stopping)

    def finish(self, verdicts: Sequence[Verdict]) -> None:
        """A dead letter is acknowledged too: it is stored as such, and the broker must not send it for ever."""
        for verdict in verdicts:
            if verdict.token is None:
                continue
            epoch, packet_id = verdict.token
            with self._epoch_lock:
                if epoch == self._epoch:
                    self._client.ack(packet_id, 1)
