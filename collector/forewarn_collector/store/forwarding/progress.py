"""How far the journal was sent to a history store, and how far what was sent can no longer be lost. Pure."""

from collections import deque
from typing import NamedTuple


class Progress(NamedTuple):
    """Positions of the journal. Rows up to ``safe`` may leave it."""

    sent: int = 0
    safe: int = 0
    started: str = ""
    """the store's own word for its last start; what lies between safe and sent was taken since then"""


def met(progress: Progress, started: str) -> Progress:
    """The store is there. One that was started anew may have lost what it had not written down: that is sent again."""
    return progress if started == progress.started else Progress(progress.safe, progress.safe, started)


class Taken:
    """When a store took what: later on it has written it down. Times are of a clock that never jumps."""

    def __init__(self) -> None:
        self._taken: deque[tuple[int, float]] = deque()

    def note(self, position: int, now: float) -> None:
        self._taken.append((position, now))

    def forget(self) -> None:
        self._taken.clear()

    def written_down(self, seen: float, flush_seconds: float) -> int | None:
        """The position up to which everything is durable in a store that was seen at ``seen``, not having been started
        anew; None when there is none that was not told before."""
        found = None
        while self._taken and self._taken[0][1] <= seen - flush_seconds:
            found, _ = self._taken.popleft()
        return found
