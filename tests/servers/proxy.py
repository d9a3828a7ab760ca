"""A network between forewarn and a ticket system that does what a test wants of it."""

import contextlib
import re
import socket
from collections.abc import Callable

from servers.network import Relay

KEEP = re.compile(rb"connection: *keep-alive\r\n", re.I)
LENGTH = re.compile(rb"content-length: *(\d+)", re.I)


class Proxy(Relay):
    """Passes HTTP/1.1 requests on, one connection each. ``cut(request)``: whether the reply to this one is lost: the
    system gets the whole request and answers, and nobody hears it."""

    def __init__(self, port: int) -> None:
        self.cut: Callable[[bytes], bool] = lambda request: False
        self.requests: list[bytes] = []
        self.lost = 0
        super().__init__(port)
        self.url = f"http://127.0.0.1:{self.port}"

    def _pass(self, client: socket.socket, number: int) -> None:
        with client, contextlib.suppress(OSError):
            while request := _message(client):
                self.requests.append(request)
                lose = self.cut(request)
                with socket.create_connection(("127.0.0.1", self._target), 60) as system:
                    system.sendall(KEEP.sub(b"Connection: close\r\n", request, count=1))
                    reply = b"".join(iter(lambda: system.recv(65_536), b""))
                if lose:
                    self.lost += 1
                    return
                client.sendall(reply)
                return


def _message(client: socket.socket) -> bytes:
    """One request with its body."""
    client.settimeout(60)
    found = b""
    while b"\r\n\r\n" not in found:
        if not (data := client.recv(65_536)):
            return b""
        found += data
    head, _, body = found.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    while length and len(body) < int(length[1]):
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body
