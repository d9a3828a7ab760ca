"""Networks in front of a local port, which do what a test wants of them."""

import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from urllib.parse import urlsplit


class Relay(ABC):
    """Takes connections for a local port; what becomes of each is told by ``_pass``, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    @abstractmethod
    def _pass(self, client: socket.socket, number: int) -> None:
        """``number``: the first connection is 1."""

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._pass, args=(client, self.connections), daemon=True).start()


class SlowNetwork(Relay):
    """Passes everything on, each piece of at most 64 kB this much later."""

    def __init__(self, port: int, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(port)

    def _pass(self, client: socket.socket, number: int) -> None:
        system = socket.create_connection(("127.0.0.1", self._target))
        for ends in ((client, system), (system, client)):
            threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        time.sleep(self.seconds)


def slowly(url: str, seconds: float) -> tuple[SlowNetwork, str]:
    """A slow network, and the URL of a local server behind it."""
    port = urlsplit(url).port
    assert port is not None
    network = SlowNetwork(port, seconds)
    return network, url.replace(f":{port}", f":{network.port}", 1)


class CutNetwork(SlowNetwork):
    """Passes everything on at once, and nothing while it is cut: both ends hear neither data nor an end."""

    def __init__(self, port: int) -> None:
        self._whole = threading.Event()
        self._whole.set()
        super().__init__(port, 0)

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        self._whole.clear()
        try:
            yield
        finally:
            self._whole.set()

    def _wait(self) -> None:
        self._whole.wait()
