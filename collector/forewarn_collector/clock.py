"""Time as a value that is passed in. Only the demonstration runs on another clock than the machine's."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """Unix time in seconds; with ``start``, one that begins there and runs ``rate`` times as fast as the real one
    until it has caught up with it."""

    start: float | None = None
    rate: float = 1.0
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        if self.start is None:
            return time.time()
        return min(time.time(), self.start + (time.monotonic() - self._began) * self.rate)
