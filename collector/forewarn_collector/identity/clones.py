"""Two machines behind one identity, seen in the order of their births. Pure but for what it remembers.

A machine starts, and never goes back to an earlier start. Where the births of two boots take turns, two machines (or
one and a copy of it) are alive. This works at every front door: it needs only what arrives.
"""

from typing import NamedTuple

REMEMBERED = 16


class Birth(NamedTuple):
    """What tells one birth from another; the same one may arrive twice."""

    boot: str
    session: int
    sampled_at: float


class Births:
    def __init__(self) -> None:
        self._of: dict[str, tuple[Birth, ...]] = {}

    def take(self, device: str, birth: Birth) -> str | None:
        """Note a birth; the text of what is wrong, or None."""
        known = self._of.get(device, ())
        if birth in known:
            return None
        last = known[-1].boot if known else birth.boot
        returns = birth.boot != last and any(item.boot == birth.boot for item in known)
        self._of[device] = (*known, birth)[-REMEMBERED:]
        if not returns:
            return None
        return f"two machines take turns with this identity: boots {last} and {birth.boot} are both alive"
