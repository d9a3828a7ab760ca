"""VictoriaMetrics as a history store: written through influxdb-client, read by its export and by PromQL.

What it acknowledged is in memory for a few seconds, so whoever sends keeps it that long and sends it again when the
process was started anew. It says nothing of lines that it does not understand or that are older than it keeps; its
metrics do. Source: VictoriaMetrics' documentation, "How to send data from InfluxDB-compatible agents", "How to export
data in JSON line format", "MetricsQL".
"""

import json
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from forewarn_collector.store.external.address import Address, Login
from forewarn_collector.store.external.found import (
    Column,
    Found,
    asked_of,
    gathered,
    latest_of,
    samples_of,
    stretches,
    table,
)
from forewarn_collector.store.external.http import Http
from forewarn_collector.store.external.interface import Condition, Sample, SeriesName, Span, Unavailable
from forewarn_collector.store.external.lines import MEASUREMENT, REPORTED, read_back, written
from forewarn_collector.store.external.writer import Writer
from forewarn_collector.store.model import Floats, Latest, milliseconds
from forewarn_collector.store.sampling import Aggregate

_PREFIX = f"{MEASUREMENT}_"
FLUSH_SECONDS = 60.0
"""Version 1.79.5, killed with -9, had lost what it took up to 10 s before and kept what it took 12 s before."""
_ALWAYS = "50y"
_AHEAD = 2 * 86_400
"""Seconds: VictoriaMetrics takes nothing that is further ahead of its clock."""
_BEYOND = 1
"""Milliseconds: version 1.79.5 looks for series by the days before the end of the time, so one whose only row is at the
midnight that ends it is not found."""
_METRIC = re.compile(r"^(vm_app_start_timestamp|vm_app_version|vm_rows_ignored_total)(?:\{(.*)\})? (\S+)$", re.M)
_LAST = 9_223_372_036_000


class VictoriaMetrics:
    """See `interface.HistoryStore`. ``nodes``: the processes that keep what is written, where the address is not the
    only one; their start is watched."""

    def __init__(
        self, address: Address, login: Login, tls: ssl.SSLContext, read_from: Address | None = None,
        nodes: Sequence[Address] = (), flush_seconds: float = FLUSH_SECONDS,
    ) -> None:  # fmt: skip
        self.name = address.name
        self.flush_seconds = flush_seconds
        self._http = Http(self.name, (read_from or address).http, login, tls)
        self._nodes = [Http(node.name, node.http, login, tls) for node in nodes or (address,)]
        self._writer = Writer(self.name, address.http, MEASUREMENT, login, tls)
        self.write = self._writer.write

    def close(self) -> None:
        for http in (self._http, *self._nodes):
            http.close()
        self._writer.close()

    def check(self) -> Condition:
        started, versions, ignored = [], [], 0.0
        for node in self._nodes:
            metrics = _METRIC.findall(node.get("/metrics").text)
            mine = [value for name, _, value in metrics if name == "vm_app_start_timestamp"]
            if not mine:
                raise Unavailable(f"{node.name}: what answers there is no VictoriaMetrics; put store.history right")
            started += mine
            versions += [labels for name, labels, _ in metrics if name == "vm_app_version"]
            ignored += sum(float(value) for name, _, value in metrics if name == "vm_rows_ignored_total")
        version = re.search(r'short_version="([^"]*)"', versions[0]) if versions else None
        return Condition(version[1] if version else "", " ".join(started), round(ignored))

    def read(
        self, device: str, kind: str, part: str, fields: Sequence[str], start: float, end: float,
        max_points: int | None = None, aggregate: Aggregate = "last",
    ) -> tuple[Floats, dict[str, Floats]]:  # fmt: skip
        first, last = milliseconds(start), milliseconds(end)
        found = self._found(SeriesName(device, kind, part), first, last, asked_of(fields))
        return table(found, fields, first, last, max_points, aggregate)

    def latest(self, device: str, kind: str, part: str = "") -> Latest | None:
        series = SeriesName(device, kind, part)
        newest = [at for _, at in self._times("tlast_over_time", _selector(series, [REPORTED]))]
        return latest_of(series, self._found(series, newest[0], newest[0])) if newest else None

    def spans(self) -> list[Span]:
        every = f"{_PREFIX}{REPORTED}"
        last = dict(self._times("tlast_over_time", every))
        found = [Span(series, at, last[series]) for series, at in self._times("tfirst_over_time", every)]
        return sorted(found)

    def rows(self, series: SeriesName, first: int, last: int) -> Iterator[Sample]:
        for begin, end in stretches(first, last):
            yield from samples_of(series, self._found(series, begin, end))

    def count(self, series: SeriesName, first: int, last: int) -> int:
        """A row that was sent twice is stored twice unless VictoriaMetrics was told to put such together."""
        found = self._found(series, first, last, [REPORTED])
        return len(np.unique(found[REPORTED][0])) if found else 0

    def _found(self, series: SeriesName, first: int, last: int, names: Sequence[str] | None = None) -> Found:
        first, last = max(first, 0), min(last, _LAST)
        if first > last:
            return {}
        end = f"{(last + _BEYOND) / 1000:.3f}"
        form = {"match[]": _selector(series, names), "start": f"{first / 1000:.3f}", "end": end}
        return gathered(
            ((_field(line["metric"]), read_back(line["metric"].get("instance", ""))), _until(last, line))
            for line in self._answers("/api/v1/export", form)
        )

    def _times(self, function: str, selector: str) -> Iterator[tuple[SeriesName, int]]:
        form = {"query": f"{function}({selector}[{_ALWAYS}])", "time": f"{time.time() + _AHEAD:.0f}", "nocache": "1"}
        for answer in self._answers("/api/v1/query", form):
            for found in answer["data"]["result"]:
                labels = found["metric"]
                series = SeriesName(*(read_back(labels.get(name, "")) for name in ("device", "kind", "part")))
                yield series, round(float(found["value"][1]) * 1000)

    def _answers(self, path: str, form: dict[str, str]) -> Iterator[dict[str, Any]]:
        for line in self._http.lines(path, form):
            try:
                yield json.loads(line)
            except ValueError:
                raise Unavailable(f"{self.name}: what answers there does not speak PromQL") from None


def _until(last: int, line: dict[str, Any]) -> Column:
    """The times, up to the last one that was asked for, and values of a line of the export."""
    times, values = np.array(line["timestamps"], np.int64), np.array(line["values"], np.float64)
    wanted = times <= last
    return times[wanted], values[wanted]


def _field(labels: dict[str, str]) -> str:
    return read_back(labels["__name__"].removeprefix(_PREFIX))


def _selector(series: SeriesName, names: Sequence[str] | None) -> str:
    """Of the metrics with these names, or of all that forewarn wrote."""
    chosen = "|".join(re.escape(written(name)) for name in names) if names is not None else ".+"
    labels = {"device": series.device, "kind": series.kind, "part": series.part}
    wanted = "".join(f",{label}={_text(written(value))}" for label, value in labels.items())
    return f"{{__name__=~{_text(f'{_PREFIX}(?:{chosen})')}{wanted}}}"


def _text(text: str) -> str:
    """A string of PromQL, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)
