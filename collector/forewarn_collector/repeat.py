"""Work that comes again every few seconds."""

import logging
import threading
from collections.abc import Callable

from forewarn_collector.store.state import database_trouble

log = logging.getLogger(__name__)


class Repeat:
    """Calls ``work`` every few seconds in a thread of its own; a failure is kept and the next turn comes."""

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self.trouble: str | None = None
        self.stopping = threading.Event()
        self._name = name
        self._seconds = seconds
        self._work = work
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Also again after a stop."""
        self.stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self._name)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.trouble = None

    def _run(self) -> None:
        while not self.stopping.wait(self._seconds):
            try:
                self._work()
                self.trouble = None
            except Exception as error:
                known = database_trouble(error)
                text = f"{self._name}: {known or f'{type(error).__name__}: {error}'}"
                if text != self.trouble:
                    log.error("%s", text, exc_info=known is None)
                self.trouble = text
