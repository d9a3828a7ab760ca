"""The collector's own MQTT 5 front door. PUBACK is sent after the commit, never before.

It is an endpoint, not a broker: devices publish under their own ``up/`` and may subscribe to their own ``down/``.
Source: MQTT 5.0, OASIS standard.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from mqtt5 import DisconnectReasonCode as Bye
from mqtt5 import PubAckPacket, PubAckReasonCode

from forewarn_collector.identity.admission import Visitor
from forewarn_collector.ingest.connection import REVOKED, Connection, InsideConnection
from forewarn_collector.ingest.crowd import USUAL_LIMITS, Crowd, Limits
from forewarn_collector.ingest.entrance import Entrance
from forewarn_collector.ingest.intake import Intake, Verdict
from forewarn_wire.machine import Machine

log = logging.getLogger(__name__)

REFUSALS = {
    "foreign-topic": PubAckReasonCode.NOT_AUTHORIZED,
    "revoked-device": PubAckReasonCode.NOT_AUTHORIZED,
    "unknown-topic": PubAckReasonCode.TOPIC_NAME_INVALID,
}
SEND_SECONDS = 10.0
_PUBACK_OK_HEAD = b"\x40\x02"


class Listener:
    """Accepts connections, knows who is connected, and acknowledges what the intake has stored."""

    def __init__(
        self,
        intake: Intake,
        now: Callable[[], float],
        *,
        max_packet_bytes: int = 262_144,
        receive_maximum: int = 200,
        max_connections: int = 50_000,
        limits: Limits = USUAL_LIMITS,
        connect_seconds: float = 15.0,
        close_seconds: float = 10.0,
        tls: ssl.SSLContext | None = None,
        admit: Callable[[Visitor, Machine | None], str | None] = lambda _visitor, _rival: None,
    ) -> None:
        """``connect_seconds``: how long a client may take for the TLS handshake, and again for its CONNECT;
        ``close_seconds``: how long one may take to read its goodbye; ``admit`` says why a client that has shown who it
        is may not come in, or None: it is also given the machine of the connection that would end."""
        self.intake = intake
        self.now = now
        self.max_packet_bytes = max_packet_bytes
        self.receive_maximum = receive_maximum
        self.connect_seconds = connect_seconds
        self.close_seconds = close_seconds
        self.tls = tls
        self.crowd = Crowd(max_connections, limits)
        self._admit = admit
        self.clients: dict[str, Connection] = {}
        self.open: set[Connection] = set()
        self.paused: set[Connection] = set()
        self.ended: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_subscribed: Callable[[str], None] = lambda _device: None
        self._entrance: Entrance | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, address: str, port: int) -> tuple[str, int]:
        """Listen; return the address and port in use (port 0 takes a free one). Raise OSError when it can't."""
        self._loop = asyncio.get_running_loop()
        self._entrance = Entrance(
            self.crowd, self.ended, lambda peer: Connection(self, peer), self.tls, self.connect_seconds
        )  # fmt: skip
        where = self._entrance.open(address, port)
        self._sweeper = self._loop.create_task(self._sweep())
        return where

    def connect_inside(self) -> socket.socket:
        """One end of a connection that no network carries and nobody else can open, from any thread. Raise OSError."""
        if self._loop is None or self._loop.is_closed():
            raise ConnectionError("the listener is not running")
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        accepted = self._loop.connect_accepted_socket(lambda: InsideConnection(self), theirs)
        asyncio.run_coroutine_threadsafe(accepted, self._loop).result(self.connect_seconds)
        return ours

    async def stop(self) -> None:
        if self._entrance is None:
            return
        self._entrance.close()
        if self._sweeper:
            self._sweeper.cancel()
        for connection in list(self.open):
            connection.end(Bye.SERVER_SHUTTING_DOWN, "server-stopped")
        await asyncio.sleep(0)

    def refusal(self, visitor: Visitor) -> str | None:
        older = self.clients.get(visitor.device)
        return self._admit(visitor, older.visitor.machine if older is not None else None)

    def recheck(self, barred: Callable[[Visitor], str | None]) -> None:
        """End every connection that is not welcome any more; may be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._recheck, barred)

    def _recheck(self, barred: Callable[[Visitor], str | None]) -> None:
        for connection in list(self.clients.values()):
            if barred(connection.visitor):
                connection.end(Bye.NOT_AUTHORIZED, REVOKED)

    def entered(self, connection: Connection) -> None:
        """A client has authenticated: a session of the same name ends (MQTT-3.1.4-3)."""
        older = self.clients.get(connection.client)
        if older is not None and older is not connection:
            older.end(Bye.SESSION_TAKEN_OVER, "taken-over")
        self.clients[connection.client] = connection

    def subscribed(self, client: str) -> None:
        """A device listens to what is sent down to it."""
        self.on_subscribed(client)

    def send(self, device: str, kind: str, payload: bytes) -> bool:
        """Send to a device that is connected here and listens; from any thread but the loop's own."""
        loop = self._loop
        if loop is None or device not in self.clients:
            return False
        return asyncio.run_coroutine_threadsafe(self._send(device, kind, payload), loop).result(SEND_SECONDS)

    async def _send(self, device: str, kind: str, payload: bytes) -> bool:
        connection = self.clients.get(device)
        return connection is not None and connection.order(kind, payload)

    def left(self, connection: Connection, reason: str) -> None:
        self.open.discard(connection)
        self.paused.discard(connection)
        self.ended[reason] += 1
        if connection.address:
            self.crowd.leave(connection.address, time.monotonic(), welcome=bool(connection.client))
        if self.clients.get(connection.client) is connection:
            del self.clients[connection.client]

    def finish(self, verdicts: Sequence[Verdict]) -> None:
        """Called by the intake's writer thread after the commit."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._acknowledge, verdicts)

    def _acknowledge(self, verdicts: Sequence[Verdict]) -> None:
        answers: defaultdict[Connection, list[bytes]] = defaultdict(list)
        for token, refused in verdicts:
            if token is None:
                continue
            connection, packet_id = token
            if refused:
                code = REFUSALS.get(refused, PubAckReasonCode.PAYLOAD_FORMAT_INVALID)
                answer = PubAckPacket(packet_id, reason_code=code, reason_str=refused).write()
            else:
                answer = _PUBACK_OK_HEAD + packet_id.to_bytes(2, "big")
            answers[connection].append(answer)
        for connection, packets in answers.items():
            connection.acknowledged(packets)
        self._resume()

    def _resume(self) -> None:
        now = time.monotonic()
        for connection in list(self.paused):
            if not self.intake.has_room:
                return
            connection.resume(now)

    def resume_later(self, seconds: float) -> None:
        """From the loop. A timer may come a hair too early."""
        asyncio.get_running_loop().call_later(seconds + 0.01, self._resume)

    async def _sweep(self) -> None:
        """End connections whose keepalive ran out, and those that never said who they are."""
        while True:
            await asyncio.sleep(min(2.0, self.connect_seconds, self.close_seconds))
            now = time.monotonic()
            for connection in list(self.open):
                connection.expire(now)
            self._resume()
