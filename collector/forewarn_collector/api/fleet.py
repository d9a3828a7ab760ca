"""What is known of the fleet, put together from the journal, the judge and the ticket desk for those who ask."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable

from forewarn_collector.api.device_lines import DeviceLines, Known, is_measured, line_of
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
from forewarn_collector.repeat import Repeat
from forewarn_collector.store.earlier import Earlier
from forewarn_collector.store.far import FarHistory
from forewarn_collector.store.fleetwide import Fleetwide
from forewarn_collector.store.history import History
from forewarn_collector.store.long_ago import fields_of, read_long
from forewarn_collector.store.model import Series
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.sampling import Aggregate
from forewarn_collector.tickets import life
from forewarn_collector.tickets.desk import Desk
from forewarn_rules import Kind, Standing
from forewarn_rules.metrics import find_metric
from forewarn_rules.model import LEVELS

KEEP_UP_SECONDS = 2.0
# Between two portions of what is read ahead, for those who have something to do now.
PAUSE_SECONDS = 0.1


class Fleet:
    """Read-only. ``Reader`` and ``History`` may be used from any thread, one call at a time. ``keeping_up`` has the
    newest values, and those of a week ago, at hand before somebody asks."""

    def __init__(
        self, reader: Reader, history: History, judge: Judges, desk: Desk, directory: Directory, book: Book,
        now: Callable[[], float], identity: LookUp = lambda _device: None, past: FarHistory | None = None,
    ) -> None:  # fmt: skip
        self._reader = reader
        self._history = history
        self._past = past or FarHistory(history, None)
        self._judge = judge
        self._desk = desk
        self._directory = directory
        self._now = now
        self._identity = identity
        self._book = book
        self._lines = DeviceLines()
        self._wide = Fleetwide(reader, history)
        self.keeping_up = Repeat("newest values", KEEP_UP_SECONDS, self._keep_up)
        self.questions = Questions(self._wide, Earlier(reader), judge, directory)

    def lines(
        self, sees: Callable[[str], bool] = lambda _customer: True, after: str = "", limit: int | None = None
    ) -> list[DeviceLine]:
        """By name; of the customers that are asked for: all, or the first ``limit`` whose names come ``after`` one."""
        tickets = self._desk.live_counts()
        levels: dict[str, list[str]] = defaultdict(list)
        for (_, (device, _)), level in self._judge.raised().items():
            levels[device].append(level)
        disks: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        for device, facts in self._reader.facts_of_kind("smart"):
            disks[device] += 1
            unknown[device] += not is_measured(facts)
        loads = {row.device: row for row in self._wide.newest("load", time.monotonic())}
        lines: list[DeviceLine] = []
        for row in self._reader.devices():
            if len(lines) == limit:
                break
            if row.name <= after:
                continue
            name, whose = row.name, self._directory.whose(row.name)
            if not sees(whose.customer):
                continue
            level = life.worst(levels.get(name, ()))
            known = Known(row, whose, disks[name], unknown[name], level, tickets.get(name, 0))
            lines.append(self._lines.line(known, loads.get(name)))
        return lines

    def reports(self) -> dict[str, int]:
        """How many reports each device has in the store, duplicates not counted."""
        return {row.name: row.reports for row in self._reader.devices()}

    def _keep_up(self) -> None:
        self._wide.keep_up(time.monotonic())
        while self.questions.read_ahead(self._now()) and not self.keeping_up.stopping.wait(PAUSE_SECONDS):
            self._wide.keep_up(time.monotonic())

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
        unknown = sum(not is_measured(disk.facts) for disk in disks)
        standing = self._standing(name, series)
        tickets = len(self._desk.tickets(states=life.LIVE, device=name))
        levels = [view.level for view in standing]
        return DeviceView(
            line=line_of(
                Known(row, self._directory.whose(name), len(disks), unknown, life.worst(levels), tickets),
                next(iter(self._history.newest_rows("load", name)), None),
            ),
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
