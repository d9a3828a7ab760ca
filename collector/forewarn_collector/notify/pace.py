"""How fast a channel may be used. Pure."""

from collections.abc import Sequence

MINUTE = 60.0


def free_at(tries: Sequence[float], per_minute: int, now: float) -> float:
    """When the next message may go out. ``tries``: when the last ones did, in order, whether they arrived or not."""
    lately = [at for at in tries if now - MINUTE < at <= now]
    return now if len(lately) < per_minute else lately[-per_minute] + MINUTE


def delay_after(tries: int) -> float:
    """Seconds until the next try: 2, 4, 8, ... up to five minutes."""
    return float(min(300, 2 ** (min(tries, 10) + 1)))
