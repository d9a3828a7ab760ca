"""How far a device's clock is from ours, and where in time a report belongs whose clock cannot be right. Pure.

All times are Unix milliseconds.
"""

from array import array
from typing import NamedTuple

EARLIEST = 946_684_800_000
"""2000-01-01: older than any agent. Recorded histories that are sent in are younger."""
PLAUSIBLE_FROM = 1_577_836_800_000
"""2020-01-01: older than this release, so a clock that shows less now was never set."""
AHEAD = 86_400_000
"""A device clock may be wrong by hours; a day ahead would freeze every later judgement of the device."""

_AGE = 900_000
_SPAN = 120_000
_AGREE = 30_000
_LEAST, _MOST = 3, 32
_FARTHEST = 2.0**52


class Birth(NamedTuple):
    """What a device said at the beginning of its session, which is sent at once and never waits in an outbox."""

    boot: str
    seq: int
    sampled: int
    received: int


def clock_can_be_right(sampled: float, received: float) -> bool:
    """Whether a device that says so (Unix seconds) may have a clock that is set."""
    return _possible(device_milliseconds(sampled), round(received * 1000))


def _possible(sampled: int, received: int) -> bool:
    return (sampled >= PLAUSIBLE_FROM or received < PLAUSIBLE_FROM) and sampled <= received + AHEAD


def placed(sampled: int, received: int, birth: Birth | None) -> tuple[int, bool]:
    """Where a report stands in time: where its device says, unless that clock cannot be right. And whether that is
    exact: False where only the order of such reports is known.

    A clock that was never set, or is more than a day ahead, is shifted by what it was off at the birth of the same
    session. Where the birth's clock was right (it has been set in the meantime) or none is known, receipt has to do.
    When our own clock says that it is before 2020, it is a simulation's.
    """
    if _possible(sampled, received):
        return sampled, True
    if birth is not None and not _possible(birth.sampled, birth.received):
        at = sampled + birth.received - birth.sampled
        if EARLIEST < at <= received:
            return at, True
    elif EARLIEST <= sampled < PLAUSIBLE_FROM:
        return sampled, True  # a history that is sent in by a clock that is right
    return received, False


def device_milliseconds(seconds: float) -> int:
    """What a device says of a time, as a number that can be reckoned with."""
    milliseconds = seconds * 1000
    if -_FARTHEST < milliseconds < _FARTHEST:
        return round(milliseconds)
    return round(max(-_FARTHEST, min(milliseconds, _FARTHEST)))


class Offset:
    """A device's clock against ours, from reports that came right after they were made.

    A report on its way can only look older than it is, so the greatest offset is the true one. Three have to agree:
    neither one report after a jump of the clock nor a queue that is emptied says anything.
    """

    __slots__ = ("_offsets", "_received", "kept", "kept_at")

    def __init__(self, kept: int | None = None, kept_at: int = 0) -> None:
        self.kept = kept
        self.kept_at = kept_at
        # Of every device a quarter of an hour: as objects they would take ten times the memory.
        self._received = array("q")
        self._offsets = array("q")

    def take(self, sampled: int, received: int) -> None:
        times, offsets = self._received, self._offsets
        times.append(received)
        offsets.append(sampled - received)
        while len(times) > _MOST or (len(times) > _LEAST and times[0] < received - _AGE):
            del times[0], offsets[0]

    def value(self) -> int | None:
        """Milliseconds that the device is ahead (negative: behind); None where that cannot be told."""
        times = self._received
        if len(times) < _LEAST or times[-1] - times[0] < _SPAN:
            return None
        greatest = sorted(self._offsets, reverse=True)[:_LEAST]
        return greatest[0] if greatest[0] - greatest[-1] <= _AGREE else None
