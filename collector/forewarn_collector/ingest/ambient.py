"""How warm it is around a machine's processor, from the machine's own sensors. Pure."""

from collections.abc import Iterable
from functools import lru_cache

from forewarn_wire import Temperature

_PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu", "x86_pkg_temp")
"""How the names of processors' own sensors begin: drivers of Linux's hwmon, and types of its thermal zones."""
_COLDEST, _HOTTEST = 1.0, 60.0
"""Celsius. Inputs of a board to which nothing is connected read 0, -128 or 127."""


def ambient_celsius(temperatures: Iterable[Temperature]) -> float | None:
    """The coolest sensor that is not a processor's: a board's, a disk's. None where there is none.

    It is warmer than the room, and follows it.
    """
    coolest = _HOTTEST
    found = False
    for one in temperatures:
        celsius = one.celsius
        if isinstance(celsius, float | int) and _COLDEST <= celsius <= coolest and not _is_processor(one.sensor):
            coolest, found = float(celsius), True
    return coolest if found else None


@lru_cache(maxsize=4096)
def _is_processor(sensor: str) -> bool:
    return sensor.lower().startswith(_PROCESSORS)
