"""Drive histories without dates: stretches of power-on hours in which no counter changed.

Columns: ``serial_number``, ``model``, ``tstart`` and ``tstop`` (hours under power), ``failure`` (1 on a failed drive's
last stretch) and any number of ``smart_<id>``, the value from ``tstart`` on.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from forewarn_collector.backtest.history import NEVER, History, Integers
from forewarn_collector.replay.histories import HistoryError

_DRIVES_AT_ONCE = 6000
_HOURS = 24
_ATA = re.compile(r"ata\.(\d{1,3})\.raw")


def has_intervals(file: Path) -> bool:
    """Whether the file is one of stretches, not of days."""
    try:
        return file.suffix == ".parquet" and "tstart" in pa.parquet.read_schema(file).names
    except (OSError, pa.ArrowInvalid):
        return False


def read_intervals(file: Path, wanted: Collection[str]) -> Iterator[History]:
    """Some thousand drives at a time, a row for each day under power; the day is counted from the first hour.

    Raise HistoryError for a file that cannot be read or lacks a column.
    """
    try:
        table = pa.parquet.read_table(file)
        serial = table["serial_number"].to_numpy(zero_copy_only=False).astype(str)
        start, stop = (table[name].cast(pa.int64()).to_numpy() for name in ("tstart", "tstop"))
        failure = table["failure"].cast(pa.float64()).to_numpy() == 1
        model = table["model"].to_numpy(zero_copy_only=False).astype(str)
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise HistoryError(f"{file}: not a history of intervals: {str(error).splitlines()[0]}") from None
    names = {metric: f"smart_{match[1]}" for metric in wanted if (match := _ATA.fullmatch(metric))}
    columns = {
        metric: table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        for metric, name in names.items()
        if name in table.column_names
    }
    serials, drives = np.unique(serial, return_inverse=True)
    models = np.empty(len(serials), dtype=object)
    models[drives] = model
    order = np.lexsort((start, drives))
    for first in range(0, len(serials), _DRIVES_AT_ONCE):
        mine = order[(drives[order] >= first) & (drives[order] < first + _DRIVES_AT_ONCE)]
        rows, days = _days(start[mine] // _HOURS, stop[mine] // _HOURS)
        rows = mine[rows]
        failed = np.full(len(serials), NEVER, dtype=np.int64)
        died = mine[failure[mine]]
        failed[drives[died]] = stop[died] // _HOURS
        by_day = np.argsort(days, kind="stable")
        days, rows = days[by_day], rows[by_day]
        last = min(first + _DRIVES_AT_ONCE, len(serials))
        yield History(
            days, drives[rows] - first, serials[first:last].tolist(), models[first:last].tolist(), failed[first:last],
            {metric: column[rows] for metric, column in columns.items()},
        )  # fmt: skip


def _days(first: Integers, last: Integers) -> tuple[Integers, Integers]:
    """Stretches taken apart into the days that begin in them: (stretch, day)."""
    counts = np.maximum(last - first, 0)
    stretches = np.repeat(np.arange(len(first)), counts)
    days = first[stretches] + np.arange(len(stretches)) - np.repeat(np.cumsum(counts) - counts, counts)
    return stretches, days
