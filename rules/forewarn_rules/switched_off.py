"""Rules that a provider switches off: everywhere, or for some customers, sites, models or devices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from forewarn_rules.document import Problem
from forewarn_rules.labels import LABELS
from forewarn_rules.rule import Rule, Where
from forewarn_rules.shape import suggest


@dataclass(frozen=True)
class SwitchedOff:
    """A rule's id and, by label, the shell pattern that a component must fit. Without patterns: everywhere."""

    rule: str
    patterns: Mapping[str, str]


def switch_off(rules: Sequence[Rule], wanted: Iterable[SwitchedOff]) -> tuple[list[Rule], list[Problem]]:
    """The rules with where they are off, and what is wrong with what is wanted."""
    found = {rule.id: rule for rule in rules}
    problems = []
    for n, entry in enumerate(wanted):
        name = f"rules.disable[{n}]"
        rule = found.get(entry.rule)
        if rule is None:
            remedy = suggest(entry.rule, found)
            problems.append(Problem(name, 1, "rule", "", f"there is no rule {entry.rule!r}", remedy))
            continue
        for label in entry.patterns:
            if rule.kind not in LABELS[label][0]:
                text = f"{rule.id} judges a {rule.kind}, which has no {label}"
                problems.append(Problem(name, 1, label, "", text, "take it out"))
        where = tuple(Where(label, frozenset({text}), True, like=True) for label, text in entry.patterns.items())
        found[rule.id] = replace(rule, off=(*rule.off, where))
    return list(found.values()), problems
