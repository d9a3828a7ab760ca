"""Where the rules of one kind stand on their components, for those who ask. Nothing is judged by asking."""

from collections.abc import Mapping

import numpy as np

from forewarn_rules.account import Account, Observation, Seen, account
from forewarn_rules.components import Components
from forewarn_rules.model import LEVELS, Key, Labels, Standing
from forewarn_rules.rule import Rule
from forewarn_rules.say import standing
from forewarn_rules.snapshot import KeptLevel
from forewarn_rules.verdicts import UNKNOWN, Floats

SAME_TIME = 0.002
"""Seconds. Stored times are in milliseconds, those of a round are not."""


def raised(of: Components) -> dict[Key, str]:
    """The worst level of every component on which any rule speaks."""
    keys, rows = of.all()
    if not of.rules or not keys:
        return {}
    worst = of.timers.levels(rows).max(axis=0).tolist()
    return {key: LEVELS[level] for key, level in zip(keys, worst, strict=True) if level}


def standings(of: Components, key: Key) -> list[Standing]:
    """Of every rule that applies; none for a component that was never seen."""
    row = of.row(key)
    if row is None:
        return []
    of.awaken()
    rows = np.array([row], dtype=np.intp)
    raises, clears = of.standing_verdicts(rows)
    levels = of.timers.levels(rows)[:, 0]
    up = of.timers.raised(rows)[:, 0]
    applies = of.scopes.applies(np.arange(len(of.timers.pairs)), rows)[:, 0]
    seen = of.seen_of(row)
    found = []
    first = 0
    for rule, level in zip(of.rules, levels, strict=True):
        pairs = slice(first, first + len(rule.levels))
        first = pairs.stop
        if not applies[pairs].any() and not level:
            continue
        timed = np.where(up[pairs], clears[pairs, 0], raises[pairs, 0])
        since = of.timers.since(pairs, row) if level else None
        values = of.values(rule, seen)
        found.append(standing(rule, LEVELS[level], since, values, of.labels[row], bool((timed == UNKNOWN).any())))
    return found


def account_of(of: Components, rule: Rule, key: Key, labels: Labels, newest: Observation | None) -> Account:
    """``newest`` is left aside when it is not the observation that was judged last."""
    row = of.row(key)
    columns = of.signals.columns.get(rule.id, {})
    pairs = [n for n, (mine, _) in enumerate(of.timers.pairs) if mine.id == rule.id]
    values = dict.fromkeys(rule.signals, np.nan)
    timers: list[KeptLevel | None] = [None] * len(rule.levels)
    at, history, known = None, {}, None
    if row is not None and pairs:
        at = float(of.last_at[row])
        known = newest.values if newest is not None and abs(newest.at - at) < SAME_TIME else None
        seen = _seen_now(of, row, known or {})
        values = {name: float(seen[column]) for name, column in columns.items()}
        history = {name: of.signals.say_history(columns[name], row) for name in rule.signals}
        timers = [of.timers.state(n, row) for n in pairs]
    said = Seen(at=at, values=values, newest=known, history=history, timers=timers)
    return account(rule, key, of.names(key, labels), said)


def _seen_now(of: Components, row: int, newest: Mapping[str, float]) -> Floats:
    """The signals after the last observation; those that a restart lost are computed again from the ``newest``."""
    seen = of.seen_of(row)
    if newest:
        of.awaken()
        seen = np.where(np.isnan(seen), of.seen_again(row, of.columns_of(newest)), seen)
    return seen
