"""What is scheduled works in one collector: in the one that holds the runner's claim, for as long as it does."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from forewarn_collector.store.state import database_trouble

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
RETRY_SECONDS = 1.0


class Work(Protocol):
    """May be started again after it was stopped."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Shift:
    """``runs`` says whether it is this collector's turn; without it, it always is, and nothing is looked at."""

    def __init__(self, works: Sequence[Work], runs: Callable[[], bool] | None = None) -> None:
        self.on = False
        self._works = works
        self._runs = runs
        self._started: list[Work] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="shift")

    def start(self) -> None:
        if self._runs is None:
            self._begin()
        else:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._end()

    def _follow(self) -> None:
        assert self._runs is not None
        while not self._stopping.wait(LOOK_SECONDS):
            if self.on and not self._runs():
                self._end()
            elif not self.on and self._runs():
                try:
                    self._begin()
                except Exception as error:  # the database may be away: the next turn may be better
                    known = database_trouble(error)
                    log.error("what is scheduled cannot start: %s", known or error, exc_info=known is None)
                    self._end()
                    self._stopping.wait(RETRY_SECONDS)

    def _begin(self) -> None:
        for work in self._works:
            self._started.append(work)
            work.start()
        self.on = True

    def _end(self) -> None:
        self.on = False
        while self._started:
            self._started.pop().stop()
