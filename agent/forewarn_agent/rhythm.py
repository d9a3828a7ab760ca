"""Work that comes again and again, and at once when somebody asks."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Rhythm:
    """``run`` does ``work`` now and at every ``interval``, which may change. Rounds missed are not made up for."""

    def __init__(self, interval: Callable[[], float], work: Callable[[], object]) -> None:
        self._interval = interval
        self._work = work
        self._woken = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """The next round begins now."""
        self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping:
            self._woken.clear()
            try:
                self._work()
            except Exception:
                log.exception("a round failed; the next one comes")
            due = max(due + self._interval(), time.monotonic())
            if not self._stopping and self._woken.wait(due - time.monotonic()):
                due = time.monotonic()
