"""InfluxDB as a history store: written through influxdb-client, read by InfluxQL over ``/query``.

InfluxQL is the one language that versions 1, 2 (with its mapping of databases) and 3 speak. Source: its reference in
InfluxDB's documentation, 1.8 and 2.x.
"""

import json
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from forewarn_collector.store.external.address import Address, Login
from forewarn_collector.store.external.found import Found, asked_of, gathered, latest_of, samples_of, stretches, table
from forewarn_collector.store.external.http import Http, said
from forewarn_collector.store.external.interface import Condition, Sample, SeriesName, Span, Unavailable
from forewarn_collector.store.external.lines import MEASUREMENT, REPORTED, read_back, written
from forewarn_collector.store.external.writer import Writer
from forewarn_collector.store.model import Floats, Latest, milliseconds
from forewarn_collector.store.sampling import Aggregate

_LAST = 9_223_372_036_000
"""Milliseconds: the end of the year 2261, beyond which InfluxDB knows no time."""


class InfluxDB:
    """See `interface.HistoryStore`. It is durable once it has answered."""

    flush_seconds = 0.0

    def __init__(self, address: Address, login: Login, tls: ssl.SSLContext) -> None:
        self.name = address.name
        self._login = login
        self._database, _, self._policy = address.database.partition("/")
        self._http = Http(self.name, address.http, login, tls)
        self._writer = Writer(self.name, address.http, address.database, login, tls)
        self.write = self._writer.write

    def close(self) -> None:
        self._http.close()
        self._writer.close()

    def check(self) -> Condition:
        version = self._http.get("/ping").headers.get("x-influxdb-version")
        if version is None:
            raise Unavailable(f"{self.name}: what answers there is no InfluxDB; put store.history.url right")
        return Condition(version, "")

    def read(
        self, device: str, kind: str, part: str, fields: Sequence[str], start: float, end: float,
        max_points: int | None = None, aggregate: Aggregate = "last",
    ) -> tuple[Floats, dict[str, Floats]]:  # fmt: skip
        first, last = milliseconds(start), milliseconds(end)
        chosen = ", ".join(_quoted(written(field), '"') for field in asked_of(fields))
        found = self._found(SeriesName(device, kind, part), chosen, first, last)
        return table(found, fields, first, last, max_points, aggregate)

    def latest(self, device: str, kind: str, part: str = "") -> Latest | None:
        series = SeriesName(device, kind, part)
        newest = [at for _, at, _ in self._selected("last", _where(series))]
        return latest_of(series, self._found(series, "*::field", newest[0], newest[0])) if newest else None

    def spans(self) -> list[Span]:
        last = {series: at for series, at, _ in self._selected("last", "")}
        found = [Span(series, at, last[series]) for series, at, _ in self._selected("first", "") if series in last]
        return sorted(found)

    def rows(self, series: SeriesName, first: int, last: int) -> Iterator[Sample]:
        for begin, end in stretches(first, last):
            yield from samples_of(series, self._found(series, "*::field", begin, end))

    def count(self, series: SeriesName, first: int, last: int) -> int:
        return sum(rows for _, _, rows in self._selected("count", _where(series, first, last)))

    def _selected(self, function: str, where: str) -> Iterator[tuple[SeriesName, int, int]]:
        """What a function of InfluxQL says of the rows of each series: series, time, value."""
        query = f'SELECT {function}("{REPORTED}") FROM "{MEASUREMENT}"{where} GROUP BY "device", "kind", "part"'  # noqa: S608
        for part in self._asked(query):
            tags = part["tags"]
            series = SeriesName(*(read_back(tags[name]) for name in ("device", "kind", "part")))
            for at, value in part["values"]:
                yield series, at, round(value)

    def _found(self, series: SeriesName, chosen: str, first: int, last: int) -> Found:
        query = f'SELECT {chosen} FROM "{MEASUREMENT}"{_where(series, first, last)} GROUP BY "instance"'  # noqa: S608 - quoted
        parts = []
        for part in self._asked(query):
            values = np.array(part["values"], np.float64)
            times = values[:, 0].astype(np.int64)
            for number, field in enumerate(part["columns"][1:], 1):
                measured = ~np.isnan(values[:, number])
                if not measured.any():  # a field of other series
                    continue
                name = (read_back(field), read_back(part["tags"]["instance"]))
                parts.append((name, (times[measured], values[measured, number])))
        return gathered(parts)

    def _asked(self, query: str) -> Iterator[dict[str, Any]]:
        """Every series of the answer, a part of it at a time. Raise Unavailable."""
        form = {"db": self._database, "q": query, "epoch": "ms", "chunked": "true"}
        for line in self._http.lines("/query", form | ({"rp": self._policy} if self._policy else {})):
            try:
                for result in json.loads(line)["results"]:
                    if "error" in result:
                        raise Unavailable(f"{self.name}: {said(result['error'], self._login)}")
                    yield from result.get("series", ())
            except (ValueError, KeyError, TypeError):
                raise Unavailable(f"{self.name}: what answers there does not speak InfluxQL") from None


def _where(series: SeriesName, first: int = 0, last: int = _LAST) -> str:
    tags = (("device", series.device), ("kind", series.kind), ("part", series.part))
    named = " AND ".join(f'"{name}" = {_quoted(written(value), chr(39))}' for name, value in tags)
    return f" WHERE {named} AND time >= {max(first, 0)}ms AND time <= {min(last, _LAST)}ms"


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote
