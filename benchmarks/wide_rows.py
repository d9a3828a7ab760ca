"""The plain design to which the store is compared: a table for each kind, a column for each value, a row a report."""

import sqlite3
import time
from pathlib import Path

import numpy as np
from history_data import LOAD_FIELDS, SMART_FIELDS, in_batches

from forewarn_collector.store.model import Accepted


class WideRows:
    """As durable as the journal: WAL, synchronous=FULL, one commit a batch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._inserts = {
            kind: self._make(kind, fields) for kind, fields in (("load", LOAD_FIELDS), ("smart", SMART_FIELDS))
        }
        self._connection.execute(
            "CREATE TABLE seen (device TEXT, boot TEXT, seq INTEGER, PRIMARY KEY (device, boot)) WITHOUT ROWID"
        )
        self._numbers: dict[str, int] = {}

    def write(self, reports: list[Accepted]) -> list[float]:
        """Seconds of each commit."""
        commits = []
        for batch in in_batches(reports):
            began = time.perf_counter()
            self._commit(batch)
            commits.append(time.perf_counter() - began)
        return commits

    def read(self, device: str, fields: list[str], start: float, end: float) -> int:
        """How many rows the SMART history of a device has."""
        wanted = ", ".join(f'"{field}"' for field in fields)
        query = f"SELECT at, {wanted} FROM smart WHERE series = ? AND at BETWEEN ? AND ? ORDER BY at"
        rows = self._connection.execute(query, (self._numbers[device], start * 1000, end * 1000))
        times, *_ = (np.array(column, np.float64) for column in zip(*rows, strict=True))
        return len(times)

    def close(self) -> None:
        self._connection.close()

    def _make(self, kind: str, fields: tuple[str, ...]) -> str:
        columns = ", ".join(f'"{field}" REAL' for field in fields)
        self._connection.execute(
            f"CREATE TABLE {kind} (series INTEGER, at INTEGER, {columns}, PRIMARY KEY (series, at)) WITHOUT ROWID"
        )
        return f"INSERT OR REPLACE INTO {kind} VALUES ({', '.join('?' * (2 + len(fields)))})"

    def _commit(self, batch: list[Accepted]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        rows: dict[str, list[tuple[float, ...]]] = {"load": [], "smart": []}
        newest = {}
        for report in batch:
            (point,) = report.points
            number = self._numbers.setdefault(report.device, len(self._numbers))
            rows[point.kind].append((number, round(point.at * 1000), *point.values))
            newest[report.device, report.boot] = report.seq
        for kind, kind_rows in rows.items():
            self._connection.executemany(self._inserts[kind], kind_rows)
        seen = [(*key, seq) for key, seq in newest.items()]
        self._connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", seen)
        self._connection.execute("COMMIT")
