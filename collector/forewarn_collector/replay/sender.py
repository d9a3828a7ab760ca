"""Virtual agents: many devices' reports over real MQTT 5, each on a connection of its own, from one process.

Each device keeps what is not acknowledged and sends it again after a broken connection, as a real agent does with its
disk outbox; so a collector that is killed in between loses nothing.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import mqtt5
from mqtt5 import QoS

from forewarn_collector.ingest.packets import Framer, MalformedPacket
from forewarn_wire import Message, encode, up_topic

IN_FLIGHT = 20
RECONNECT_SECONDS = 0.2
GIVE_UP_SECONDS = 120.0
Outgoing = tuple[str, bytes]


class SendError(Exception):
    """The collector cannot be reached or refuses the connection."""


class VirtualAgent:
    """One device. ``queue`` takes (topic, payload) in order; ``drained`` is set whenever nothing is owed."""

    def __init__(
        self, device: str, host: str, port: int, on_ack: Callable[[int], None], tls: ssl.SSLContext | None = None
    ) -> None:
        self.device = device
        self._tls = tls
        self.drained = asyncio.Event()
        self.drained.set()
        self._host, self._port = host, port
        self._on_ack = on_ack
        self._waiting: deque[Outgoing] = deque()
        self._owed: dict[int, Outgoing] = {}
        self._next_id = 1
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.device)

    def send(self, kind: str, message: Message) -> None:
        self._waiting.append((up_topic(self.device, kind), encode(message)))
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
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last_success = loop.time()
        while True:
            try:
                await self._session()
                last_success = loop.time()
            except (OSError, EOFError, MalformedPacket, TimeoutError) as error:
                if self._writer is not None:
                    last_success = loop.time()
                if loop.time() - last_success > GIVE_UP_SECONDS:
                    raise SendError(f"{self._host}:{self._port} does not answer: {error}") from None
            finally:
                self._close()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _session(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        framer = Framer(65_536)
        try:
            writer.write(mqtt5.ConnectPacket(self.device, username=self.device, keep_alive=600).write())
            async with asyncio.timeout(30):
                greeting = await self._read_packets(reader, framer)
            first = greeting[0]
            if not isinstance(first, mqtt5.ConnAckPacket) or first.reason_code != 0:
                raise SendError(f"{self.device}: the collector refuses: {getattr(first, 'reason_str', first)}")
            self._writer = writer
            # What was not acknowledged before the break goes first, in its old order.
            self._waiting.extendleft(reversed(self._owed.values()))
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
        if self._owed.pop(packet.packet_id, None) is not None:
            self._on_ack(int(packet.reason_code))
        self._flush()
        if not self._owed and not self._waiting:
            self.drained.set()

    def _flush(self) -> None:
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        packets = []
        while self._waiting and len(self._owed) < IN_FLIGHT:
            topic, payload = self._waiting.popleft()
            while self._next_id in self._owed:
                self._next_id = self._next_id % 65_535 + 1
            packet_id, self._next_id = self._next_id, self._next_id % 65_535 + 1
            self._owed[packet_id] = (topic, payload)
            packets.append(mqtt5.PublishPacket(topic, payload, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id).write())
        if packets:
            writer.write(b"".join(packets))

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class Crowd:
    """Many virtual agents on one event loop. ``acked`` counts PUBACK reason codes; 0 means stored."""

    def __init__(self, mqtt_url: str, tls: Callable[[str], ssl.SSLContext] | None = None) -> None:
        """``tls``: who vouches for the collector, and a device's certificate."""
        url = urlsplit(mqtt_url)
        self._tls = tls
        self._host, self._port = url.hostname or "127.0.0.1", url.port or 1883
        self.sent = 0
        self.acked: Counter[int] = Counter()
        self._agents: dict[str, VirtualAgent] = {}
        self._progress = asyncio.Event()

    def _on_ack(self, code: int) -> None:
        self.acked[code] += 1
        self._progress.set()

    def send(self, kind: str, message: Message) -> None:
        agent = self._agents.get(message.device)
        if agent is None:
            tls = self._tls(message.device) if self._tls else None
            agent = VirtualAgent(message.device, self._host, self._port, self._on_ack, tls)
            self._agents[message.device] = agent
            agent.start()
        agent.send(kind, message)
        self.sent += 1

    async def wait_below(self, owed: int) -> None:
        """Wait until fewer than ``owed`` messages are unacknowledged, so that memory stays bounded."""
        while self.sent - self.acked.total() >= owed:
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
