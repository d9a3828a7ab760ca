"""How often somebody may try: lock-out after wrong passwords, and a rate of requests. Pure but for what they remember.

Times are seconds of a clock that never jumps. What is remembered is bounded; the oldest is forgotten first.
"""

import ipaddress
from collections import OrderedDict
from typing import NamedTuple

REMEMBERED = 10_000


def network_of(address: str) -> str:
    """Whom an address stands for: an IPv6 customer has a whole /64 to try from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 6:
        mapped = known.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)


class _Tries(NamedTuple):
    failed: int
    last: float


class LockOut:
    """``free`` wrong tries cost nothing; after each further one the wait doubles, up to ``longest_seconds``."""

    def __init__(self, free: int, first_seconds: float = 5.0, longest_seconds: float = 900.0) -> None:
        self._free = free
        self._first = first_seconds
        self._longest = longest_seconds
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def begin(self, key: str, now: float) -> float:
        """Seconds to wait before a try; 0: go on. A try counts as wrong until ``succeeded``, so that many at once
        are no more than one after the other."""
        known = self._tries.get(key, _Tries(0, now))
        if now - known.last > 2 * self._longest:
            known = _Tries(0, now)
        wait = known.last + self._wait(known.failed) - now
        if wait > 0:
            return wait
        self._tries[key] = _Tries(known.failed + 1, now)
        self._tries.move_to_end(key)
        if len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return 0.0

    def succeeded(self, key: str) -> None:
        self._tries.pop(key, None)

    def take_back(self, key: str) -> None:
        """This try was right, and says nothing about those before it."""
        if known := self._tries.get(key):
            self._tries[key] = _Tries(max(0, known.failed - 1), known.last)

    def _wait(self, failed: int) -> float:
        beyond = failed - self._free
        return 0.0 if beyond < 0 else min(self._longest, self._first * 2.0 ** min(beyond, 60))


class TokenBuckets:
    """A token bucket for each key: so many a minute, and ``at_once`` after a pause (by itself a quarter of them)."""

    def __init__(self, a_minute: float, at_once: float | None = None) -> None:
        self._each = 60.0 / a_minute
        self._ahead = 15.0 if at_once is None else (at_once - 1) * self._each
        self._due: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Seconds to wait; 0: go on, and it is counted."""
        wait = self.wait(key, now)
        if not wait:
            self.spend(key, now)
        return wait

    def wait(self, key: str, now: float) -> float:
        return max(0.0, self._due.get(key, now) - now - self._ahead)

    def spend(self, key: str, now: float, times: int = 1) -> None:
        """Count what has happened already, also beyond what was allowed: it is waited for later."""
        self._due[key] = max(now, self._due.get(key, now)) + times * self._each
        self._due.move_to_end(key)
        if len(self._due) > REMEMBERED:
            self._due.popitem(last=False)
