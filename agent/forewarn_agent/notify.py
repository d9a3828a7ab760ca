"""Tells systemd how the agent is (sd_notify(3)), and that it lives as long as its loops turn."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, MutableMapping

log = logging.getLogger(__name__)


class Pulse:
    """Each loop promises when it will turn up again. While one has not kept its word, the watchdog is not fed, and
    systemd ends the agent and starts it anew. Where nobody supervises, nothing is sent."""

    def __init__(
        self, environment: MutableMapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        # Taken out of the environment: the programs that the agent starts are not supervised.
        self._address = environment.pop("NOTIFY_SOCKET", "")
        self._period = int(environment.pop("WATCHDOG_USEC", "") or 0) / 1e6
        environment.pop("WATCHDOG_PID", None)
        self._clock = clock
        self._promised: dict[str, float] = {}
        self._stopped = threading.Event()
        self._is_ready = False

    def promise(self, loop: str) -> Callable[[float], None]:
        """What ``loop`` calls with the seconds until it turns up again, at most."""

        def turned(seconds: float) -> None:
            self._promised[loop] = self._clock() + seconds

        return turned

    def ready(self) -> None:
        """The agent works, or waits in order; from now on the watchdog is fed."""
        if self._is_ready:
            return
        self._is_ready = True
        self._send("READY=1")
        if self._period:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stopping(self) -> None:
        self._stopped.set()
        self._send("STOPPING=1")

    def late(self) -> list[str]:
        """The loops that have not kept their word."""
        now = self._clock()
        return sorted(loop for loop, due in dict(self._promised).items() if due < now)

    def _watch(self) -> None:
        while not self._stopped.wait(self._period / 2):
            late = self.late()
            if late:
                log.error("no longer turning: %s; the watchdog is not fed", ", ".join(late))
            else:
                self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        # An at sign stands for the null byte of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(state.encode(), address)
        except OSError as error:
            log.warning("systemd is not told %s: %s", state, error)
