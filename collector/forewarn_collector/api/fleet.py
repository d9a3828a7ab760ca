"""What is known of the fleet, put together from the journal, the judge and the ticket desk for those who ask."""

import math
import time
from collections import Counter, defaultdict

from forewarn_collector.api.fleet_questions import Questions
from forewarn_collector.api.gaps import gap_views
from forewarn_collector.api.identity_views import LookUp, identity_view
from forewarn_collector.api.not_here import no_such_device, no_such_metric, plain
from forewarn_collector.api.views import (
    DeadLetters,
    DeadLetterView,
    DeviceLine,
    DeviceView,
    EventView,
    SeriesData,
    SeriesView,
    StandingView,
)
from forewarn_collector.directory import Directory
from forewarn_collector.judge.facts import decode_facts, inventory_of
from forewarn_collector.judge.judges import Judges
from forewarn_collector.judge.rounds import KIND_OF_PREFIX
from forewarn_collector.orders.book import Book
from forewarn_collector.store.device_clock import clock_can_be_right
from forewarn_collector.store.far import FarHistory
from forewarn_collector.store.fleetwide import Fleetwide, columns_of
from forewarn_collector.store.history import History
from forewarn_collector.store.long_ago import fields_of, read_long
from forewarn_collector.store.model import DeviceRow, Newest, Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.sampling import Aggregate
from forewarn_collector.tickets import life
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Kind, Standing
from forewarn_rules.metrics import find_metric
from forewarn_rules.model import LEVELS


class Fleet:
    """Read-only. ``Reader`` and ``History`` may be used from any thread, one call at a time."""

    def __init__(
        self, reader: Reader, history: History, judge: Judges, desk: Desk, directory: Directory, book: Book,
        identity: LookUp = lambda _device: None, past: FarHistory | None = None,
    ) -> None:  # fmt: skip
        self._reader = reader
        self._history = history
        self._past = past or FarHistory(history, None)
        self._judge = judge
        self._desk = desk
        self._directory = directory
        self._identity = identity
        self._book = book
        self._wide = Fleetwide(reader, history)
        self.questions = Questions(self._wide, judge, directory)

    def lines(self) -> list[DeviceLine]:
        tickets = Counter(ticket.device for ticket in self._desk.tickets(states=life.LIVE, limit=100_000))
        levels: dict[str, list[str]] = defaultdict(list)
        for (_, (device, _)), level in self._judge.raised().items():
            levels[device].append(level)
        disks: dict[str, list[Series]] = defaultdict(list)
        for series in self._reader.series_of_kind("smart"):
            disks[series.device].append(series)
        loads = {row.device: row for row in self._wide.newest("load", time.monotonic())}
        return [
            self._line(row, loads.get(row.name), disks[row.name], levels[row.name], tickets[row.name])
            for row in self._reader.devices()
        ]

    def reports(self) -> dict[str, int]:
        """How many reports each device has in the store, duplicates not counted."""
        return {row.name: row.reports for row in self._reader.devices()}

    def customer(self, name: str) -> str:
        return self._directory.whose(name).customer

    def load_received(self, name: str) -> float | None:
        """When the newest load report came in; None when there is none, or it is so old that it is sealed."""
        latest = self._history.latest(name, "load")
        return latest.received_at if latest else None

    def device(self, name: str) -> DeviceView:
        row = self._reader.device(name)
        if row is None:
            raise no_such_device(name)
        identity = self._identity(name)
        series = self._reader.series_of(name)
        disks = [item for item in series if item.kind == "smart"]
        standing = self._standing(name, series)
        tickets = len(self._desk.tickets(states=life.LIVE, device=name))
        levels = [view.level for view in standing]
        return DeviceView(
            line=self._line(row, next(iter(self._history.newest_rows("load", name)), None), disks, levels, tickets),
            engineer=self._directory.whose(name).engineer,
            last_sampled=row.last_sampled,
            clock_offset_seconds=row.clock_offset,
            clock_offset_at=row.clock_at,
            inventory=inventory_of(row.birth),
            identity=None if identity is None else identity_view(*identity),
            series=[view for item in series if item.kind != "event" and (view := self._series_view(item))],
            standing=standing,
            gaps=gap_views(
                self._reader.gaps(name)[:100], {boot: asked for (_, boot), asked in self._book.asked(name).items()}
            ),
            events=[
                EventView(at=event.at, name=event.name, part=event.part, count=event.occurrences, text=event.text)
                for event in self._reader.events(name, 20)
            ],
        )

    def read(
        self,
        device: str,
        metric: str,
        part: str | None,
        start: float,
        end: float,
        points: int | None = None,
        aggregate: Aggregate = "last",
    ) -> list[SeriesData]:
        """Every series of a metric: one per file system, sensor or disk, or of the one ``part``.

        With ``points``, no more than that many values of each, put together as ``aggregate`` says.
        """
        known = find_metric(metric)
        prefix = metric.split(".", 1)[0]
        if known is None and prefix != "event":
            raise no_such_metric(metric)
        if self._reader.device(device) is None:
            raise no_such_device(device)
        found: list[SeriesData] = []
        wanted_kind = "smart" if KIND_OF_PREFIX.get(prefix) is Kind.DISK else "event" if prefix == "event" else "load"
        for series in self._reader.series_of(device):
            if series.kind == wanted_kind:
                unit = known.unit if known else ""
                found += self._read_one(series, metric, unit, part, start, end, points, aggregate)
        return found

    def _read_one(
        self,
        series: Series,
        metric: str,
        unit: str,
        part: str | None,
        start: float,
        end: float,
        points: int | None,
        aggregate: Aggregate,
    ) -> list[SeriesData]:
        carried = fields_of(self._past, series.device, series.kind, series.part)
        fields = [field for field in carried if field.partition("|")[0] == metric]
        if not fields and series.kind == "smart":
            fields = [metric]
        found = []
        for field in fields:
            name = field.partition("|")[2] or series.part
            if part is not None and part != name:
                continue
            times, values = read_long(
                self._past, series.device, series.kind, series.part, field, start, end, points, aggregate
            )
            if len(times):
                found.append(
                    SeriesData(
                        device=series.device, kind=series.kind, part=name, metric=metric, unit=unit,
                        at=times.tolist(), values=[plain(value) for value in values.tolist()],
                    )
                )  # fmt: skip
        return found

    def dead_letters(self, limit: int, reason: str | None) -> DeadLetters:
        letters = [
            DeadLetterView(
                received_at=letter.received_at, door=letter.door, client=letter.client, topic=letter.topic,
                reason=letter.reason, detail=letter.detail, payload=letter.payload.decode("utf-8", "backslashreplace"),
            )
            for letter in self._reader.dead_letters(limit, reason)
        ]  # fmt: skip
        return DeadLetters(totals=self._reader.dead_letter_totals(), letters=letters)

    def _line(
        self, row: DeviceRow, load: Newest | None, disks: list[Series], levels: list[str], tickets: int
    ) -> DeviceLine:
        whose = self._directory.whose(row.name)
        inventory = inventory_of(row.birth)
        full, mount = _greatest(load, "filesystem.used_percent")
        hot, _ = _greatest(load, "temperature.celsius")
        return DeviceLine(
            name=row.name, customer=whose.customer, site=whose.site, online=row.online,
            online_since=_since(row),
            last_received=row.last_received, reports=row.reports,
            hostname=inventory.get("hostname"), chassis=inventory.get("chassis"),
            cpu_used_percent=_greatest(load, "cpu.used_percent")[0],
            memory_used_percent=_greatest(load, "memory.used_percent")[0],
            fullest_percent=full, fullest_mount=mount, hottest_celsius=hot, disks=len(disks),
            disks_unknown=sum(1 for disk in disks if decode_facts(disk.facts).get("outcome") != "measured"),
            level=life.worst(levels), tickets=tickets,
        )  # fmt: skip

    def _series_view(self, series: Series) -> SeriesView | None:
        latest = self._history.latest(series.device, series.kind, series.part)
        if latest is None:
            return None
        values = {field: plain(value) for field, value in latest.values.items()}
        return SeriesView(
            kind=series.kind, part=series.part, at=latest.at, values=values, facts=decode_facts(series.facts)
        )

    def _components(self, device: str, series: list[Series]) -> list[tuple[Kind, str, Standing]]:
        """What the device is made of now, and what is no longer there while a rule still speaks of it."""
        keys: list[tuple[Kind, str]] = [(Kind.LIVENESS, "")]
        for item in series:
            if item.kind == "smart":
                keys.append((Kind.DISK, item.part))
            elif item.kind == "load":
                keys.append((Kind.DEVICE, ""))
                keys += [(Kind.FILESYSTEM, mount) for mount in decode_facts(item.facts).get("filesystems", {})]
                keys += [(Kind.ARRAY, name) for name in decode_facts(item.facts).get("arrays", {})]
        keys += [(kind, part) for kind, (name, part) in self._judge.raised() if name == device]
        return [
            (kind, part, standing)
            for kind, part in dict.fromkeys(keys)
            for standing in self._judge.standing(kind, (device, part))
        ]

    def _standing(self, device: str, series: list[Series]) -> list[StandingView]:
        """What speaks, the worst first, then what cannot be decided and why."""
        views = [
            StandingView(
                kind=str(kind), part=part, rule=standing.rule, title=standing.title, level=standing.level,
                since=standing.since, text=standing.text, unknown=list(standing.unknown),
            )
            for kind, part, standing in self._components(device, series)
        ]  # fmt: skip
        return sorted(views, key=lambda view: (-LEVELS.index(view.level), not view.unknown, view.part, view.rule))


def _since(row: DeviceRow) -> float | None:
    since = decode_facts(row.status).get("sampled_at") if row.online else None
    if not isinstance(since, float | int) or row.birth_received is None:
        return None
    return since if clock_can_be_right(since, row.birth_received) else row.birth_received


def _greatest(load: Newest | None, metric: str) -> tuple[float | None, str | None]:
    """Of what could be measured, and on which part."""
    if load is None:
        return None, None
    found = ((float(load.values[column]), part) for column, part in columns_of(load.fields, metric))
    return max(((value, part) for value, part in found if math.isfinite(value)), default=(None, None))
