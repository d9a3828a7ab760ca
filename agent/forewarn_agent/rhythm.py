"""Work that comes again and again, and at once when somebody asks."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

# How much later than planned a round may begin on a busy machine.
_GRACE_SECONDS = 60.0


class Rhythm:
    """``run`` does ``work`` now and at every ``interval``, which may change. Rounds missed are not made up for.

    ``promise`` is told before each round and each pause how many seconds may pass until the next word; a round gets
    ``patience``.
    """

    def __init__(
        self,
        interval: Callable[[], float],
        work: Callable[[], object],
        promise: Callable[[float], None] = lambda _seconds: None,
        patience: float = 300.0,
    ) -> None:
        self._interval = interval
        self._work = work
        self._promise = promise
        self._patience = patience
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
            self._promise(self._patience)
            try:
                self._work()
            except Exception:
                log.exception("a round failed; the next one comes")
            due = max(due + self._interval(), time.monotonic())
            pause = due - time.monotonic()
            self._promise(pause + _GRACE_SECONDS)
            if not self._stopping and self._woken.wait(pause):
                due = time.monotonic()
