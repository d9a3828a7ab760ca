"""Time as a value that is passed in. Only the demonstration runs on another clock than the machine's."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """Unix time in seconds, optionally beginning at ``start`` and running ``rate`` times as fast as the real one."""

    start: float | None = None
    rate: float = 1.0
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        if self.start is None:
            return time.time()
        return self.start + (time.monotonic() - self._began) * self.rate
