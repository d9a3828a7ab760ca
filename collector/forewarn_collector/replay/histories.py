"""Drive histories as Backblaze publishes them: daily CSV files, or parquet with the same columns.

Columns: ``date``, ``serial_number``, ``model``, ``failure`` (1 on a failed drive's last day), and any number of
``smart_<id>_raw`` and ``smart_<id>_normalized``. Source: Backblaze Drive Stats, file format description.
"""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

REQUIRED = ("date", "serial_number", "model", "failure")
_SMART = re.compile(r"smart_(\d{1,3})_(raw|normalized)")


class HistoryError(Exception):
    """A file that is not a drive history; the text names it and what is missing."""


class Day(NamedTuple):
    """One drive on one day. ``raw`` and ``normalized``: attribute id -> value; an empty cell is left out."""

    date: date
    serial: str
    model: str
    failure: bool
    raw: dict[int, int]
    normalized: dict[int, int]


class Choice(NamedTuple):
    """Which drives to replay. ``failed`` serials map to the day of their failure."""

    failed: dict[str, date]
    healthy: list[str]

    @property
    def serials(self) -> set[str]:
        return set(self.failed) | set(self.healthy)


def choose(
    files: Sequence[Path], failed: int | None, healthy: int | None, serials: Sequence[str], seed: int = 1
) -> Choice:
    """Pick drives: all, a seeded sample of those that failed and those that did not, or the named ones.

    Raise HistoryError for an unreadable file or an unknown serial number.
    """
    last_failure: dict[str, date] = {}
    everyone: set[str] = set()
    for file in files:
        table = read_table(file, ["serial_number", "date", "failure"])
        everyone.update(pc.unique(table["serial_number"]).to_pylist())
        died = table.filter(pc.equal(table["failure"].cast(pa.int64()), 1))
        for serial, day in zip(died["serial_number"].to_pylist(), died["date"].to_pylist(), strict=True):
            last_failure[serial] = max(day, last_failure.get(serial, day))
    unknown = [serial for serial in serials if serial not in everyone]
    if unknown:
        raise HistoryError(f"no drive {unknown[0]!r} in {', '.join(str(file) for file in files)}")
    if serials:
        return Choice(
            {serial: last_failure[serial] for serial in serials if serial in last_failure},
            [serial for serial in serials if serial not in last_failure],
        )
    pick = random.Random(seed)  # noqa: S311 - a sample, not a secret
    dead = _sample(pick, sorted(last_failure), failed)
    alive = _sample(pick, sorted(everyone - set(last_failure)), healthy)
    return Choice({serial: last_failure[serial] for serial in dead}, alive)


def _sample(pick: random.Random, names: list[str], count: int | None) -> list[str]:
    return names if count is None or count >= len(names) else sorted(pick.sample(names, count))


def days(files: Sequence[Path], serials: set[str]) -> Iterator[list[Day]]:
    """The chosen drives' rows, one list per date, dates ascending. A drive's repeated day is given once."""
    wanted = pa.array(sorted(serials))
    tables = [read_table(file, None) for file in files]
    tables = [table.filter(pc.is_in(table["serial_number"], wanted)) for table in tables]
    table = pa.concat_tables(tables, promote_options="permissive").sort_by([("date", "ascending")])
    names = [name for name in table.column_names if _SMART.fullmatch(name)]
    cells = {name: table[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names}
    dates, models = table["date"].to_pylist(), table["model"].to_pylist()
    owners, failures = table["serial_number"].to_pylist(), table["failure"].to_pylist()
    places = [(int(match[1]), match[2], cells[name]) for name in names if (match := _SMART.fullmatch(name))]
    today: dict[str, Day] = {}
    for index, day in enumerate(dates):
        if today and day != next(iter(today.values())).date:
            yield list(today.values())
            today = {}
        values: dict[str, dict[int, int]] = {"raw": {}, "normalized": {}}
        for number, which, column in places:
            value = column[index]
            if not np.isnan(value):
                values[which][number] = int(value)
        serial = owners[index]
        today[serial] = Day(day, serial, models[index], bool(failures[index]), values["raw"], values["normalized"])
    if today:
        yield list(today.values())


def count_rows(files: Sequence[Path], serials: set[str]) -> int:
    """Drive-days of the chosen drives, a repeated day counted once; for the progress bar and the final count."""
    wanted = pa.array(sorted(serials))
    tables = [read_table(file, ["serial_number", "date"]) for file in files]
    table = pa.concat_tables([table.filter(pc.is_in(table["serial_number"], wanted)) for table in tables])
    return int(table.group_by(["serial_number", "date"]).aggregate([]).num_rows)


def read_table(file: Path, columns: list[str] | None) -> pa.Table:
    """Raise HistoryError when the file can't be read or lacks a column."""
    try:
        if file.suffix == ".parquet":
            table = pa.parquet.read_table(file, columns=columns)
        else:
            only = pa.csv.ConvertOptions(include_columns=columns or [], strings_can_be_null=True)
            table = pa.csv.read_csv(file, convert_options=only)
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        raise HistoryError(f"{file}: not a drive history: {str(error).splitlines()[0]}") from None
    missing = [name for name in columns or REQUIRED if name not in table.column_names]
    if missing:
        raise HistoryError(f"{file}: not a drive history: column {missing[0]} is missing")
    return _typed(file, table)


def _typed(file: Path, table: pa.Table) -> pa.Table:
    try:
        for name, type_ in (("serial_number", pa.string()), ("date", pa.date32())):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(type_))
        return table
    except pa.ArrowInvalid as error:
        raise HistoryError(f"{file}: not a drive history: {str(error).splitlines()[0]}") from None
