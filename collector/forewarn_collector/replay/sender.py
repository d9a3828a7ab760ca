"""Virtual agents: many devices' reports over real MQTT 5 from one process, each on a connection of its own; or several
on one, as behind a gateway that a broker lets speak for them.

Each device keeps what is not acknowledged and sends it again after a broken connection, as a real agent does with its
disk outbox; so a collector that is killed in between loses nothing.
"""

import asyncio
import random
import ssl
from collections import Counter, deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import mqtt5
from mqtt5 import QoS

from forewarn_collector.ingest.packets import Framer, MalformedPacket
from forewarn_collector.replay.waits import Waits
from forewarn_wire import Message, encode, up_topic

IN_FLIGHT = 20
RECONNECT_SECONDS = 0.2
RECONNECT_AT_MOST = 5.0
GIVE_UP_SECONDS = 120.0
# Connections that are made at the same time: a collector that has just come back is not to be overrun.
HANDSHAKES = 100
Outgoing = tuple[str, bytes]


class SendError(Exception):
    """The collector cannot be reached or refuses the connection."""


class VirtualAgent:
    """One client, whose messages go in order; ``drained`` is set whenever nothing is owed. ``on_ack`` is told the
    reason code of each PUBACK, and how many seconds after the sending it came."""

    def __init__(
        self,
        client: str,
        host: str,
        port: int,
        on_ack: Callable[[int, float], None],
        tls: ssl.SSLContext | None = None,
        *,
        handshakes: asyncio.Semaphore | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> None:
        self.client = client
        self._tls = tls
        self.drained = asyncio.Event()
        self.drained.set()
        self._host, self._port = host, port
        self._on_ack = on_ack
        self._handshakes = handshakes or asyncio.Semaphore(1)
        self._give_up_seconds = give_up_seconds
        self._waiting: deque[Outgoing] = deque()
        self._owed: dict[int, tuple[Outgoing, float]] = {}
        self._next_id = 1
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.client)
        # VirtualAgents.check tells of one that has given up; that the others have too is no news.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def send(self, kind: str, message: Message) -> None:
        self._waiting.append((up_topic(message.device, kind), encode(message)))
        self.drained.clear()
        self._flush()

    async def finish(self) -> None:
        """Wait until everything is acknowledged, then say goodbye. Raise SendError."""
        drained = asyncio.create_task(self.drained.wait())
        assert self._task is not None
        await asyncio.wait({drained, self._task}, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()
        if self._task.done():
            self._task.result()
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(mqtt5.DisconnectPacket().write())
        await self.vanish()

    async def vanish(self) -> None:
        """Break the connection off, without a word."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last_success = loop.time()
        pause = RECONNECT_SECONDS
        while True:
            try:
                await self._session()
                last_success = loop.time()
            except (OSError, EOFError, MalformedPacket, TimeoutError) as error:
                if self._writer is not None:
                    last_success, pause = loop.time(), RECONNECT_SECONDS
                if loop.time() - last_success > self._give_up_seconds:
                    raise SendError(f"{self._host}:{self._port} does not answer: {error}") from None
            finally:
                self._close()
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
            pause = min(2 * pause, RECONNECT_AT_MOST)

    async def knock(self) -> None:
        """Connect once and go again. Raise OSError, EOFError, MalformedPacket, TimeoutError or SendError."""
        _, writer, _ = await self._open()
        writer.write(mqtt5.DisconnectPacket().write())
        writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Framer]:
        """A connection that the collector has accepted."""
        async with self._handshakes:
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            framer = Framer(65_536)
            try:
                writer.write(mqtt5.ConnectPacket(self.client, username=self.client, keep_alive=600).write())
                async with asyncio.timeout(30):
                    first, *_ = await self._read_packets(reader, framer)
                if not isinstance(first, mqtt5.ConnAckPacket) or first.reason_code != 0:
                    said = getattr(first, "reason_str", None) or getattr(first, "reason_code", first)
                    raise SendError(f"{self.client}: the collector refuses: {said}")
            except BaseException:
                writer.close()
                raise
        return reader, writer, framer

    async def _session(self) -> None:
        reader, writer, framer = await self._open()
        try:
            self._writer = writer
            # What was not acknowledged before the break goes first, in its old order.
            self._waiting.extendleft(reversed([outgoing for outgoing, _ in self._owed.values()]))
            self._owed.clear()
            self._flush()
            while True:
                for packet in await self._read_packets(reader, framer):
                    if isinstance(packet, mqtt5.PubAckPacket):
                        self._acknowledged(packet)
                    elif isinstance(packet, mqtt5.DisconnectPacket):
                        raise EOFError(f"the collector ended the connection: {packet.reason_code.name}")
        finally:
            writer.close()

    async def _read_packets(self, reader: asyncio.StreamReader, framer: Framer) -> list[mqtt5.Packet]:
        while True:
            data = await reader.read(65_536)
            if not data:
                raise EOFError("connection closed")
            if packets := list(framer.feed(data)):
                return packets

    def _acknowledged(self, packet: mqtt5.PubAckPacket) -> None:
        owed = self._owed.pop(packet.packet_id, None)
        if owed is not None:
            self._on_ack(int(packet.reason_code), asyncio.get_running_loop().time() - owed[1])
        self._flush()
        if not self._owed and not self._waiting:
            self.drained.set()

    def _flush(self) -> None:
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        packets = []
        now = asyncio.get_running_loop().time()
        while self._waiting and len(self._owed) < IN_FLIGHT:
            topic, payload = self._waiting.popleft()
            while self._next_id in self._owed:
                self._next_id = self._next_id % 65_535 + 1
            packet_id, self._next_id = self._next_id, self._next_id % 65_535 + 1
            self._owed[packet_id] = ((topic, payload), now)
            packets.append(mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        if packets:
            writer.write(b"".join(packets))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class VirtualAgents:
    """Many virtual agents on one event loop. ``acked`` counts PUBACK reason codes; 0 means stored. ``waits`` is how
    long PUBACKs took; whoever wants to know it of a shorter time puts a new one there."""

    def __init__(
        self,
        mqtt_url: str,
        tls: Callable[[str], ssl.SSLContext] | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
        devices_per_connection: int = 1,
    ) -> None:
        """``tls``: who vouches for the collector, and a client's certificate."""
        url = urlsplit(mqtt_url)
        self._tls = tls
        standard = 8883 if url.scheme == "mqtts" else 1883
        self._host, self._port = url.hostname or "127.0.0.1", url.port or standard
        self._give_up_seconds = give_up_seconds
        self._handshakes = asyncio.Semaphore(HANDSHAKES)
        self.sent = 0
        self.acked: Counter[int] = Counter()
        self.waits = Waits()
        self._agents: dict[str, VirtualAgent] = {}
        self._devices_per_connection = devices_per_connection
        self._clients: dict[str, str] = {}
        self._progress = asyncio.Event()

    def _on_ack(self, code: int, seconds: float) -> None:
        self.acked[code] += 1
        self.waits.note(seconds)
        self._progress.set()

    @property
    def owed(self) -> int:
        """Messages that are not acknowledged."""
        return self.sent - self.acked.total()

    async def knock(self, device: str) -> None:
        """See whether the door opens to this device, so that a mistake is told at once. Raise SendError."""
        try:
            await self._agent(device).knock()
        except (OSError, EOFError, MalformedPacket, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            if self._tls and isinstance(error, ConnectionError | EOFError):
                reason += " (does it speak TLS there?)"
            raise SendError(f"{self._host}:{self._port} does not take {device}: {reason}") from None

    def send(self, kind: str, message: Message) -> None:
        client = self._client(message.device)
        agent = self._agents.get(client)
        if agent is None:
            agent = self._agents[client] = self._agent(client)
            agent.start()
        agent.send(kind, message)
        self.sent += 1

    def _client(self, device: str) -> str:
        """On whose connection a device's messages go; for good."""
        if self._devices_per_connection == 1:
            return device
        return self._clients.setdefault(device, f"gateway-{len(self._clients) // self._devices_per_connection}")

    def _agent(self, client: str) -> VirtualAgent:
        tls = self._tls(client) if self._tls else None
        return VirtualAgent(
            client, self._host, self._port, self._on_ack, tls,
            handshakes=self._handshakes, give_up_seconds=self._give_up_seconds,
        )  # fmt: skip

    async def vanish(self, device: str) -> None:
        """Break off a device's connection once everything is acknowledged that it sent; others may need a gateway's."""
        agent = self._agents.pop(device, None)
        if agent is not None:
            await agent.drained.wait()
            await agent.vanish()

    async def wait_below(self, owed: int) -> None:
        """Wait until fewer than ``owed`` messages are unacknowledged, so that memory stays bounded."""
        while self.owed >= owed:
            self._progress.clear()
            try:
                async with asyncio.timeout(1.0):
                    await self._progress.wait()
            except TimeoutError:
                self.check()

    def check(self) -> None:
        """Raise SendError if an agent has given up."""
        for agent in self._agents.values():
            if agent._task is not None and agent._task.done() and not agent._task.cancelled():
                agent._task.result()

    async def finish(self, devices: Iterable[str] | None = None) -> None:
        """Drain and disconnect ``devices`` (all of them by default)."""
        names = list(self._agents) if devices is None else [name for name in devices if name in self._agents]
        await asyncio.gather(*(self._agents.pop(name).finish() for name in names))
