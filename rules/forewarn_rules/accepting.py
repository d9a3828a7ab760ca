"""Somebody takes what a component's counters show as known: they count on from there."""

from collections.abc import Mapping

import numpy as np

from forewarn_rules.accepted import COUNTED, Acceptance
from forewarn_rules.components import Components
from forewarn_rules.model import LEVELS, Change, Key, Labels
from forewarn_rules.model_signals import with_features
from forewarn_rules.say import accepted
from forewarn_rules.verdicts import FALSE


def accept(of: Components, key: Key, labels: Labels, at: float, values: Mapping[str, float], by: str) -> list[Change]:
    """Return the levels that it ended, at ``at``; ``values`` are those that were measured, by metric."""
    row = of.row(key)
    counted = of.signals.accepted.counted
    known = {metric: value for metric, value in values.items() if metric in counted and np.isfinite(value)}
    if row is None or not known:
        return []
    rows, then = np.array([row], dtype=np.intp), of.last_at[[row]]
    columns = of.columns_of(known)
    of.awaken()
    of.scopes.place(rows, [labels])
    of.signals.accept(row, float(then[0]), known)
    of.unsaved.mark(rows)
    before = of.timers.levels(rows)[:, 0]
    said = of.seen_of(row)
    fresh = of.seen_again(row, columns)
    read = np.array([signal.metric in known for signal in of.signals.signals], dtype=np.bool_)
    of.seen[read, row] = fresh[read]
    of.seen[:, row] = of.signals.ask_models(of.seen[:, rows])[:, 0]
    raises, _ = of.standing_verdicts(rows)
    counts = {rule.id: any(s.metric in known and s.take in COUNTED for s in with_features(rule.signals).values())
              for rule in of.rules}  # fmt: skip
    mine = np.array([counts[rule.id] for rule, _ in of.timers.pairs], dtype=np.bool_)
    of.timers.quiet(row, mine & (raises[:, 0] == FALSE))
    after = of.timers.levels(rows)[:, 0]
    names = of.names(key, labels)
    return [
        accepted(rule, key, names, at, (LEVELS[before[n]], LEVELS[after[n]]), of.values(rule, said), by)
        for n, rule in enumerate(of.rules)
        if before[n] != after[n]
    ]


def accepted_of(of: Components, key: Key) -> dict[str, Acceptance]:
    """What is accepted of a component, by metric."""
    row = of.row(key)
    return {} if row is None else of.signals.accepted.kept(row)
