"""Carries the outbox to the server: one connection after the other, in a thread of its own."""

import logging
import random
import threading
import time
from collections.abc import Callable

from forewarn_agent.bell import Bell
from forewarn_agent.connection import CONNECT_SECONDS, TURN_SECONDS, Connection, Ends
from forewarn_agent.outbox import Outbox
from forewarn_agent.settings import Config
from forewarn_wire import Inventory

log = logging.getLogger(__name__)


def reconnect_delay(failures: int, spread: float) -> float:
    """Seconds until the next attempt: a random part of ``spread`` after a lost connection, so that a fleet does not
    come back in one second; then exponential, up to about twice ``spread``."""
    if failures == 0:
        return random.uniform(0, spread)  # noqa: S311 - not a secret
    return min(2.0 ** min(failures, 10), 2 * spread) * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret


class Publisher:
    """Sends in a thread of its own until it is stopped."""

    def __init__(
        self,
        config: Config,
        outbox: Outbox,
        inventory: Callable[[], Inventory],
        receive: Callable[[str, bytes], None] = lambda _kind, _payload: None,
        promise: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """``receive`` gets the kind and payload of every order, in the thread that serves the network. ``promise`` is
        told there how many seconds may pass until its next word."""
        self._config = config
        self._promise = promise
        self._news = threading.Event()
        self._again = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._bell = Bell()
        self._ends = Ends(config, outbox, inventory, receive, promise, self._bell, self._news, self._again)
        outbox.watch(self._bell.ring)
        self._thread = threading.Thread(target=self._run, name="publish", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def announce(self) -> None:
        """The inventory has changed: publish the birth again."""
        self._news.set()
        self._bell.ring()

    def rewind(self) -> None:
        """Reports that were delivered wait anew."""
        self._again.set()
        self._bell.ring()

    def stop(self, drain_seconds: float) -> None:
        """Send what can be sent within the time, say goodbye and disconnect."""
        self._deadline = time.monotonic() + drain_seconds
        self._stopping.set()
        self._bell.ring()
        # The goodbye and a connection attempt that is under way have a little time of their own.
        self._thread.join(drain_seconds + 3)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            failures = 0 if self._connect_and_serve() else failures + 1
            if not self._stopping.is_set():
                delay = reconnect_delay(failures, self._config.reconnect_spread)
                log.info("next attempt to reach %s in %.1f s", self._config.server, delay)
                self._promise(delay + TURN_SECONDS)
                self._stopping.wait(delay)

    def _connect_and_serve(self) -> bool:
        """One connection from beginning to end; say whether the server accepted it."""
        connection: Connection | None = None
        self._promise(CONNECT_SECONDS + TURN_SECONDS)
        try:
            connection = Connection(self._ends)
            connection.open(self._stopping)
            log.info("connected to %s, session %d", self._config.server, connection.session)
            connection.serve(self._stopping, lambda: self._deadline)
        except Exception as error:  # whatever it is, the reports are safe on disk and the next attempt may go well
            log.warning("%s: %s", self._config.server, str(error) or type(error).__name__)
        finally:
            if connection is not None:
                connection.close()
        return connection is not None and connection.was_open
