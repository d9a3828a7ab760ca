"""paho's only user: one connection to the server over MQTT 5.

Every connection is a client object of its own. So nothing of an earlier connection is sent again by the library:
the outbox alone decides what goes, and the birth is the first message of each connection.
"""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from forewarn_agent.bell import Bell
from forewarn_agent.drain import Drain
from forewarn_agent.machine import read_marks
from forewarn_agent.outbox import Outbox
from forewarn_agent.settings import Config
from forewarn_wire import DOWN_KINDS, Inventory, StatusReport, TopicError, down_topic, encode, parse_topic, up_topic
from forewarn_wire.machine import PROPERTY

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 60
IN_FLIGHT = 20
CONNECT_SECONDS = 15.0
# The longest that one turn may take: the name of the server is looked up, a slow disk settles the outbox.
TURN_SECONDS = 180.0
# How long nothing may happen before paho is asked whether the server needs a sign of life: a quarter of the keepalive,
# because a server gives up after one and a half.
_IDLE_SECONDS = KEEPALIVE_SECONDS / 4


class Ends(NamedTuple):
    """What a connection joins to the server, the same for one after the other. ``receive`` and ``promise``: see
    `Publisher`. Others set ``news`` (the birth is to be published again) or ``again`` (what was delivered waits anew),
    and ring."""

    config: Config
    outbox: Outbox
    inventory: Callable[[], Inventory]
    receive: Callable[[str, bytes], None]
    promise: Callable[[float], None]
    bell: Bell
    news: threading.Event
    again: threading.Event


class Connection:
    """One connection from CONNECT to its end. ``was_open``: the server accepted it."""

    def __init__(self, ends: Ends) -> None:
        self._config = config = ends.config
        self._outbox = outbox = ends.outbox
        self._inventory = ends.inventory
        self._receive = ends.receive
        self._promise = ends.promise
        self._news = ends.news
        self._again = ends.again
        self._bell = ends.bell
        self._topic = up_topic(config.device, "status")
        self._drain: Drain | None = None
        self._refusal: str | None = None
        self._lost: str | None = None
        self._status_mids: set[int] = set()
        self.was_open = False
        self.session = outbox.next_session()
        self._client = self._make_client()

    def open(self, stopping: threading.Event) -> None:
        """Connect. Raise OSError where the server cannot be reached or refuses."""
        server = self._config.server
        about = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        about.UserProperty = (PROPERTY, str(read_marks(self._config.roots)))
        self._client.connect(
            server.host, server.port, keepalive=KEEPALIVE_SECONDS, clean_start=True, properties=about
        )  # fmt: skip
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self.was_open:
            self._turn(deadline - time.monotonic())
            if self._refusal:
                raise OSError(f"connection refused: {self._refusal}")
            if stopping.is_set() or time.monotonic() > deadline:
                raise OSError("the server did not answer the connection")

    def serve(self, stopping: threading.Event, deadline: Callable[[], float]) -> None:
        """Birth first, then the outbox, until the connection is lost (OSError) or the agent stops."""
        self._publish_birth()
        while True:
            self._fill()
            if stopping.is_set() and (self._drain is None or self._drain.idle or time.monotonic() > deadline()):
                break
            self._turn(self._patience(deadline() if stopping.is_set() else None))
            if self._news.is_set():
                self._publish_birth()
        self._say_goodbye()

    def close(self) -> None:
        """End the connection without a will. After a lost connection this does nothing."""
        if self._drain is not None:
            self._drain.settle()
        self._client.disconnect()
        for _ in range(10):
            if self._client.loop(0.05) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break

    def _make_client(self) -> Client:
        config = self._config
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=config.device,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(IN_FLIGHT + 5)
        client.username_pw_set(config.device, self._password())
        if config.server.tls:
            tls = config.tls
            client.tls_set(
                ca_certs=str(tls.ca) if tls.ca else None,
                certfile=str(tls.certificate) if tls.certificate else None,
                keyfile=str(tls.key) if tls.key else None,
                cert_reqs=ssl.CERT_REQUIRED,
            )
        client.will_set(self._topic, encode(self._status("offline", "connection lost")), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _password(self) -> str | None:
        path = self._config.password_file
        return path.read_text(encoding="utf-8").splitlines()[0].strip() if path else None

    def _patience(self, deadline: float | None) -> float:
        """Seconds until there is something to do even if nobody rings and nothing arrives."""
        now = time.monotonic()
        pause = self._drain.pause(now) if self._drain is not None else 0.0
        moments = [_IDLE_SECONDS, *([pause] if pause else []), *([deadline - now] if deadline is not None else [])]
        return min(moments)

    def _turn(self, seconds: float) -> None:
        """Wait so long, or until somebody rings or the server says something; then let the network work once. Raise
        OSError when the connection is gone."""
        self._promise(TURN_SECONDS)
        connection = self._client.socket()
        # What TLS has already decrypted is not seen on the socket.
        if connection is not None and not (isinstance(connection, ssl.SSLSocket) and connection.pending()):
            self._bell.wait(seconds, connection, self._client.want_write())
        code = self._client.loop(0)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS and not self._refusal:
            raise OSError(f"connection lost: {self._lost or code.name}")

    def _fill(self) -> None:
        """Settle what was answered and fill the window again."""
        if self._drain is None:
            return
        self._drain.settle()
        if self._again.is_set():
            self._again.clear()
            self._drain.rewind()
        while (parcel := self._drain.next(time.monotonic())) is not None:
            sent = self._client.publish(up_topic(self._config.device, parcel.kind), parcel.payload, qos=1)
            self._drain.sent(sent.mid, parcel)

    def _publish_birth(self) -> None:
        self._news.clear()
        self._publish_status(self._status("online", "", self._inventory()))

    def _publish_status(self, status: StatusReport) -> None:
        sent = self._client.publish(self._topic, encode(status), qos=1, retain=True)
        self._status_mids.add(sent.mid)

    def _say_goodbye(self) -> None:
        self._publish_status(self._status("offline", "shutdown"))
        deadline = time.monotonic() + 1.0
        while self._status_mids and time.monotonic() < deadline:
            self._client.loop(0.1)

    def _status(self, state: str, reason: str, inventory: Inventory | None = None) -> StatusReport:
        status = StatusReport(
            device=self._config.device,
            boot=self._outbox.boot,
            seq=self._outbox.next_seq,
            sampled_at=time.time(),
            state=state,
            session=self.session,
            reason=reason,
        )
        if inventory is not None:
            status.inventory = inventory
        return status

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._refusal = str(code)
            return
        window = min(IN_FLIGHT, getattr(properties, "ReceiveMaximum", IN_FLIGHT) or IN_FLIGHT)
        self._drain = Drain(self._outbox, window, getattr(properties, "MaximumPacketSize", None))
        self.was_open = True
        # A server without orders may refuse this; nothing else depends on it.
        client.subscribe([(down_topic(self._config.device, kind), 1) for kind in DOWN_KINDS])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = parse_topic(message.topic)
        except TopicError as error:
            log.warning("a message that nobody subscribed to: %s", error)
            return
        if (topic.device, topic.direction) == (self._config.device, "down"):
            self._receive(topic.kind, bytes(message.payload))

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._lost = str(code)

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if mid in self._status_mids:
            self._status_mids.discard(mid)
            if code.is_failure:
                log.error("the server refuses this device's status: %s", code)
        elif self._drain is not None:
            self._drain.answered(mid, code.value, str(code), time.monotonic())
