"""The listening socket: whoever is beyond the limits is turned away before a TLS handshake costs anything."""

import asyncio
import errno
import logging
import socket
import ssl
import time
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable

from forewarn_collector.access.limits import TokenBuckets
from forewarn_collector.ingest.crowd import Crowd

log = logging.getLogger(__name__)

BACKLOG = 4096
AT_ONCE = 100
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
OUT_OF_FILES_SECONDS = 1.0
TLS_READS_BYTES = 16_384
"""The longest record of TLS (RFC 8446, 5.1). asyncio keeps a buffer of 256 KiB for every connection, and has no setting
for it: with thousands of devices that is most of the memory."""


class Entrance:
    """``build`` makes the protocol of a connection from its address. ``ended`` counts those that never got one."""

    def __init__(
        self,
        crowd: Crowd,
        ended: Counter[str],
        build: Callable[[str], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._crowd = crowd
        self._ended = ended
        self._build = build
        self._tls = tls
        if tls:
            sslproto.SSLProtocol.max_size = TLS_READS_BYTES
        self._handshake_seconds = handshake_seconds if tls else None
        self._coming: set[asyncio.Task[None]] = set()
        self._told = TokenBuckets(1.0, at_once=1)
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    def open(self, address: str, port: int) -> tuple[str, int]:
        """Listen; return the address and port in use. Raise OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family, backlog=BACKLOG)
        self._socket.setblocking(False)
        self._listen()
        host, bound = self._socket.getsockname()[:2]
        return str(host), int(bound)

    def close(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for task in self._coming:
            task.cancel()

    def _listen(self) -> None:
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._socket is None:
                return
            try:
                plain, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                log.error("no connection can be taken: %s; it is tried again", error.strerror)
                self._loop.remove_reader(self._socket)
                self._loop.call_later(OUT_OF_FILES_SECONDS, self._listen)
                return
            self._decide(plain, str(peer[0]))

    def _decide(self, plain: socket.socket, address: str) -> None:
        now = time.monotonic()
        if reason := self._crowd.enter(address, now):
            self._ended[reason] += 1
            plain.close()
            if not self._told.take(address, now):
                log.warning("connections of %s are refused: %s", address, reason)
            return
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or an acknowledgement may wait for another 40 ms
        task = self._loop.create_task(self._bring_in(plain, address))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _bring_in(self, plain: socket.socket, address: str) -> None:
        """From here on the protocol accounts for the connection, unless there is no handshake."""
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._build(address), plain, ssl=self._tls, ssl_handshake_timeout=self._handshake_seconds
            )
        except OSError:
            self._ended["no-tls-handshake"] += 1
            self._crowd.leave(address, time.monotonic(), welcome=False)
