"""The faults that are planted: which part they befall, how they show, who should say so, and by when. Pure.

What a fault does follows the public descriptions of how such parts age; nothing here is a measurement.
"""

from collections.abc import Sequence
from typing import NamedTuple

from forewarn_collector.simulate.chance import draw
from forewarn_collector.simulate.climate import DAY, HOUR


class Rhythm(NamedTuple):
    """How often a device reports: seconds between loads, and between the readings of each disk."""

    load: float = 60.0
    smart: float = 1800.0


RHYTHM = Rhythm()


class Kind(NamedTuple):
    """``says``: the fault classes of tickets that find it. ``befalls``: which part a device must have.

    It shows so much after ``takes`` seconds that a ticket is due, of which the collector has to see the last
    ``watched``; both and, for each report of loads or of a disk, ``loads`` and ``smarts`` intervals more. ``lasts``
    seconds later the part is of no use; 0 where it never comes to that.
    """

    name: str
    says: frozenset[str]
    befalls: str
    takes: float
    watched: float
    loads: int
    smarts: int
    lasts: float


_DISK, _COOLING = frozenset({"disk-failure"}), frozenset({"cooling"})
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("pending-sectors", _DISK, "hdd", 10 * DAY, 10 * DAY, 0, 1, 30 * DAY),
        Kind("reallocated-sectors", _DISK, "hdd", 14 * DAY, 14 * DAY, 0, 1, 45 * DAY),
        Kind("drive-says-failed", _DISK, "disk", 0.0, 0.0, 0, 1, 2 * DAY),
        Kind("ssd-wear", frozenset({"disk-wear"}), "flash", 120 * DAY, 0.0, 0, 1, 30 * DAY),
        Kind("flaky-cable", frozenset({"cable"}), "ata", 2 * DAY, 2 * DAY, 0, 3, 0.0),
        Kind("filesystem-full", frozenset({"filesystem-full"}), "filesystem", 8 * DAY, HOUR, 2, 0, 2 * DAY),
        Kind("dust", _COOLING, "processor", 40 * DAY, HOUR, 2, 0, 20 * DAY),
        Kind("fan-stopped", _COOLING, "fan", 0.3 * HOUR, 0.3 * HOUR, 5, 0, 3 * DAY),
        Kind("memory-errors", frozenset({"memory-failure"}), "dimm", DAY, DAY, 2, 0, 60 * DAY),
        Kind("silent-device", frozenset({"device-silent"}), "device", 1.25 * DAY, 1.25 * DAY, 1, 0, 0.0),
    )
}


class Planted(NamedTuple):
    """One fault of known truth. Times are the device's. ``part``: serial number, mount point, sensor or module;
    ``ends_at``: from when on the part is of no use, None where it never comes to that."""

    kind: str
    device: str
    part: str
    begins_at: float
    due_at: float
    ends_at: float | None

    def progress(self, at: float) -> float:
        """0 until it begins, 1 when a ticket is due, more later."""
        if at < self.begins_at:
            return 0.0
        takes = self.due_at - self.begins_at
        return 1.0 if takes <= 0 else (at - self.begins_at) / takes


def plant(kind: Kind, device: str, part: str, seed: int, start: float, span: float, rhythm: Rhythm) -> Planted:
    """A fault that becomes due within the first four fifths of ``span`` where that is long enough for it to be seen
    (and later where it is not)."""
    reports = kind.loads * rhythm.load + kind.smarts * rhythm.smart
    earliest = start + kind.watched + reports
    due = earliest + draw(seed, 1) * max(0.0, 0.8 * span - (earliest - start))
    ends = due + kind.lasts * (0.5 + draw(seed, 2)) if kind.lasts else None
    return Planted(kind.name, device, part, due - kind.takes - reports, due, ends)


def fitting(kinds: Sequence[Kind], parts: dict[str, list[str]]) -> list[Kind]:
    """Those that can befall a device with these parts by sort."""
    return [kind for kind in kinds if parts.get(kind.befalls)]
