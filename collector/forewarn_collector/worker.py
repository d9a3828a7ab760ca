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
        self._thread = threading.Thread(target=self._run, name=title, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        self._wake.set()

    @abstractmethod
    def _run(self) -> None: ...
