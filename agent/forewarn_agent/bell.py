"""Wakes a thread that waits for a socket."""

import contextlib
import select
import socket
from typing import Protocol


class Connection(Protocol):
    def fileno(self) -> int: ...


class Bell:
    """Any thread may ring; one waits, for the ring and for its socket at once, so it need not look again and again."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        self._heard.setblocking(False)
        self._rung.setblocking(False)

    def ring(self) -> None:
        # One that has rung so often that no byte more fits is heard anyway.
        with contextlib.suppress(BlockingIOError):
            self._rung.send(b"!")

    def wait(self, seconds: float, connection: Connection, writes: bool) -> None:
        """Until it rings, ``connection`` has something to read (or room to write), or the time is over."""
        select.select([self._heard, connection], [connection] if writes else [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            self._heard.recv(4096)
