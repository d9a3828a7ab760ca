"""When each device of a fleet reports, in the order of time. Pure."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from forewarn_collector.simulate.chance import draw
from forewarn_collector.simulate.fleet import Fleet

LOAD = -1


class Moment(NamedTuple):
    """Device time ``at`` which ``device`` (its place in the fleet) reports its load, or that of its ``disk``."""

    at: float
    device: int
    disk: int = LOAD


def moments(fleet: Fleet) -> Iterator[Moment]:
    """Without end. A device's phase spreads its loads over the interval; its disks are read one after the other."""
    loads = sorted((device.phase * fleet.rhythm.load, place, LOAD) for place, device in enumerate(fleet.devices))
    disks = sorted(
        (draw(device.seed, 9) * fleet.rhythm.smart + 0.5 * number, place, number)
        for place, device in enumerate(fleet.devices)
        for number in range(len(device.disks))
    )
    rhythm = fleet.rhythm
    return heapq.merge(_turns(fleet.start, rhythm.load, loads), _turns(fleet.start, rhythm.smart, disks))


def _turns(start: float, interval: float, entries: Iterable[tuple[float, int, int]]) -> Iterator[Moment]:
    entries = list(entries)
    for turn in count() if entries else ():
        began = start + turn * interval
        for after, device, disk in entries:
            yield Moment(round(began + after, 3), device, disk)
