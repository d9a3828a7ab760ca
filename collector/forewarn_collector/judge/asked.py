"""What others ask of the judge's thread: its state has one owner, so it does it between two steps."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 60.0


class Asked:
    """``answer`` runs in the owner's thread, ``ask`` in any other and waits for it."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()

    def ask(self, job: Callable[[], T], wake: Callable[[], None]) -> T:
        """What ``job`` returns or raises. Raise TimeoutError when the owner does not come to it."""
        future: Future[T] = Future()
        self._waiting.put((job, future))
        wake()
        try:
            return future.result(PATIENCE_SECONDS)
        finally:
            future.cancel()

    def answer(self) -> None:
        """Do everything that was asked. An error belongs to who asked."""
        while not self._waiting.empty():
            job, future = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)
