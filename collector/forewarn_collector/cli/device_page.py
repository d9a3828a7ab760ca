"""The page about one device, from the API's answer to what is printed. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType

from forewarn_collector.api.views import DeviceView, GapView, SeriesView
from forewarn_collector.cli.devices import describe_disks, whose
from forewarn_collector.cli.disk_page import disk_blocks, disk_metrics
from forewarn_collector.cli.format import ABSENT, Times, count, quantity
from forewarn_collector.cli.parts_page import disk_log_table, instances, machine_table, part_tables
from forewarn_collector.cli.tables import cell, fixed, folding, heading, pairs, paragraph, right, table
from forewarn_collector.cli.verdicts_page import verdict_blocks
from forewarn_rules import find_metric
from forewarn_rules.durations import spell_duration

Courses = dict[tuple[str, str], str]
"""Bars by (metric, part)."""

LOAD = (
    "cpu.used_percent", "cpu.load_average_5m", "memory.used_percent", "memory.available_bytes",
    "memory.total_bytes", "memory.swap_used_percent", "uptime.seconds", "uptime.unexpected_reboots",
)  # fmt: skip
DRAWN = ("cpu.used_percent", "memory.used_percent", "filesystem.used_percent", "temperature.celsius")


def metrics_of(view: DeviceView) -> list[str]:
    """The metrics whose course is worth a glance on this device."""
    present = {field.partition("|")[0] for series in view.series for field in series.values}
    return [metric for metric in DRAWN if metric in present] + disk_metrics(view.series)


def scale(unit: str, values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The ends of the bars' scale: percents count from 0 to 100, counters from 0; ten degrees are a full bar."""
    if unit == "percent":
        return 0.0, 100.0
    known = [value for value in values if value is not None]
    if unit == "celsius" and known:
        return min(known), min(known) + 10.0
    return 0.0, None


def page(view: DeviceView, times: Times, courses: Courses) -> Iterator[RenderableType]:
    yield pairs(_identity(view, times))
    for series in view.series:
        if series.kind == "load":
            yield from _load(series, times, courses)
    disks = [series for series in view.series if series.kind == "smart"]
    if disks:
        yield heading("Disks")
        for series in disks:
            yield from disk_blocks(series, times, courses)
    yield from _unread(view)
    yield from verdict_blocks(view, times)
    yield from _gaps(view, times)
    yield from _events(view, times)


def _identity(view: DeviceView, times: Times) -> list[tuple[str, str]]:
    line, inventory = view.line, view.inventory
    machine = " ".join(str(inventory[key]) for key in ("vendor", "model") if inventory.get(key))
    agent = str(inventory.get("agent_version") or "unknown")
    smartctl = inventory.get("smartctl_version")
    every = [
        f"{word} every {spell_duration(inventory[key])}"
        for word, key in (("load", "load_interval_seconds"), ("SMART", "smart_interval_seconds"))
        if isinstance(inventory.get(key), int | float)
    ]
    state = {True: "online", False: "offline", None: "never said whether it is online"}[line.online]
    if line.online_since is not None:
        state += f" since {times.both(line.online_since)}"
    rows = [
        ("device", line.name),
        ("level", line.level),
        ("tickets", f"{line.tickets} open" if line.tickets else "none open"),
        ("customer", whose(line.customer, line.site)),
        ("engineer", view.engineer),
        ("identity", _enrolment(view, times)),
        ("state", state),
        ("last heard", f"{times.both(line.last_received)}, {count(line.reports, 'report')} in all"),
        ("last sampled", times.both(view.last_sampled) if view.last_sampled is not None else "nothing yet"),
        ("clock", _clock(view, times)),
        ("host name", str(inventory.get("hostname") or "")),
        ("machine", " ".join(filter(None, (machine, f"({line.chassis})" if line.chassis else "")))),
        ("serial", str(inventory.get("serial") or "")),
        ("system", str(inventory.get("operating_system") or "")),
        ("agent", ", ".join([agent, f"smartctl {smartctl or 'not there'}", *every]) if inventory else ""),
        ("disks", describe_disks(line)),
    ]
    return [(name, value) for name, value in rows if value]


def _enrolment(view: DeviceView, times: Times) -> str:
    """Who says that it is this device; empty where nobody was asked."""
    identity = view.identity
    if identity is None:
        return ""
    said = []
    if identity.revoked_at is not None:
        said.append(f"revoked {times.both(identity.revoked_at)}: {identity.reason}")
    if identity.enrolled_at is not None:
        said.append(f"enrolled {times.both(identity.enrolled_at)} with token {identity.token}")
    if identity.certificate_until is not None:
        said.append(f"certificate until {times.both(identity.certificate_until)}")
    cloned = [event for event in view.events if event.name == "identity-cloned"]
    if cloned:
        said.append(f"two machines have it, seen {times.age(cloned[0].at)}: see the events")
    return "\n".join(said)


def _clock(view: DeviceView, times: Times) -> str:
    if view.clock_offset_seconds is None or view.clock_offset_at is None:
        return "not compared yet: that takes three reports that did not wait"
    off = abs(view.clock_offset_seconds)
    said = f"{spell_duration(off)} {'ahead' if view.clock_offset_seconds > 0 else 'behind'}"
    return f"{'right within a second' if off < 1 else said}, {times.age(view.clock_offset_at)}"


def _load(series: SeriesView, times: Times, courses: Courses) -> Iterator[RenderableType]:
    age = times.age(series.at)
    yield heading(f"Load, {age}")
    shown = table(fixed("metric"), right("value"), fixed("last 7 days"))
    for metric in LOAD:
        if metric in series.values:
            shown.add_row(
                cell(metric), cell(_value(metric, series.values[metric])), cell(courses.get((metric, ""), ""))
            )
    yield shown
    yield from _filesystems(series, age, courses)
    yield from _temperatures(series, age, courses)
    yield from part_tables(series, age)
    yield from _arrays(series, age)
    yield from machine_table(series, age)
    yield from disk_log_table(series, age)


def _filesystems(series: SeriesView, age: str, courses: Courses) -> Iterator[RenderableType]:
    facts: dict[str, Any] = series.facts.get("filesystems", {})
    mounts = instances(series, "filesystem")
    if not mounts:
        return
    yield heading(f"File systems, {age}")
    shown = table(
        folding("mount", least=8), folding("type, source"), right("used"), right("free"), right("of"), right("inodes"),
        fixed("last 7 days"),
    )  # fmt: skip
    for mount in mounts:
        fact = facts.get(mount, {})
        metrics = ("used_percent", "free_bytes", "total_bytes", "inodes_used_percent")
        values = [_part_value(series, f"filesystem.{name}", mount) for name in metrics]
        kind = ", ".join(filter(None, (str(fact.get("fstype", "")), str(fact.get("source", "")))))
        bars = courses.get(("filesystem.used_percent", mount), "")
        shown.add_row(cell(mount), cell(kind or ABSENT), *map(cell, values), cell(bars))
    yield shown


def _temperatures(series: SeriesView, age: str, courses: Courses) -> Iterator[RenderableType]:
    sensors = instances(series, "temperature")
    if not sensors:
        return
    yield heading(f"Temperatures, {age}")
    shown = table(folding("sensor"), right("now"), right("high"), right("critical"), fixed("last 7 days"))
    for sensor in sensors:
        names = ("celsius", "high_celsius", "critical_celsius")
        values = [_part_value(series, f"temperature.{name}", sensor) for name in names]
        shown.add_row(cell(sensor), *map(cell, values), cell(courses.get(("temperature.celsius", sensor), "")))
    yield shown


def _arrays(series: SeriesView, age: str) -> Iterator[RenderableType]:
    facts: dict[str, Any] = series.facts.get("arrays", {})
    if not facts:
        return
    yield heading(f"Arrays, {age}")
    shown = table(folding("array", least=8), folding("type, level"), fixed("state"), right("missing"), folding("bad"))
    for name, fact in facts.items():
        kind = ", ".join(str(fact[key]) for key in ("array_type", "array_level") if fact.get(key))
        missing = _part_value(series, "array.members_missing", name)
        state = str(fact.get("array_state") or ABSENT)
        shown.add_row(cell(name), cell(kind), cell(state), cell(missing), cell(str(fact.get("failed_members", ""))))
    yield shown


def _unread(view: DeviceView) -> Iterator[RenderableType]:
    """What was asked for and could not be had, each with its reason. Disks say so themselves."""
    told = [view.inventory.get("not_here", ()), *(series.facts.get("unread", ()) for series in view.series)]
    rows = [row for found in told for row in found if isinstance(row, dict)]
    if not rows:
        return
    yield heading("Could not be measured")
    shown = table(fixed("probe"), folding("part"), fixed("why"), folding("detail"))
    for row in rows:
        shown.add_row(*(cell(row.get(key) or ABSENT) for key in ("probe", "part", "outcome", "detail")))
    yield shown


def _gaps(view: DeviceView, times: Times) -> Iterator[RenderableType]:
    if not view.gaps:
        return
    yield heading("Reports that never arrived")
    for gap in view.gaps:
        yield paragraph(f"missing {_span(gap, times)} ({count(gap.reports, 'report')}){_fate(gap)}")


def _fate(gap: GapView) -> str:
    if gap.state == "lost":
        return ": the device does not have them either"
    some = f", {count(gap.lost, 'report')} of them lost" if gap.lost else ""
    return f": {'asked for' if gap.state == 'asked' else 'to be asked for'}{some}"


def _span(gap: GapView, times: Times) -> str:
    if gap.after is not None and gap.before is not None:
        return times.span(gap.after, gap.before)
    return f"before {times.moment(gap.before)}" if gap.before is not None else f"from start {gap.boot}"


def _events(view: DeviceView, times: Times) -> Iterator[RenderableType]:
    if not view.events:
        return
    yield heading("Last events")
    shown = table(fixed("when"), folding("event"), folding("part"), right("times"), folding("text"))
    for event in view.events:
        words = (times.age(event.at), event.name, event.part or ABSENT, event.count, event.text or ABSENT)
        shown.add_row(*map(cell, words))
    yield shown


def _part_value(series: SeriesView, metric: str, part: str) -> str:
    field = f"{metric}|{part}"
    return _value(metric, series.values[field]) if field in series.values else ABSENT


def _value(metric: str, value: float | None) -> str:
    known = find_metric(metric)
    return quantity(value, known.unit if known else "")
