"""How many may come in from where, and how fast each may speak. Pure but for what it remembers.

Times are seconds of a clock that never jumps.
"""

from collections import Counter
from typing import NamedTuple

from forewarn_collector.access.limits import TokenBuckets, network_of

FAILED_COUNTS = 10
BURST_SECONDS = 10.0


class Limits(NamedTuple):
    """``connections_per_address``: open at once, and how many may come at once after a pause. The defaults let five
    hundred machines behind one address come back in the same second, again and again."""

    connections_per_address: int = 10_000
    connections_per_second: float = 100.0
    messages_per_second: float = 1_000.0


USUAL_LIMITS = Limits()


class Crowd:
    """``most``: connections of everybody together. An address is that of one machine, or of a site behind it."""

    def __init__(self, most: int, limits: Limits) -> None:
        self._most = most
        self._most_of_one = limits.connections_per_address
        self._all = 0
        self._inside: Counter[str] = Counter()
        self._new = TokenBuckets(60.0 * limits.connections_per_second, limits.connections_per_address)
        self._said = TokenBuckets(60.0 * limits.messages_per_second, BURST_SECONDS * limits.messages_per_second)

    def enter(self, address: str, now: float) -> str | None:
        """Let one in and return None, or say why not."""
        network = network_of(address)
        if self._all >= self._most:
            return "too-many-connections"
        if self._inside[network] >= self._most_of_one:
            return "too-many-of-address"
        if self._new.take(network, now):
            return "too-fast-of-address"
        self._all += 1
        self._inside[network] += 1
        return None

    def leave(self, address: str, now: float, *, welcome: bool) -> None:
        """One that came in is gone. Who was never ``welcome`` counts as many: whoever only fails gets fewer tries."""
        network = network_of(address)
        self._all -= 1
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]
        if not welcome:
            self._new.spend(network, now, FAILED_COUNTS - 1)

    def pause_after(self, client: str, now: float, messages: int = 1) -> float:
        """Count messages of a client; seconds until its next one should be read."""
        self._said.spend(client, now, messages)
        return self._said.wait(client, now)
