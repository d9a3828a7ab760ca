"""How long things took, in bounded memory. Pure."""

import bisect

_SMALLEST, _STEP, _COUNT = 1e-4, 1.05, 300
# 0.1 ms to about 200 s.
_LIMITS = [_SMALLEST * _STEP**place for place in range(_COUNT)]


class Waits:
    """Counts by length; a quantile is right to 5 %."""

    def __init__(self) -> None:
        self.total = 0
        self._counts = [0] * (_COUNT + 1)

    def note(self, seconds: float) -> None:
        self.total += 1
        self._counts[bisect.bisect_left(_LIMITS, seconds)] += 1

    def quantile(self, share: float) -> float | None:
        """Seconds within which ``share`` of them were over; None where there were none."""
        left = share * self.total
        for place, number in enumerate(self._counts):
            left -= number
            if number and left <= 0:
                return _LIMITS[min(place, _COUNT - 1)]
        return None

    def add(self, more: "Waits") -> None:
        self.total += more.total
        self._counts = [number + other for number, other in zip(self._counts, more._counts, strict=True)]
