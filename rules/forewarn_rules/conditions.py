"""Conditions as a rule file writes them, parsed into trees."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forewarn_rules.document import Document, Where
from forewarn_rules.shape import suggest

COMPARISONS: dict[str, str] = {
    "above": "more than the limit",
    "at_least": "the limit or more",
    "below": "less than the limit",
    "at_most": "the limit or less",
    "equals": "exactly the limit",
    "any_bit": "any of these bits is set, counted from 0: [2, 3]",
}
"""What a signal can be compared with. A limit is a number or {signal: NAME, times: NUMBER, plus: NUMBER}."""

JOINERS: dict[str, str] = {
    "all": "every condition of the list",
    "any": "at least one condition of the list",
    "not": "the condition is false",
}


@dataclass(frozen=True)
class Compare:
    """``signal`` against ``limit``, or against ``times`` * ``other`` + ``limit`` where there is one; or its bits."""

    signal: str
    comparison: str
    limit: float = 0.0
    other: str | None = None
    bits: int = 0
    times: float = 1.0


@dataclass(frozen=True)
class Join:
    """``all``, ``any`` or ``not`` of the parts."""

    how: str
    parts: "tuple[Condition, ...]"


Condition = Compare | Join


def leaves(condition: Condition) -> Iterator[Compare]:
    if isinstance(condition, Compare):
        yield condition
        return
    for part in condition.parts:
        yield from leaves(part)


def parse_condition(document: Document, tree: Any, where: Where, signals: Mapping[str, object]) -> Condition | None:
    """The tree as a condition over the named signals; None when it is not one, and why is in ``document.problems``."""
    if not isinstance(tree, dict) or not tree:
        document.problem(where, "this is not a condition", "write {SIGNAL: {at_least: 5}} or {any: [...]}")
        return None
    if len(tree) > 1:
        names = " and ".join(map(repr, tree))
        document.problem(
            where, f"{names} stand side by side", "join them in a list: all: [...] or any: [...]", show=False
        )
        return None
    ((name, body),) = tree.items()
    if name in ("all", "any"):
        return _list(document, name, body, (*where, name), signals)
    if name == "not":
        part = parse_condition(document, body, (*where, name), signals)
        return None if part is None else Join("not", (part,))
    return _compare(document, name, body, (*where, name), signals)


def _list(document: Document, how: str, body: Any, where: Where, signals: Mapping[str, object]) -> Condition | None:
    if not isinstance(body, list) or not body:
        document.problem(where, f"{how!r} is not followed by a list of conditions", f"write {how}: [{{...}}, {{...}}]")
        return None
    parts = [parse_condition(document, item, (*where, n), signals) for n, item in enumerate(body)]
    fine = tuple(part for part in parts if part is not None)
    return Join(how, fine) if len(fine) == len(parts) else None


def _compare(
    document: Document, signal: str, body: Any, where: Where, signals: Mapping[str, object]
) -> Condition | None:
    if signal not in signals:
        remedy = suggest(signal, [*signals, *JOINERS])
        document.problem(where, f"there is no signal {signal!r} in this rule", remedy, show=False)
        return None
    if not isinstance(body, dict) or len(body) != 1:
        document.problem(where, "this is not one comparison", "write one of them: {at_least: 5}")
        return None
    ((comparison, limit),) = body.items()
    where = (*where, comparison)
    if comparison not in COMPARISONS:
        document.problem(where, f"there is no comparison {comparison!r}", suggest(comparison, COMPARISONS), show=False)
        return None
    if comparison == "any_bit":
        if not isinstance(limit, list) or not limit or not all(type(bit) is int and 0 <= bit < 48 for bit in limit):
            document.problem(where, "these are not bits", "write a list of numbers from 0 to 47: [2, 3]")
            return None
        return Compare(signal, comparison, bits=sum({1 << bit for bit in limit}))
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        return Compare(signal, comparison, float(limit))
    return _against_signal(document, signal, comparison, limit, where, signals)


def _against_signal(
    document: Document, signal: str, comparison: str, limit: Any, where: Where, signals: Mapping[str, object]
) -> Condition | None:
    if not isinstance(limit, dict) or "signal" not in limit or not set(limit) <= {"signal", "times", "plus"}:
        remedy = "write a number, or {signal: NAME}, or with it times: 0.85 or plus: 5"
        document.problem(where, "this is not a limit", remedy)
        return None
    plus, times = limit.get("plus", 0), limit.get("times", 1)
    if not isinstance(plus, int | float) or isinstance(plus, bool):
        document.problem((*where, "plus"), "this is not a number", "write how much to add, for example plus: -5")
        return None
    if not isinstance(times, int | float) or isinstance(times, bool) or times == 0:
        document.problem((*where, "times"), "this is not a factor", "write which share of it, for example times: 0.85")
        return None
    if limit["signal"] not in signals:
        text = f"there is no signal {limit['signal']!r} in this rule"
        document.problem((*where, "signal"), text, suggest(str(limit["signal"]), signals), show=False)
        return None
    return Compare(signal, comparison, float(plus), other=limit["signal"], times=float(times))
