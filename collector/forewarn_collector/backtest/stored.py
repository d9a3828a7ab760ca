"""The provider's own history as drive-days: what the collector has stored, and what its tickets say of failures.

It is only read; the collector may go on running. A day is one of UTC by the device's own clock, and of several reports
of a day the last known value of each metric counts. Drive histories say who failed; here it is known from two things:
a ticket about the disk itself that was closed as failed or replaced in time, and another disk in its slot. Either way
the disk failed on the last day on which it reported, as in Drive Stats.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from forewarn_collector.backtest.history import DAY, NEVER, Floats, History, Integers
from forewarn_collector.directory import Directory
from forewarn_collector.judge.disk_watch import DiskSeen, seen_of, silences
from forewarn_collector.judge.facts import decode_facts, inventory_of, labels_of
from forewarn_collector.judge.rounds import slices
from forewarn_collector.store.history import History as Store
from forewarn_collector.store.model import Series, StoreError
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import open_state_to_read
from forewarn_collector.tickets.life import OF_THE_PART
from forewarn_collector.tickets.outcomes import RIGHT
from forewarn_collector.tickets.rows import parts_ended
from forewarn_rules import Kind, Labels

SERIES = "smart"
NOBODY = Directory()
"""Whose devices they are where nothing is configured."""

Place = tuple[str, str]
"""A machine's name and the disk's part of it."""


class _Stretch(NamedTuple):
    """One disk's days in one machine, ascending; a value per day in each metric (NaN: not known that day)."""

    days: Integers
    metrics: dict[str, Floats]


def read_stored(
    data: Path, wanted: Collection[str], directory: Directory = NOBODY, state: Path | Server | None = None
) -> History:
    """The history in a collector's data directory; ``directory`` says whose devices they are, ``state`` where the
    tickets are, ``state.db`` if not named. Raise StoreError if there is none or it cannot be read."""
    with Reader(data) as reader, Store.open(data) as store:
        history = stored_history(reader, store, _ended(state or data / "state.db"), wanted, directory)
    if history is None:
        raise StoreError(f"{data}: no disk has reported yet")
    return history


def _ended(state: Path | Server) -> dict[Place, float]:
    """Which disks failed or were replaced in time, and when, by their closed tickets."""
    engine = open_state_to_read(state)
    try:
        with engine.connect() as db:
            return {(device, part): at for device, part, at in parts_ended(db, RIGHT, OF_THE_PART)}
    finally:
        engine.dispose()


def stored_history(
    reader: Reader, store: Store, ended: Mapping[Place, float], wanted: Collection[str], directory: Directory = NOBODY
) -> History | None:
    """Every disk that ever reported; None where none did. A disk that moved to another machine is one drive.

    ``ended`` says when tickets about disks were closed as failed or replaced in time (Unix seconds). Raise StoreError
    if something stored cannot be read.
    """
    drives: dict[str, int] = {}
    labels: list[Labels] = []
    found: list[tuple[int, _Stretch]] = []
    failed: dict[int, float] = {}
    gone: dict[int, float] = {}
    everything = reader.series_of_kind(SERIES)
    replaced = _replaced(everything, store)
    inventories = {row.name: inventory_of(row.birth) for row in reader.devices()}
    for series in everything:
        stretch = _read(store, series, frozenset(wanted))
        if stretch is None:
            continue
        device, part = series.device, series.part
        known = labels_of(Kind.DISK, (device, part), decode_facts(series.facts), inventories.get(device, {}), directory)
        serial = str(known.get("serial") or f"{device}/{part}")
        drive = drives.setdefault(serial, len(drives))
        if drive == len(labels):
            labels.append({**known, "serial": serial})
        found.append((drive, stretch))
        if (device, part) in ended:
            failed[drive] = ended[device, part]
        elif (device, part) in replaced:
            gone[drive] = replaced[device, part]
    last = {drive: int(max(stretch.days[-1] for n, stretch in found if n == drive)) for drive in gone}
    failed |= {drive: at for drive, at in gone.items() if last[drive] <= at // DAY}  # others live on in another machine
    return _joined(list(drives), labels, found, failed) if found else None


def _replaced(everything: Sequence[Series], store: Store) -> dict[Place, float]:
    """When each disk was last heard whose slot another one has taken since."""
    last = {place: latest.at for place, latest in store.latest_all(SERIES, ()).items()}
    of_device: dict[str, list[DiskSeen]] = {}
    for series in everything:
        if (series.device, series.part) in last:
            of_device.setdefault(series.device, []).append(seen_of(series, last[series.device, series.part]))
    return {
        (device, part): last[device, part]
        for device, disks in of_device.items()
        for part, silence in silences(disks, max(disk.last_at for disk in disks)).items()
        if silence.replaced_by is not None
    }


def _read(store: Store, series: Series, wanted: frozenset[str]) -> _Stretch | None:
    fields = store.fields(series, 0.0)
    pieces = [piece for piece in slices(fields, ((Kind.DISK, wanted),)) if piece.kind is Kind.DISK]
    columns = {metric: fields[c] for piece in pieces for metric, c in zip(piece.metrics, piece.columns, strict=True)}
    at, values = store.read(series.device, SERIES, series.part, list(columns.values()), 0.0, math.inf)
    if not len(at):
        return None
    days, place = np.unique((at // DAY).astype(np.int64), return_inverse=True)
    daily = {}
    for metric, field in columns.items():
        known = np.flatnonzero(~np.isnan(values[field]))
        daily[metric] = np.full(len(days), np.nan)
        daily[metric][place[known]] = values[field][known]  # of a day's values the last one stays
    return _Stretch(days, daily)


def _joined(
    serials: list[str], labels: list[Labels], found: Sequence[tuple[int, _Stretch]], failed: Mapping[int, float]
) -> History:
    """Ordered by day; one row per drive and day, and none after its failure."""
    days = np.concatenate([stretch.days for _, stretch in found])
    drives = np.concatenate([np.full(len(stretch.days), drive, dtype=np.int64) for drive, stretch in found])
    names = dict.fromkeys(metric for _, stretch in found for metric in stretch.metrics)
    absent = [np.full(len(stretch.days), np.nan) for _, stretch in found]
    metrics = {
        name: np.concatenate([stretch.metrics.get(name, no) for (_, stretch), no in zip(found, absent, strict=True)])
        for name in names
    }
    ends = np.full(len(serials), NEVER, dtype=np.int64)
    for drive, at in failed.items():
        mine = days[(drives == drive) & (days <= at // DAY)]
        ends[drive] = mine.max() if mine.size else NEVER
    _, first = np.unique(days * len(serials) + drives, return_index=True)
    rows = first[days[first] <= ends[drives[first]]]
    return History(
        days=days[rows],
        drives=drives[rows],
        serials=serials,
        models=[str(known.get("model", "")) for known in labels],
        failed_on=ends,
        metrics={name: column[rows] for name, column in metrics.items()},
        labels=labels,
    )
