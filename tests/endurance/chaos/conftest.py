"""Machines in network namespaces of their own, and the weather between them.

The kernel's netem is not everywhere, so the weather is made here: every namespace has a TUN device, and one thread
carries the packets between them, or loses, delays and meters them.
"""

import fcntl
import heapq
import os
import random
import selectors
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_LONGEST_QUEUE_SECONDS = 2.0


@dataclass(frozen=True)
class Weather:
    """Of a machine's line, in both directions."""

    loss: float = 0.0
    delay_seconds: float = 0.0
    bytes_per_second: float = 1e9
    cut: bool = False


FINE = Weather()


@dataclass
class Node:
    namespace: str
    address: str
    tun: int
    weather: Weather = FINE
    free_at: float = 0.0

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *words]


@dataclass
class Network:
    """10.77.0.0/16; the first machine added is 10.77.0.1."""

    rng: random.Random
    nodes: dict[bytes, Node] = field(default_factory=dict)
    carried: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, int, bytes]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="weather")
        self._thread.start()

    def add(self) -> Node:
        number = len(self.nodes) + 1
        name, device = f"forewarn-{os.getpid()}-{number}", f"fw{os.getpid()}n{number}"[-15:]
        address = bytes((10, 77, *divmod(number, 256)))
        text = ".".join(map(str, address))
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH", device.encode(), _TUN_WITHOUT_HEADER))
        ip("netns", "add", name)
        node = self.nodes[address] = Node(name, text, tun)
        ip("link", "set", device, "netns", name)
        ip("-n", name, "addr", "add", f"{text}/16", "dev", device)
        ip("-n", name, "link", "set", device, "up")
        ip("-n", name, "link", "set", "lo", "up")
        self._selector.register(tun, selectors.EVENT_READ, node)
        return node

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        for node in self.nodes.values():
            os.close(node.tun)
            ip("netns", "del", node.namespace)

    def _carry(self) -> None:
        while not self._stopping.is_set():
            wait = self._due[0][0] - time.monotonic() if self._due else 0.1
            for key, _ in self._selector.select(max(0.0, min(wait, 0.1))):
                with suppress(BlockingIOError):
                    while True:
                        self._take(key.data, os.read(key.fd, 65_536))
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, tun, packet = heapq.heappop(self._due)
                with suppress(OSError):  # a full queue loses it, as a router's does
                    os.write(tun, packet)

    def _take(self, sender: Node, packet: bytes) -> None:
        receiver = self.nodes.get(packet[16:20]) if packet[0] >> 4 == 4 else None
        if receiver is None:
            return
        due = time.monotonic()
        for node in (sender, receiver):
            weather = node.weather
            node.free_at = max(due, node.free_at) + len(packet) / weather.bytes_per_second
            full = node.free_at - due > _LONGEST_QUEUE_SECONDS
            if weather.cut or full or self.rng.random() < weather.loss:
                self.lost += 1
                node.free_at = min(node.free_at, due + _LONGEST_QUEUE_SECONDS)
                return
            due = node.free_at + weather.delay_seconds * self.rng.uniform(0.5, 1.5)
        self.carried += 1
        heapq.heappush(self._due, (due, self.carried, receiver.tun, packet))


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@pytest.fixture
def make_network() -> Iterator[Callable[[random.Random], Network]]:
    if os.geteuid() or not Path("/dev/net/tun").exists() or shutil.which("ip") is None:
        pytest.skip("network namespaces need root, iproute2 and /dev/net/tun")
    if subprocess.run(["ip", "netns", "add", f"forewarn-try-{os.getpid()}"], capture_output=True).returncode:
        pytest.skip("may not make a network namespace here")
    ip("netns", "del", f"forewarn-try-{os.getpid()}")
    made: list[Network] = []

    def make(rng: random.Random) -> Network:
        made.append(Network(rng))
        return made[-1]

    yield make
    for network in made:
        network.close()


class Program:
    """A process on a machine of the network. Killed with SIGKILL, started again with the same command."""

    def __init__(self, node: Node, log: Path, *command: str) -> None:
        self._command = node.command(*command)
        self._log = log
        self.kills = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.kills += 1

    def said(self) -> str:
        return self._log.read_text(errors="replace")


@pytest.fixture
def make_program(make_network: Any) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def make(node: Node, log: Path, *command: str) -> Program:
        made.append(Program(node, log, *command))
        return made[-1]

    yield make
    for program in made:
        program.kill()


@pytest.fixture
def weather() -> tuple[type[Weather], Weather]:
    return Weather, FINE
