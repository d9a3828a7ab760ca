"""Time as a value that is passed in. Only the demonstration runs on another clock than the machine's."""

import time


class Clock:
    """Unix time in seconds."""

    @property
    def played(self) -> bool:
        """Whether a simulation sets it: then hours of it may pass in no time."""
        return False

    def now(self) -> float:
        return time.time()

    def awake(self) -> float:
        """Seconds that passed while this machine was running, from any beginning: it cannot be set and never jumps."""
        return time.monotonic()


class SettableClock(Clock):
    """Stands where it was set, until it is released (None): then it is the machine's. Simulated time is never slept."""

    def __init__(self, start: float) -> None:
        self._set: float | None = start

    @property
    def played(self) -> bool:
        return self._set is not None

    def set(self, now: float | None) -> None:
        self._set = now

    def now(self) -> float:
        return time.time() if self._set is None else self._set

    def awake(self) -> float:
        return self.now()
