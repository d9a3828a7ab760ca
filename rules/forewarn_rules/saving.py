"""Components to snapshots and back: what a restart must not lose, and which of them have to be saved again."""

from collections.abc import Sequence

import numpy as np

from forewarn_rules.components import Components
from forewarn_rules.model import Key
from forewarn_rules.snapshot import KeptRule, Snapshot, at_rest


def snapshot(of: Components, key: Key) -> Snapshot | None:
    """None where there is nothing to keep."""
    row = of.row(key)
    if row is None:
        return None
    kept = Snapshot(last_at=float(of.last_at[row]), baselines=of.signals.first_values.of(row))
    kept.learned = of.signals.learning.kept(row)
    kept.lines = of.signals.residuals.kept(row)
    kept.accepted = of.signals.accepted.kept(row)
    for n in of.timers.at_work(row):
        rule, level = of.timers.pairs[n]
        state = of.timers.state(n, row)
        if state is not None:
            values = of.values(rule, of.seen[:, row])
            kept.rules.setdefault(rule.id, KeptRule(values)).levels[level.name] = state
            if state.raised:
                kept.labels = of.labels[row]
    if not kept.rules:
        # Nothing is timed, so it is written again once a day, not at every report. A restart finds the newest
        # report in the history.
        kept.last_at = float(at_rest(kept.last_at))
    return kept if kept.rules or kept.baselines or kept.learned or kept.lines or kept.accepted else None


def unsaved(of: Components, keys: Sequence[Key]) -> list[tuple[Key, Snapshot | None]]:
    """Those of these that are other than when they were saved; None where nothing is to be kept any more."""
    rows = of.known(keys)
    known = rows >= 0
    changed = ~known
    changed[known] = of.unsaved.among(rows[known])
    found = []
    for n in np.flatnonzero(changed).tolist():
        kept = snapshot(of, keys[n])
        if kept is None and known[n] and not of.unsaved.is_saved(rows[n]):
            of.unsaved.note(rows[n], False)
        else:
            found.append((keys[n], kept))
    return found


def note_saved(of: Components, key: Key, saved: bool) -> None:
    row = of.row(key)
    if row is not None:
        of.unsaved.note(row, saved)


def restore(of: Components, key: Key, kept: Snapshot) -> None:
    """Rules, levels and signals that are no more are left out."""
    row = int(of.rows_of([key])[0])
    of.unsaved.mark(np.array([row]))
    of.last_at[row] = max(of.last_at[row], kept.last_at)
    of.signals.first_values.put(row, kept.baselines)
    of.signals.learning.restore(row, kept.learned)
    of.signals.residuals.restore(row, kept.lines)
    of.signals.accepted.put(row, kept.accepted)
    of.labels[row] = kept.labels
    for n, (rule, level) in enumerate(of.timers.pairs):
        mine = kept.rules.get(rule.id)
        if mine is None:
            continue
        of.signals.meet(rule)
        for name, column in of.signals.columns[rule.id].items():
            of.seen[column, row] = mine.values.get(name, np.nan)
        if level.name in mine.levels:
            of.timers.restore(n, row, mine.levels[level.name])
