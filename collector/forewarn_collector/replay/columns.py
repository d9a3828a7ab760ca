"""Drive histories in columns, read from and written to files. The files are those of ``histories``."""

import re
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from forewarn_collector.backtest.history import NEVER, Floats, History, Integers
from forewarn_collector.replay.histories import REQUIRED, HistoryError, read_table

_LOW_BITS = {"ata.188.raw": 0xFFFF, "ata.190.raw": 0xFF, "ata.194.raw": 0xFF}
"""Backblaze publishes all 48 bits; the agent reports the word that counts (smartmontools: raw16, tempminmax)."""

_ATA = re.compile(r"ata\.(\d{1,3})\.(raw|value)")
_FURTHER = {"disk.temperature_celsius": "ata.194.raw", "disk.power_on_hours": "ata.9.raw"}
EPOCH = date(1970, 1, 1)


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and all parquet and CSV files below the directories named. Raise HistoryError for none."""
    found = []
    for path in paths:
        below = sorted(file for file in path.rglob("*") if file.suffix in (".parquet", ".csv"))
        if path.is_dir() and not below:
            raise HistoryError(f"{path}: no parquet or CSV file in it")
        found += below if path.is_dir() else [path]
    return found


def read_history(files: Sequence[Path], wanted: Collection[str]) -> History:
    """All drive-days of the files, with those of the ``wanted`` metrics that the files hold.

    A drive's repeated day counts once, the last one; days after its failure are left out. Raise HistoryError for a
    file that is no drive history and for files without a single row.
    """
    sources = sorted({_FURTHER.get(metric, metric) for metric in wanted})
    columns = {name: metric for metric in sources if (name := _column(metric)) is not None}
    pieces = [_read(file, columns) for file in files]
    table = pa.concat_tables(pieces, promote_options="permissive") if pieces else None
    if table is None or not table.num_rows:
        raise HistoryError("no drive-day in these files")
    day = table["date"].cast(pa.int32()).to_numpy().astype(np.int64)
    serials, drives = _numbered(table["serial_number"])
    failed_on = np.full(len(serials), NEVER, dtype=np.int64)
    died = table["failure"].cast(pa.int64()).fill_null(0).to_numpy() == 1
    last = np.full(len(serials), -1, dtype=np.int64)
    np.maximum.at(last, drives[died], day[died])
    failed_on[last >= 0] = last[last >= 0]
    rows = _rows(day, drives, failed_on)
    models = np.full(len(serials), "", dtype=object)
    models[drives] = table["model"].fill_null("").to_numpy(zero_copy_only=False)
    metrics = {
        metric: _values(table[name], metric)[rows] for name, metric in columns.items() if name in table.schema.names
    }
    metrics |= {
        metric: metrics[source] for metric, source in _FURTHER.items() if source in metrics and metric in wanted
    }
    if "disk.measured" in wanted:
        metrics["disk.measured"] = np.ones(len(rows))
    return History(day[rows], drives[rows], serials, models.tolist(), failed_on, metrics)


def write_scores(file: Path, history: History, scores: Floats) -> None:
    """serial_number, date, probability: one row per drive-day; null where the model says nothing. Raise OSError."""
    serials = pa.DictionaryArray.from_arrays(pa.array(history.drives, pa.int32()), pa.array(history.serials))
    table = pa.table(
        {
            "serial_number": serials.cast(pa.string()),
            "date": pa.array(history.days.astype(np.int32), pa.int32()).cast(pa.date32()),
            "probability": pa.array(scores, pa.float64(), from_pandas=True),
        }
    )
    if file.suffix == ".csv":
        pa.csv.write_csv(table, file)
    else:
        pa.parquet.write_table(table, file)


def _column(metric: str) -> str | None:
    match = _ATA.fullmatch(metric)
    return match and f"smart_{match[1]}_{'raw' if match[2] == 'raw' else 'normalized'}"


def _read(file: Path, columns: Collection[str]) -> pa.Table:
    table = read_table(file, None)
    return table.select([*REQUIRED, *(name for name in table.column_names if name in columns)])


def _numbered(column: pa.ChunkedArray) -> tuple[list[str], Integers]:
    encoded = column.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _rows(day: Integers, drives: Integers, failed_on: Integers) -> Integers:
    """Which rows count, by day: the last of a drive's repeated day, none after its failure."""
    order = np.lexsort((np.arange(len(day)), drives, day))
    again = np.zeros(len(day), dtype=np.bool_)
    again[:-1] = (day[order][1:] == day[order][:-1]) & (drives[order][1:] == drives[order][:-1])
    order = order[~again]
    kept: Integers = order[day[order] <= failed_on[drives[order]]]
    return kept


def _values(column: pa.ChunkedArray, metric: str) -> Floats:
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    if metric in _LOW_BITS:
        known = np.isfinite(values)
        values[known] = (values[known].astype(np.int64) & _LOW_BITS[metric]).astype(np.float64)
    return values
