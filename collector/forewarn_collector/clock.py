"""Time as a value that is passed in. Only the demonstration runs on another clock than the machine's."""

import time


class Clock:
    """Unix time in seconds."""

    def now(self) -> float:
        return time.time()


class SettableClock(Clock):
    """Stands where it was set, until it is released (None): then it is the machine's."""

    def __init__(self, start: float) -> None:
        self._set: float | None = start

    def set(self, now: float | None) -> None:
        self._set = now

    def now(self) -> float:
        return time.time() if self._set is None else self._set
