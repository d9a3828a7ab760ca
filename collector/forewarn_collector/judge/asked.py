"""What others ask of the judge's thread: its state has one owner, so it does it between two steps."""

import queue
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """The judge did not come to what it was asked; the text says what became of it."""


class Asked:
    """``answer`` runs in the owner's thread, ``ask`` in any other and waits ``patience_seconds`` for it."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()

    def ask(self, job: Callable[[], T], wake: Callable[[], None]) -> T:
        """What ``job`` returns or raises. Raise Busy when the owner does not come to it."""
        future: Future[T] = Future()
        self._waiting.put((job, future))
        wake()
        wait([future], self._patience_seconds)
        if future.cancel():
            raise Busy(
                f"the judge is busy and did not come to it within {self._patience_seconds:g} s; nothing was done: "
                "try again when `forewarn status` shows that it has caught up"
            )
        if not future.done():
            raise Busy(
                f"the judge is at it and not done within {self._patience_seconds:g} s; it goes on: look again later"
            )
        return future.result()

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
