"""Calls that the kernel may never finish, kept from holding up the agent."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class StuckError(Exception):
    """The call has not come back in time. It is left behind and not started again until it does."""


class Bounded(Generic[Result]):
    """Runs calls by name in threads of their own, at most one per name."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left_behind: dict[str, threading.Thread] = {}

    def call(self, name: str, function: Callable[[], Result]) -> Result:
        """Raise StuckError if ``function`` takes too long, or whatever it raises."""
        earlier = self._left_behind.get(name)
        if earlier is not None and earlier.is_alive():
            raise StuckError("an earlier reading still hangs")
        results: list[Result] = []
        errors: list[Exception] = []

        def work() -> None:
            try:
                results.append(function())
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=work, name=f"reading {name}", daemon=True)
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            self._left_behind[name] = thread
            raise StuckError(f"no answer within {self._seconds:g} s")
        self._left_behind.pop(name, None)
        if errors:
            raise errors[0]
        return results[0]
