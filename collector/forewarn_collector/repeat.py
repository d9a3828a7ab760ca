"""Work that comes again every few seconds."""

import logging
import threading
from collections.abc import Callable

from forewarn_collector.store.model import StoreError

log = logging.getLogger(__name__)


class Repeat:
    """Calls ``work`` every few seconds in a thread of its own; a failure is kept and the next turn comes."""

    def __init__(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self.trouble: str | None = None
        self.stopping = threading.Event()
        self._seconds = seconds
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self.stopping.wait(self._seconds):
            try:
                self._work()
                self.trouble = None
            except StoreError as error:
                if str(error) != self.trouble:
                    log.error("%s", error)
                self.trouble = str(error)
