"""The embedded history behind the interface that every history store shares."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store import blocks
from forewarn_collector.store.database import SCHEMA_VERSION
from forewarn_collector.store.external.found import stretches
from forewarn_collector.store.external.interface import Condition, Sample, SeriesName, Span
from forewarn_collector.store.history import History
from forewarn_collector.store.importing import Importer
from forewarn_collector.store.model import Damaged
from forewarn_collector.store.periods import SERIES_SHIFT, key_range, layout_in, period_of
from forewarn_collector.store.reader import Reader
from forewarn_wire import CANARY

_SPANS = f"""
    SELECT device, kind, part,
        (SELECT MIN(at) FROM head WHERE series = series.id), (SELECT MAX(at) FROM head WHERE series = series.id),
        (SELECT MIN(first) FROM block WHERE key BETWEEN series.id << {SERIES_SHIFT}
            AND ((series.id + 1) << {SERIES_SHIFT}) - 1),
        (SELECT MAX(last) FROM block WHERE key BETWEEN series.id << {SERIES_SHIFT}
            AND ((series.id + 1) << {SERIES_SHIFT}) - 1)
    FROM series WHERE device <> ? ORDER BY device, kind, part"""  # noqa: S608 - a constant of ours
_HEAD = "SELECT at, layout, vals FROM head WHERE series = ? AND at BETWEEN ? AND ? ORDER BY at"
_HEAD_TIMES = "SELECT at FROM head WHERE series = ? AND at BETWEEN ? AND ?"
_BLOCKS = "SELECT key, body FROM block WHERE key BETWEEN ? AND ? AND last >= ? AND first <= ?"


class Embedded:
    """See `external.interface.HistoryStore`. ``writing``: create what is not there, and let no collector run meanwhile;
    without it a collector may be writing. Raise StoreError."""

    flush_seconds = 0.0

    def __init__(self, directory: Path, writing: bool = False) -> None:
        self.name = str(directory)
        self._importer = Importer(directory) if writing else None
        try:
            self._reader = Reader(directory)
        except BaseException:
            if self._importer:
                self._importer.close()
            raise
        self._history = History(self._reader)
        self.read = self._history.read
        self.latest = self._history.latest

    def close(self) -> None:
        self._reader.close()
        if self._importer:
            self._importer.close()

    def check(self) -> Condition:
        return Condition(f"schema {SCHEMA_VERSION}", "")

    def write(self, samples: Sequence[Sample]) -> int:
        assert self._importer, "opened for reading"
        self._importer.put(samples)
        return 0

    def spans(self) -> list[Span]:
        with self._reader.snapshot() as connection:
            found = connection.execute(_SPANS, (CANARY,)).fetchall()
        return [
            Span(SeriesName(*row[:3]), min(times), max(times))
            for row in found
            if (times := [time for time in row[3:] if time is not None])
        ]

    def rows(self, series: SeriesName, first: int, last: int) -> Iterator[Sample]:
        for begin, end in stretches(first, last):
            found = {sample.at: sample for sample in self._stretch(series, begin, end)}
            yield from (found[at] for at in sorted(found))

    def count(self, series: SeriesName, first: int, last: int) -> int:
        with self._reader.snapshot() as connection:
            if (keys := self._keys(series, first, last)) is None:
                return 0
            id_, keys_of = keys
            unsealed = np.array([at for (at,) in connection.execute(_HEAD_TIMES, (id_, first, last))], np.int64)
            sealed = connection.execute(_BLOCKS, (*keys_of, first, last)).fetchall()
        times = np.concatenate([unsealed, *(self._unpacked(key, body, [])[0] for key, body in sealed)])
        return len(np.unique(times[(times >= first) & (times <= last)]))

    def _keys(self, series: SeriesName, first: int, last: int) -> tuple[int, tuple[int, int]] | None:
        known, length = self._reader.find_series(*series), period_of(series.kind)
        return known and (known.id, key_range(known.id, max(first, 0) // length, max(last, 0) // length))

    def _stretch(self, series: SeriesName, first: int, last: int) -> Iterator[Sample]:
        """Sealed rows, then unsealed ones, which are the newer where both have a time."""
        with self._reader.snapshot() as connection:
            if (keys := self._keys(series, first, last)) is None:
                return
            sealed = connection.execute(_BLOCKS, (*keys[1], first, last)).fetchall()
            head = connection.execute(_HEAD, (keys[0], first, last)).fetchall()
        for key, body in sealed:
            fields = self._reader.fields(layout_in(key))
            times, columns = self._unpacked(key, body, None)
            rows = np.array(columns).reshape(len(fields), len(times)).T.tolist()
            for at, values in zip(times.tolist(), rows, strict=True):
                if first <= at <= last:
                    yield Sample(series, at, fields, values)
        for at, layout, values in head:
            yield Sample(series, at, self._reader.fields(layout), np.frombuffer(values, "<f8").tolist())

    def _unpacked(
        self, key: int, body: bytes, wanted: list[int] | None
    ) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        try:
            return blocks.decode(body, wanted)
        except blocks.BlockError as error:
            raise Damaged(f"{self.name}: block {key} is damaged: {error}; restore the file from a backup") from error
