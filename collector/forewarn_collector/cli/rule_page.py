"""One rule in words. Pure but for reading the rule's file again: its texts are shown as they are written there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from forewarn_collector.cli.format import ABSENT
from forewarn_collector.cli.tables import cell, fixed, folding, heading, pairs, paragraph, right, table
from forewarn_collector.tickets.outcomes import Record
from forewarn_rules import FAULTS, PART_LABEL, Rule
from forewarn_rules.document import read_document
from forewarn_rules.durations import write_duration
from forewarn_rules.rule import Level
from forewarn_rules.wording import say_condition, say_signal, say_where


def summary(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "status": rule.status,
        "kind": rule.kind,
        "levels": [level.name for level in rule.levels],
        "fault": rule.fault,
        "queue": rule.queue,
        "since": rule.since.isoformat(),
        "file": str(rule.file),
    }


def record_table(rules: Iterable[Rule], records: Mapping[str, Record]) -> Table:
    shown = table(fixed("rule"), fixed("precision"), right("lead"), folding("title"))
    for rule in rules:
        record = records.get(rule.id)
        found = ABSENT if record is None else say_precision(record)
        lead = ABSENT if record is None or record.lead_p50 is None else f"{record.lead_p50:.0f} d"
        shown.add_row(*map(cell, (rule.id, found, lead, rule.title)))
    return shown


def say_precision(record: Record) -> str:
    return f"{record.precision:.2f} ({record.low:.2f}-{record.high:.2f}, n={record.right + record.wrong})"


def say_record(record: Record) -> str:
    """``2 right, 1 wrong: precision 0.62 (0.21-0.94, n=3); ...``"""
    said = f"{record.right} right, {record.wrong} wrong: precision {say_precision(record)}"
    if record.lead_p50 is None:
        return said
    return (
        f"{said}; from ticket to failure or replacement {record.lead_p50:.0f} days"
        f" (a tenth within {record.lead_p10:.0f}, nine tenths within {record.lead_p90:.0f}, n={record.right})"
    )


def details(rule: Rule) -> dict[str, Any]:
    levels = {
        level.name: {
            "raise": say_condition(level.raises),
            "for_seconds": level.for_seconds,
            "clear": say_condition(level.clears),
            "hold_seconds": level.hold_seconds,
            "forecast": _forecast(level),
        }
        for level in rule.levels
    }
    signals = {name: {"metric": signal.metric, "take": say_signal(signal)} for name, signal in rule.signals.items()}
    return {
        **summary(rule),
        "levels": levels,
        "signals": signals,
        "where": [say_where(where) for where in rule.where],
        "explain": _texts(rule),
        "references": list(rule.references),
    }


def page(rule: Rule, cases: Iterable[str]) -> Iterator[RenderableType]:
    """``cases``: what its tests are called."""
    part = PART_LABEL[rule.kind]
    yield pairs(
        [
            ("rule", rule.id),
            ("title", rule.title),
            ("status", f"{rule.status}, since {rule.since.isoformat()}"),
            ("judges", f"every {rule.kind}" + (f" (device, {part})" if part else " (device)")),
            *(("only where", say_where(where)) for where in rule.where),
            ("ticket", f"{rule.fault}: {FAULTS[rule.fault]}; queue {rule.queue}"),
            ("file", str(rule.file)),
        ]
    )
    yield heading("Signals")
    signals = table(folding("signal"), folding("metric"), folding("how it is taken"))
    for name, signal in rule.signals.items():
        signals.add_row(cell(name), cell(signal.metric), cell(say_signal(signal)))
    yield signals
    for level in reversed(rule.levels):
        yield heading(f"Level {level.name}")
        yield paragraph(f"raised when {say_condition(level.raises)}{_lasting(level.for_seconds)}")
        yield paragraph(f"cleared when {say_condition(level.clears)}{_lasting(level.hold_seconds)}")
        if level.forecast is not None:
            yield paragraph(f"forecast: {_forecast(level)}")
    for key, text in _texts(rule).items():
        yield heading(
            {"what": "Says", "why": "Why it matters", "do": "What to do", "calm_when": "Calm when"}.get(key, key)
        )
        for line in text if isinstance(text, list) else [text]:
            yield paragraph(str(line))
    yield heading("Tests")
    for case in cases:
        yield paragraph(case)
    if rule.references:
        yield heading("References")
        for reference in rule.references:
            yield paragraph(reference)


def _lasting(seconds: float) -> str:
    return f", for {write_duration(seconds)}" if seconds else ""


def _forecast(level: Level) -> str | None:
    forecast = level.forecast
    if forecast is None:
        return None
    likely = "" if forecast.probability is None else f"{100 * forecast.probability:.3g} % "
    if forecast.probability_signal is not None:
        likely = f"{forecast.probability_signal} "
    when = forecast.within_signal or (write_duration(forecast.within) if forecast.within is not None else "")
    return f"{likely}within {when} ({forecast.source})"


def _texts(rule: Rule) -> dict[str, Any]:
    tree = read_document(rule.file, rule.file.name).tree
    explain = tree.get("explain") if isinstance(tree, dict) else None
    return explain if isinstance(explain, dict) else {}
