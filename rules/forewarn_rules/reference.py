"""Prints the reference of rule files as Markdown, from the same tables that check them.

python -m forewarn_rules.reference
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import fields

from forewarn_rules import schema, schema_test
from forewarn_rules.conditions import COMPARISONS, JOINERS
from forewarn_rules.labels import LABELS
from forewarn_rules.load import load_rules
from forewarn_rules.metrics import ATA_PATTERNS, METRICS, MODEL, MODEL_METRICS
from forewarn_rules.model import FAULTS, Kind
from forewarn_rules.risk import shipped_model
from forewarn_rules.schema_signal import SignalFile
from forewarn_rules.shape import describe

_SECTIONS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("A rule file", schema.RuleFile),
    ("scope", schema.Scope),
    ("signals: one entry per name", SignalFile),
    ("levels: watch, warning, critical", schema.LevelFile),
    ("levels: forecast", schema.ForecastFile),
    ("explain", schema.Explain),
    ("ticket", schema.Ticket),
    ("A test file", schema_test.TestFile),
    ("cases: one entry each", schema_test.Case),
    ("expect: one entry each", schema_test.Expectation),
    ("others: one entry each", schema_test.Others),
)


def reference() -> str:
    """The tables of keys, conditions, metrics, labels, fault classes and built-in rules."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for title, struct in _SECTIONS:
        yield f"### {title}\n"
        yield from _table(("key", "needed", "meaning", "example"), _keys(struct))
    yield "### Conditions\n"
    yield from _table(
        ("write", "true when"), [(f"`{{SIGNAL: {{{name}: ...}}}}`", text) for name, text in COMPARISONS.items()]
    )
    yield from _table(("join", "true when"), [(f"`{name}:`", text) for name, text in JOINERS.items()])
    yield "### Metrics\n"
    models = [model for name, model in MODEL_METRICS.items() if shipped_model(name.removeprefix(MODEL)) is not None]
    metrics = [*METRICS.values(), *ATA_PATTERNS, *models]
    yield from _table(
        ("metric", "of a", "unit", "kind", "meaning", "from"),
        [(f"`{m.name}`", m.kind, m.unit, m.counting, m.description, m.source) for m in metrics],
    )
    yield "### Labels\n"
    yield from _table(
        ("label", "of a", "meaning"),
        [(f"`{name}`", ", ".join(k for k in Kind if k in kinds), text) for name, (kinds, text) in LABELS.items()],
    )
    yield "### Fault classes\n"
    yield from _table(("fault", "meaning"), [(f"`{name}`", text) for name, text in FAULTS.items()])
    yield "### Built-in rules\n"
    yield from _table(
        ("rule", "what it finds", "levels", "fault", "status"),
        [
            (f"`{rule.id}`", rule.title, ", ".join(level.name for level in rule.levels), rule.fault, rule.status)
            for rule in load_rules()
        ],
    )


def _keys(struct: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    for field in fields(struct):
        meta = describe(field)
        example = f"`{meta.examples[0]}`" if meta.examples else ""
        yield f"`{field.encode_name}`", "yes" if field.required else "", meta.description or "", example


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


if __name__ == "__main__":
    print(reference())
