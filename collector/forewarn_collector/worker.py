"""A thread that speaks to somebody outside, who may hang."""

import threading
from abc import ABC, abstractmethod

STOP_SECONDS = 5.0


class Worker(ABC):
    """``_run`` loops until ``_stopping`` is set; ``wake`` ends its wait for ``_wake``.

    Whoever hangs must not keep the collector from ending, so the thread is a daemon: what was not marked as done is
    done again after the next start.
    """

    def __init__(self, title: str) -> None:
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._title = title
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Also again after a stop; one that still hangs from before is waited for."""
        if self._thread is not None:
            self._thread.join()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self._title, daemon=True)
        self._thread.start()

    @property
    def works(self) -> bool:
        """It was started, and not stopped since."""
        return self._thread is not None and not self._stopping.is_set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        self._wake.set()

    @abstractmethod
    def _run(self) -> None: ...
