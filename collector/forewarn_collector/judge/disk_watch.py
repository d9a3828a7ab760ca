"""Which disks are no longer heard of though their device reports, and which of them were replaced.

Times are the device's own, in the order in which its reports were judged: a disk is silent for as long as its device
has reported without it, and not at all while the device itself is silent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from forewarn_collector.judge.facts import decode_facts, inventory_of
from forewarn_collector.judge.rounds import Batch
from forewarn_collector.store.history import History
from forewarn_collector.store.model import Row, Series
from forewarn_collector.store.reader import Reader
from forewarn_rules import Kind

# A disk that is silent for less is not worth a look; a replacement is believed only after this long.
OVERDUE_SECONDS = 3600.0
# The disks of a machine are read one after the other.
SAME_MINUTES = 900.0
# Looking up when a disk was last heard before the start takes a moment each.
LOOKUPS_PER_LOOK = 200


class DiskSeen(NamedTuple):
    """``serial`` is None where the disk could not be asked and goes by its slot."""

    part: str
    slot: str
    serial: str | None
    first_at: float
    last_at: float


class Silence(NamedTuple):
    """``seconds`` None: it cannot be said. ``replaced_by``: the key of a disk never seen before in the same slot."""

    seconds: float | None
    replaced_by: str | None = None


class Sight(NamedTuple):
    """One disk, to be judged as of ``at``. ``missed`` is None where the rhythm of its reports is not known,
    ``together`` is how many disks of the device fell silent in the same minutes, None where that cannot be said."""

    device: str
    disk: DiskSeen
    at: float
    silence: Silence
    missed: float | None
    together: int | None


def silences(disks: Sequence[DiskSeen], now: float) -> dict[str, Silence]:
    """What is to be said of each disk of a device that reports at ``now``. Pure.

    Slots are names that a start may give anew, so another disk in the slot is a replacement only if it was never seen
    while this one was. A slot whose disk does not tell its serial number may hold this one: then nothing is known.
    """
    found = {}
    for disk in disks:
        seconds = max(0.0, now - disk.last_at)
        there = [other for other in disks if other.slot == disk.slot and other.last_at > disk.last_at]
        new = [other for other in there if other.serial and other.first_at > disk.last_at]
        if not disk.slot or seconds < OVERDUE_SECONDS:
            found[disk.part] = Silence(seconds)
        elif new and disk.serial:
            found[disk.part] = Silence(seconds, max(new, key=lambda other: other.last_at).part)
        elif any(not (other.serial and disk.serial) for other in there):
            found[disk.part] = Silence(None)
        else:
            found[disk.part] = Silence(seconds)
    return found


def together(disk: DiskSeen, disks: Sequence[DiskSeen], said: Mapping[str, Silence]) -> int | None:
    """How many disks of a device were last heard in the same minutes as this one and are silent since, itself among
    them; 0 when it is not silent. Pure."""
    if said[disk.part].seconds is None:
        return None
    silent = [
        other
        for other in disks
        if (said[other.part].seconds or 0.0) >= OVERDUE_SECONDS and not said[other.part].replaced_by
    ]
    return sum(abs(other.last_at - disk.last_at) <= SAME_MINUTES for other in silent) if disk in silent else 0


class DiskWatch:
    """When each disk and each device was last heard, in memory; what was before the start is looked up little by
    little, and a device is judged only when all its disks are known."""

    def __init__(self, known: Iterable[Series], watched: Iterable[str]) -> None:
        """``known``: the disks' series in the store; ``watched``: devices of which a rule may stand raised."""
        self._unknown: dict[str, list[Series]] = {}
        for series in known:
            self._unknown.setdefault(series.device, []).append(series)
        self._last: dict[str, dict[str, float]] = {}
        self._now: dict[str, float] = {}
        self._watched = set(watched)

    def note(self, rows: Iterable[Row], series: Mapping[int, Series]) -> None:
        """Rows in the order in which they were judged."""
        for row in rows:
            of = series[row.series]
            if of.kind == "smart":
                self._last.setdefault(of.device, {})[of.part] = row.at
            if of.kind in ("smart", "load"):
                self._now[of.device] = row.at

    def forget(self, device: str, part: str) -> None:
        """It was replaced, and is waited for no more."""
        self._last.get(device, {}).pop(part, None)

    def look(self, reader: Reader, history: History) -> list[Sight]:
        """Every disk of every device on which one is overdue, or was at the last look."""
        self._look_up(history)
        found: list[Sight] = []
        for device, now in self._now.items():
            last = self._last.get(device)
            if not last or device in self._unknown:
                continue
            overdue = now - min(last.values()) >= OVERDUE_SECONDS
            if overdue or device in self._watched:
                found += self._look_at(device, now, last, reader)
            (self._watched.add if overdue else self._watched.discard)(device)
        return found

    def _look_up(self, history: History) -> None:
        """Of devices that report again: when the disks were last heard that have not reported since the start."""
        left = LOOKUPS_PER_LOOK
        for device in [device for device in self._unknown if device in self._now]:
            if left <= 0:
                return
            last = self._last.setdefault(device, {})
            for series in self._unknown.pop(device):
                if series.part not in last:
                    left -= 1
                    latest = history.latest(device, series.kind, series.part)
                    if latest is not None:
                        last[series.part] = latest.at

    def _look_at(self, device: str, now: float, last: Mapping[str, float], reader: Reader) -> list[Sight]:
        row = reader.device(device)
        interval = inventory_of(row.birth if row else None).get("smart_interval_seconds")
        disks = [
            seen_of(series, last[series.part])
            for series in reader.series_of(device)
            if series.kind == "smart" and series.part in last
        ]
        said = silences(disks, now)
        return [
            Sight(device, disk, now, said[disk.part], _missed(said[disk.part], interval), together(disk, disks, said))
            for disk in disks
        ]


def presence_batch(sights: Sequence[Sight]) -> Batch:
    """As the engine observes it."""
    columns = {
        "presence.silent_seconds": [sight.silence.seconds for sight in sights],
        "presence.silent_together": [sight.together for sight in sights],
        "presence.missed_reports": [sight.missed for sight in sights],
        "presence.replaced": [float(sight.silence.replaced_by is not None) for sight in sights],
    }
    metrics = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}  # None becomes NaN
    keys = [(sight.device, sight.disk.part) for sight in sights]
    return Batch(Kind.PRESENCE, keys, np.array([sight.at for sight in sights]), metrics)


def seen_of(series: Series, last_at: float) -> DiskSeen:
    """A disk by the facts of its series."""
    disk: dict[str, Any] = decode_facts(series.facts).get("disk", {})
    return DiskSeen(series.part, disk.get("slot", ""), disk.get("serial"), series.first_at, last_at)


def _missed(silence: Silence, interval: object) -> float | None:
    if silence.seconds is None or not isinstance(interval, int | float) or interval <= 0:
        return None
    return silence.seconds / interval
