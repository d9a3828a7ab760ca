"""How many a second, over the last minute."""

from collections import deque

SPAN_SECONDS = 60.0


class Rate:
    """Counts in seconds of a clock that never jumps. Written by one thread, read by any."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._counts: deque[tuple[float, int]] = deque()

    def note(self, count: int, now: float) -> None:
        second = float(int(now))
        if self._counts and self._counts[-1][0] == second:
            self._counts[-1] = (second, self._counts[-1][1] + count)
        else:
            self._counts.append((second, count))
        while self._counts[0][0] < now - SPAN_SECONDS:
            self._counts.popleft()

    def per_second(self, now: float) -> float:
        """Over the last minute, or since the start where that is shorter."""
        recent = sum(count for second, count in list(self._counts) if second >= now - SPAN_SECONDS)
        return recent / max(1.0, min(SPAN_SECONDS, now - self._started))
