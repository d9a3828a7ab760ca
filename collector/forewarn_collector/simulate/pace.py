"""How the devices' time runs beside the real one. Pure."""

import math
from typing import NamedTuple


class Pace(NamedTuple):
    """The devices' time is ``start`` at the real time ``began``, which is not earlier, and runs ``rate`` times as fast
    until it has caught up; from then on both are one. ``rate`` is 1 or more, infinite for as fast as it goes."""

    start: float
    began: float
    rate: float

    @property
    def caught_up_at(self) -> float:
        """The real time; without a ``rate`` above 1 it stays behind for ever, or was never behind."""
        behind = self.began - self.start
        if behind <= 0 or math.isinf(self.rate):
            return self.began
        return math.inf if self.rate <= 1 else self.began + behind / (self.rate - 1)

    def due(self, at: float) -> float:
        """The real time at which what is sampled at device time ``at`` is to be sent."""
        if math.isinf(self.rate):
            return max(self.began, at)
        due = self.began + (at - self.start) / self.rate
        return at if due >= self.caught_up_at else due
