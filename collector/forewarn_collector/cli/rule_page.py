"""One rule in words. Pure but for reading the rule's file again: its texts are shown as they are written there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from forewarn_collector.cli.format import ABSENT, number
from forewarn_collector.cli.tables import cell, fixed, folding, heading, pairs, paragraph, right, table
from forewarn_collector.tickets.outcomes import Record
from forewarn_rules import FAULTS, PART_LABEL, Rule
from forewarn_rules.conditions import Compare, Condition
from forewarn_rules.document import read_document
from forewarn_rules.durations import write_duration
from forewarn_rules.rule import Level, Signal

WORDS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<=", "equals": "="}
TAKES = {
    "last": "the newest value",
    "growth": "growth above its lowest",
    "growth_since_baseline": "growth since first seen",
    "above_accepted": "what is above the accepted value",
    "min": "the least",
    "max": "the greatest",
    "mean": "the mean",
    "rate": "growth per day",
    "slope": "the median slope per day",
    "days_since_increase": "days since it last increased",
}


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
        "where": [_where(where) for where in rule.where],
        "explain": _texts(rule),
        "references": list(rule.references),
    }


def page(rule: Rule) -> Iterator[RenderableType]:
    part = PART_LABEL[rule.kind]
    yield pairs(
        [
            ("rule", rule.id),
            ("title", rule.title),
            ("status", f"{rule.status}, since {rule.since.isoformat()}"),
            ("judges", f"every {rule.kind}" + (f" (device, {part})" if part else " (device)")),
            *(("only where", _where(where)) for where in rule.where),
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
    if rule.references:
        yield heading("References")
        for reference in rule.references:
            yield paragraph(reference)


def say_condition(condition: Condition, inside: bool = False) -> str:
    """``used >= 97 or (used >= 90 and hours_left <= 24)``"""
    if isinstance(condition, Compare):
        return _comparison(condition)
    if condition.how == "not":
        return f"not ({say_condition(condition.parts[0])})"
    joined = f" {'and' if condition.how == 'all' else 'or'} ".join(
        say_condition(part, True) for part in condition.parts
    )
    return f"({joined})" if inside and len(condition.parts) > 1 else joined


def _comparison(compare: Compare) -> str:
    if compare.comparison == "any_bit":
        bits = [str(bit) for bit in range(compare.bits.bit_length()) if compare.bits >> bit & 1]
        return f"{compare.signal} has bit {' or '.join(bits)}"
    limit = number(compare.limit)
    if compare.other is not None:
        share = "" if compare.times == 1 else f"{number(compare.times)} x "
        limit = f"{share}{compare.other}" + (
            f" {'+' if compare.limit > 0 else '-'} {number(abs(compare.limit))}" if compare.limit else ""
        )
    return f"{compare.signal} {WORDS.get(compare.comparison, compare.comparison)} {limit}"


def say_signal(signal: Signal) -> str:
    """``growth above its lowest within 7d``"""
    reach = signal.reach if isinstance(signal.reach, str) else number(signal.reach)
    if signal.take == "hours_until":
        likely = "" if signal.quantile == 0.5 else f", {100 * signal.quantile:.3g} % likely"
        return f"hours until it reaches {reach} at the pace of {write_duration(signal.window)}{likely}"
    if signal.take == "crossing":
        by = f"within {write_duration(signal.horizon)}"
        return f"how likely it reaches {reach} {by} at the paces of {write_duration(signal.window)}"
    if signal.take in ("usual", "distance_from_baseline"):
        usual = f"the median of its first {write_duration(signal.window)}"
        return usual if signal.take == "usual" else f"distance from {usual}"
    if signal.take == "model_risk":
        return f"how likely the disk fails within {write_duration(signal.horizon)}, says the risk model"
    if signal.take == "model_limit":
        return f"the risk model's limit for {number(signal.budget)} false tickets per 1,000 drives a month"
    said = TAKES.get(signal.take, signal.take)
    if signal.window:
        return f"{said} within {write_duration(signal.window)}"
    return f"{said}, not older than {write_duration(signal.within)}" if signal.within else said


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


def _where(where: Any) -> str:
    values = ", ".join(sorted(map(str, where.values)))
    verb = "is like" if where.like else "is"
    return f"{where.label} {verb} {'one' if where.wanted else 'none'} of {values}"


def _texts(rule: Rule) -> dict[str, Any]:
    tree = read_document(rule.file, rule.file.name).tree
    explain = tree.get("explain") if isinstance(tree, dict) else None
    return explain if isinstance(explain, dict) else {}
