"""The account that a rule gives of itself on one component: what it sees, what it makes of it, what would change it.

Pure: present values, timers and labels come in.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from forewarn_rules import residual
from forewarn_rules.durations import write_duration
from forewarn_rules.model import Key, Kind, Labels
from forewarn_rules.model_signals import TAKES, because
from forewarn_rules.rule import Level, Rule, Signal
from forewarn_rules.snapshot import KeptLevel
from forewarn_rules.weighed import Values, Weighed
from forewarn_rules.wording import say_signal, say_where

AT_REST = KeptLevel(False, False, 0.0, None)


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One signal now. ``value`` is None where it is not known, and ``why`` says the reason; it is None too where the
    value is endless (it is not approaching its limit, or did not increase)."""

    name: str
    metric: str
    take: str
    unit: str
    known: bool
    value: float | None
    why: str


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that must last. ``turns`` is raise or clear; ``done_seconds`` of ``of_seconds`` have passed, since
    ``since`` at the latest. ``ends_at`` is when it turns if nothing changes; None while unknown stops the clock."""

    turns: str
    done_seconds: float
    of_seconds: float
    since: float
    ends_at: float | None


class LevelAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One level. ``changes_when``: what would turn it, each alone; empty where only time is missing."""

    name: str
    raised: bool
    since: float | None
    raises: Weighed
    for_seconds: float
    clears: Weighed
    hold_seconds: float
    timer: Timer | None
    changes_when: tuple[str, ...]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A rule on one component. ``why_not`` says why the rule does not judge it (scope, switched off, retired, not
    judged yet); where it is empty, ``levels`` has every level, the worst first. ``seen_at`` is the newest
    observation (Unix seconds, device time); ``note`` is what else is worth knowing."""

    rule: str
    kind: Kind
    device: str
    part: str
    why_not: str
    note: str
    seen_at: float | None
    level: str
    signals: tuple[Sign, ...]
    levels: tuple[LevelAccount, ...]


class Observation(NamedTuple):
    """One report of a component: its time and its values by metric, NaN where it could not be measured."""

    at: float
    values: Mapping[str, float]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows. ``values`` are NaN where unknown; ``newest`` is the newest report by metric, NaN where
    it could not be measured; None where nobody has it. ``history`` says how much of a trend's history there is."""

    at: float | None
    values: Mapping[str, float]
    newest: Mapping[str, float] | None
    history: Mapping[str, str]
    timers: Sequence[KeptLevel | None]


def account(rule: Rule, key: Key, labels: Labels, seen: Seen) -> Account:
    why_not = why_not_judged(rule, labels, seen.at)
    unknown = {name: _why_unknown(rule, name, seen) for name, value in seen.values.items() if math.isnan(value)}
    said = because(rule.signals, {name: value for name, value in seen.values.items() if not math.isnan(value)})
    values = Values(rule.signals, {name: seen.values[name] for name in rule.signals}, unknown)
    levels = [
        _level(level, values, seen.at or 0.0, timer or AT_REST)
        for level, timer in zip(rule.levels, seen.timers, strict=True)
    ]
    raised = [level.name for level in levels if level.raised]
    return Account(
        rule=rule.id,
        kind=rule.kind,
        device=key[0],
        part=key[1],
        why_not=why_not,
        note="experimental: it judges, and opens no ticket" if rule.status == "experimental" else "",
        seen_at=seen.at,
        level=raised[-1] if raised else "none",
        signals=tuple(
            _sign(name, signal, seen.values[name], unknown.get(name, said.get(f"{name}_because", "")))
            for name, signal in rule.signals.items()
        ),
        levels=() if why_not and not raised else tuple(reversed(levels)),
    )


def why_not_judged(rule: Rule, labels: Labels, at: float | None) -> str:
    """Why the rule does not judge a component with these labels; empty when it does."""
    if rule.status == "retired":
        return "retired: it judges nothing"
    for where in rule.where:
        if not where.holds(labels):
            return f"scope: only where {say_where(where)}; here {_said(where.label, labels)}"
    for group in rule.off:
        if all(where.holds(labels) for where in group):
            return "switched off" + (" where " + " and ".join(map(say_where, group)) if group else " everywhere")
    return "not judged yet: no report of it has come to the judge" if at is None else ""


def _said(label: str, labels: Labels) -> str:
    return f"{label} is {labels[label]}" if label in labels else f"{label} is not known"


def _sign(name: str, signal: Signal, value: float, why: str) -> Sign:
    if math.isinf(value):
        why = "it has not increased" if signal.take == "days_since_increase" else "not approaching"
    return Sign(
        name=name, metric=signal.metric, take=say_signal(signal), unit=signal.unit, known=not math.isnan(value),
        value=value if math.isfinite(value) else None, why=why,
    )  # fmt: skip


def _why_unknown(rule: Rule, name: str, seen: Seen) -> str:
    signal = rule.signals.get(name)
    if signal is None or seen.at is None:
        return "not judged yet"
    if signal.take in TAKES:
        return "no model: the last report has nothing that the risk model looks at"
    if seen.newest is not None:
        older = f" nor in one of the last {write_duration(signal.within)}" if signal.within else ""
        if signal.metric not in seen.newest:
            return f"not in the last report{older}"
        if math.isnan(seen.newest[signal.metric]):
            return f"could not be measured in the last report{older}"
    if isinstance(signal.reach, str) and np.isnan(seen.values.get(signal.reach, np.nan)):
        return f"its limit {signal.reach} is unknown"
    if signal.take in ("usual", "distance_from_baseline"):
        return f"still learning what is usual: that takes {write_duration(signal.window)}"
    if signal.take in residual.TAKES:
        return _why_no_residual(name, signal, seen)
    if signal.take.endswith("_peers"):
        return "too few of its peers have reported"
    if signal.take == "growth":
        return "not enough history: growth needs a second report"
    if signal.window:
        return ": ".join(filter(None, ["not enough history", seen.history.get(name, "")]))
    return "not judged since the collector started"


def _why_no_residual(name: str, signal: Signal, seen: Seen) -> str:
    for other in signal.explained_by:
        if seen.newest is not None and np.isnan(seen.newest.get(other, np.nan)):
            return f"{other} is not in the last report"
    learning = seen.history.get(name, "")
    return learning or f"within a day {' or '.join(signal.explained_by)} was never steady and like while it was learned"


def _level(level: Level, values: Values, at: float, state: KeptLevel) -> LevelAccount:
    raises, clears = values.weigh(level.raises), values.weigh(level.clears)
    timed, of_seconds = (clears, level.hold_seconds) if state.raised else (raises, level.for_seconds)
    return LevelAccount(
        name=level.name,
        raised=state.raised,
        since=state.since,
        raises=raises,
        for_seconds=level.for_seconds,
        clears=clears,
        hold_seconds=level.hold_seconds,
        timer=_timer(state, timed.verdict, of_seconds, at),
        changes_when=values.turned_by(level.clears if state.raised else level.raises),
    )


def _timer(state: KeptLevel, verdict: str, of_seconds: float, at: float) -> Timer | None:
    """None where nothing is being timed: the condition is false, or unknown and was not true before."""
    done = state.elapsed if math.isfinite(state.elapsed) else of_seconds
    if verdict == "false" or (verdict == "unknown" and not done):
        return None
    return Timer(
        turns="clear" if state.raised else "raise",
        done_seconds=done,
        of_seconds=of_seconds,
        since=at - done,
        ends_at=at + max(0.0, of_seconds - done) if verdict == "true" else None,
    )
