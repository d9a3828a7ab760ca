"""When the collector was there to hear: a device is silent only for the time in which somebody listened. Pure."""

import msgspec

# A pause of this length is no absence: a judge that is busy, a slow disk.
SHORT_SECONDS = 120.0
# Devices that were silent for longer than this are not asked about to the second.
KEPT_SECONDS = 90 * 86_400.0


class Presence(msgspec.Struct, frozen=True):
    """``alive_at``: when this was last noted; ``away``: from when until when nobody listened. Unix seconds."""

    alive_at: float
    away: tuple[tuple[float, float], ...] = ()


def carried_on(before: Presence | None, now: float, awake_seconds: float) -> Presence:
    """Note ``now``. ``awake_seconds`` is how long this process was awake since ``before``: 0 after its start.

    What is missing from the time since then was a stop, a suspended machine or a clock that was set forward.
    """
    if before is None:
        return Presence(now, ((0.0, now),))
    missed = now - before.alive_at - awake_seconds
    away = tuple(span for span in before.away if span[1] > now - KEPT_SECONDS)
    if missed > SHORT_SECONDS:
        away = (*away, (before.alive_at, before.alive_at + missed))
    return Presence(now, away)


def silent_seconds(last: float, now: float, presence: Presence) -> float:
    """How long nothing was heard since ``last`` while somebody listened."""
    away = sum(max(0.0, min(end, now) - max(start, last)) for start, end in presence.away)
    return max(0.0, now - last - away)
