"""How warm it is around a machine's processor, from the machine's own sensors. Pure."""

from collections.abc import Iterable

_PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu", "x86_pkg_temp")
"""How the names of processors' own sensors begin: drivers of Linux's hwmon, and types of its thermal zones."""
_COLDEST, _HOTTEST = 1.0, 60.0
"""Celsius. Inputs of a board to which nothing is connected read 0, -128 or 127."""


def coolest(celsius: Iterable[float]) -> float | None:
    """Of the sensors that are not a processor's (a board's, a disk's): what the coolest reads, or None.

    It is warmer than the room, and follows it.
    """
    found: float | None = None
    for value in celsius:
        if _COLDEST <= value <= _HOTTEST and (found is None or value < found):
            found = value
    return found


def is_processor(sensor: str) -> bool:
    return sensor.lower().startswith(_PROCESSORS)
