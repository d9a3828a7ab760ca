"""Head rows and the blocks of the same period into new blocks. Pure."""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store import blocks
from forewarn_collector.store.model import Floats


class HeadRow(NamedTuple):
    at: int
    layout: int
    values: bytes


class Packed(NamedTuple):
    """A block with what the index row says of it; times in milliseconds."""

    rows: int
    first: int
    last: int
    body: bytes


def merge(head: list[HeadRow], existing: dict[int, Packed]) -> dict[int, Packed | None]:
    """The blocks that change, by layout, when head rows (sorted by time, no two of one time) join existing blocks.

    A head row replaces a sealed row of the same time, also one of another layout; None: that block lost all its rows.
    Raise BlockError if an existing block that has to be read is damaged.
    """
    new_times = np.array([row.at for row in head], np.int64)
    by_layout: dict[int, list[HeadRow]] = defaultdict(list)
    for row in head:
        by_layout[row.layout].append(row)
    changed: dict[int, Packed | None] = {}
    for layout, packed in existing.items():
        times, _ = blocks.decode(packed.body, [])
        stays = ~np.isin(times, new_times)
        if layout not in by_layout and stays.all():
            continue
        times, columns = blocks.decode(packed.body)
        times, columns = times[stays], [column[stays] for column in columns]
        added = by_layout.pop(layout, None)
        if added:
            added_times, added_columns = table_of(added)
            times = np.concatenate([times, added_times])
            order = np.argsort(times)
            times = times[order]
            columns = [np.concatenate(pair)[order] for pair in zip(columns, added_columns, strict=True)]
        changed[layout] = _pack(times, columns) if len(times) else None
    for layout, rows in by_layout.items():
        changed[layout] = _pack(*table_of(rows))
    return changed


def table_of(rows: list[HeadRow]) -> tuple[NDArray[np.int64], list[Floats]]:
    """Times and columns of head rows of one layout."""
    times = np.array([row.at for row in rows], np.int64)
    values = np.frombuffer(b"".join(row.values for row in rows), "<f8").reshape(len(rows), -1)
    return times, list(np.ascontiguousarray(values.T, np.float64))


def _pack(times: NDArray[np.int64], columns: list[Floats]) -> Packed:
    return Packed(len(times), int(times[0]), int(times[-1]), blocks.encode(times, columns))
