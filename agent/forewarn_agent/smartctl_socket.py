"""smartctl for an agent without privileges: each run is asked for on a socket, behind which
``service/units/forewarn-smartctl`` starts it as root; on Windows on a named pipe, see ``service/smartctl_door.py``."""

import contextlib
import math
import re
import socket
import time

from forewarn_agent.bounded import Bounded, StuckError
from forewarn_agent.runner import Finished, HungError, MissingError, Runner

SUFFIX = ".socket"
PIPE = r"\\.\pipe\forewarn-smartctl"
_LONGEST = 299
# What starting the other side and killing a run there may take.
_ALLOWANCE = 5.0
_LARGEST = 16 * 1024**2
_KILLED = 137
_END = re.compile(rb"\nexit (?:(\d+)|refused ([^\n]{0,100}))\n\Z")


class SocketRunner(Runner):
    """Runs smartctl behind the socket ``path``, whatever the command's first word is."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._waiting: dict[str, socket.socket] = {}

    def run(self, name: str, command: list[str], timeout: float) -> Finished:
        if self._closed:
            raise HungError("the agent is stopping")
        self._forget_ended(name)
        connection = socket.socket(socket.AF_UNIX)
        try:
            seconds = min(max(math.ceil(timeout), 1), _LONGEST)
            output = self._talk(connection, [str(seconds), *command[1:]], seconds)
        except TimeoutError:
            # It stays open: its end tells when the run is gone.
            self._waiting[name] = connection
            raise HungError(f"no answer within {timeout:g} s, and it could not be killed") from None
        except OSError as error:
            connection.close()
            raise MissingError(f"{self._path}: {error.strerror or error}") from None
        connection.close()
        return _finished(self._path, output, timeout)

    def close(self) -> None:
        self._closed = True

    def _forget_ended(self, name: str) -> None:
        earlier = self._waiting.get(name)
        if earlier is None:
            return
        earlier.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while earlier.recv(1 << 16):
                pass
            earlier.close()
            del self._waiting[name]
            return
        raise HungError("an earlier run still hangs and could not be killed")

    def _talk(self, connection: socket.socket, lines: list[str], seconds: float) -> bytes:
        deadline = time.monotonic() + seconds + _ALLOWANCE
        connection.settimeout(_ALLOWANCE)
        connection.connect(self._path)
        connection.sendall("".join(f"{line}\n" for line in [*lines, ""]).encode())
        connection.shutdown(socket.SHUT_WR)
        output = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            # In small steps, so that a stopping agent does not wait for a slow disk.
            connection.settimeout(min(left, 1.0))
            try:
                part = connection.recv(1 << 16)
            except TimeoutError:
                if self._closed:
                    raise
                continue
            output += part
            if not part or len(output) > _LARGEST:
                return bytes(output)


class PipeRunner(Runner):
    """The same on Windows, where what serves the pipe ``path`` keeps the time."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._bounded: Bounded[bytes] = Bounded(_LONGEST + _ALLOWANCE)

    def run(self, name: str, command: list[str], timeout: float) -> Finished:
        if self._closed:
            raise HungError("the agent is stopping")
        seconds = min(max(math.ceil(timeout), 1), _LONGEST)
        try:
            output = self._bounded.call(name, lambda: self._talk([str(seconds), *command[1:]]))
        except StuckError as error:
            raise HungError(str(error)) from None
        except OSError as error:
            raise MissingError(f"{self._path}: {error.strerror or error}") from None
        return _finished(self._path, output, timeout)

    def close(self) -> None:
        self._closed = True

    def _talk(self, lines: list[str]) -> bytes:
        with open(self._path, "r+b", buffering=0) as pipe:
            pipe.write("".join(f"{line}\n" for line in [*lines, ""]).encode())
            return b"".join(iter(lambda: pipe.read(1 << 16), b""))


def _finished(path: str, output: bytes, timeout: float) -> Finished:
    end = _END.search(output)
    if end is None:
        raise HungError(f"{path}: the answer broke off")
    if end[2] is not None:
        raise MissingError(f"{path}: {end[2].decode('ascii', 'replace')}")
    status = int(end[1])
    if status == _KILLED:
        raise HungError(f"no answer within {timeout:g} s, killed")
    return Finished(output[: end.start()], status)
