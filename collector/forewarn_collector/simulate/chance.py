"""Chance that can be asked again: what is drawn follows from numbers that say what for, and from nothing else. Pure.

A device has no memory that way: what it reports at a moment is the same at every rate and after every restart.
"""

import math

_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15


def mixed(*words: int) -> int:
    """64 bits. Source: the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
    Generators, 2014), once for each word."""
    state = 0
    for word in words:
        state = (state + word + _STEP) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def draw(*words: int) -> float:
    """Between 0 and 1, evenly."""
    return mixed(*words) / 2**64


def pick(weights: tuple[float, ...], *words: int) -> int:
    """The place of one of ``weights``, in proportion to them."""
    left = draw(*words) * sum(weights)
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return len(weights) - 1


def wander(seed: int, at: float, step: float) -> float:
    """Between -1 and 1, changing smoothly within ``step`` seconds."""
    place, part = divmod(at / step, 1.0)
    before, after = draw(seed, int(place)), draw(seed, int(place) + 1)
    return 2 * (before + (after - before) * part * part * (3 - 2 * part)) - 1


def counted(seed: int, rate: float, elapsed: float) -> int:
    """How many of something have come after ``elapsed`` seconds, at about ``rate`` a second, some at once. It never
    falls."""
    if elapsed <= 0:
        return 0
    even = rate * elapsed
    whole = math.floor(even)
    return whole + (draw(seed, whole) < even - whole)
