"""The rules of one component kind over all components of that kind: one round in, changes out."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_rules.accepted import COUNTED, Acceptance
from forewarn_rules.account import Account, Observation, Seen, account
from forewarn_rules.model import LEVELS, PART_LABEL, Change, Key, Kind, Labels, Standing
from forewarn_rules.model_signals import with_features
from forewarn_rules.rule import Rule
from forewarn_rules.say import accepted, change, standing
from forewarn_rules.scopes import Scopes
from forewarn_rules.signals import Signals
from forewarn_rules.snapshot import KeptLevel, KeptRule, Snapshot
from forewarn_rules.timers import Timers, Turn
from forewarn_rules.tracks import Rows, grown, roomy
from forewarn_rules.verdicts import FALSE, TRUE, UNKNOWN, Floats, Verdict, Verdicts

SAME_TIME = 0.002
"""Seconds. Stored times are in milliseconds, those of a round are not."""
AT_REST_SECONDS = 86_400.0
"""How exactly the time of the last observation is kept of a component of which nothing is timed."""
TWICE = "a component may come only once in a round"


NAMELESS: dict[str, str | float] = {}
"""The labels of a component on which nothing changed yet."""


class Judge:
    """State of all components of one kind. Rows are handed out to keys as they appear and reused when forgotten."""

    def __init__(self, kind: Kind, rules: Sequence[Rule]) -> None:
        self.kind = kind
        self.rules = [rule for rule in rules if rule.kind == kind and rule.status != "retired"]
        self.signals = Signals(self.rules)
        self.timers = Timers(self.rules)
        self.unsaved = self.signals.unsaved
        self._met = -1  # what is asleep is known only after the first look
        self._raises, self._clears = Verdict([]), Verdict([])
        self.scopes = Scopes(self.timers.pairs)
        self._rows: dict[Key, int] = {}
        self._free: list[int] = []
        self._labels: list[dict[str, str | float]] = []
        self._last_at = np.full(0, -np.inf)
        self._seen = np.full((len(self.signals.signals), 0), np.nan)

    def observe(
        self,
        keys: Sequence[Key],
        labels: Callable[[Key], Labels],
        at: Floats,
        metrics: Mapping[str, npt.ArrayLike],
        told: Sequence[object] | None = None,
    ) -> list[Change]:
        if not self.rules or not keys:
            return []
        rows = self._rows_of(keys)
        values = self.signals.matrix(metrics, len(keys))
        self._awaken()
        self.signals.insert(rows, at, values)
        fresh = np.flatnonzero(at > self._last_at[rows])
        if len(fresh) < len(keys):
            keys = [keys[n] for n in fresh.tolist()]
            told = None if told is None else [told[n] for n in fresh.tolist()]
            rows, at, values = rows[fresh], at[fresh], values[:, fresh]
        if not keys:
            return []
        told = list(map(labels, keys)) if told is None else told
        self.signals.peers.join(*self.scopes.learn(rows, keys, labels, told))
        seen = self.signals.compute(rows, at, values)
        for n in self.signals.awake.tolist():  # faster than all at once: numpy's assignment is in one dimension
            self._seen[n][rows] = seen[n]
        before = self._last_at[rows]
        since_last = at - before
        self._last_at[rows] = at
        self.unsaved.mark_saved(rows[_at_rest(at) != _at_rest(np.maximum(before, 0.0))])
        turn = self._step(rows, at, since_last, seen)
        if turn is None:
            return []
        turned = np.argwhere((turn.before != turn.after).T).tolist()
        return [
            self._change(rule, int(turn.columns[n]), keys, rows, labels, at, turn.before[rule, n], turn.after[rule, n])
            for n, rule in turned
        ]

    def _step(self, rows: Rows, at: Floats, since_last: Floats, seen: Floats) -> Turn | None:
        """Nearly all components are at rest and raise nothing: only the others are looked at closely."""
        raises = self._raises(seen)
        stirred = np.flatnonzero(self.timers.busy(rows) | (raises == TRUE).any(axis=0))
        if not stirred.size:
            return None
        rows, at, since_last = rows[stirred], at[stirred], since_last[stirred]
        raises, clears = self._where_they_apply(rows, raises[:, stirred], self._clears(seen[:, stirred]))
        off = self.scopes.off(self.timers.watched, rows)
        if off is not None:
            np.copyto(raises, FALSE, where=off)
            np.copyto(clears, TRUE, where=off)
            self.timers.end(rows, off)
        busy = self.timers.busy(rows)
        turn = self.timers.step(rows, at, since_last, raises, clears)
        self.unsaved.mark(rows[busy | self.timers.busy(rows)])
        return None if turn is None else turn._replace(columns=stirred[turn.columns])

    def warm(self, keys: Sequence[Key], at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> None:
        if not self.rules or not keys:
            return
        rows = self._rows_of(keys)
        self.signals.insert(rows, at, self.signals.matrix(metrics, len(keys)))
        self._last_at[rows] = np.maximum(self._last_at[rows], at)

    def warm_history(self, key: Key, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> None:
        if not self.rules or not len(at):
            return
        row = int(self._rows_of([key])[0])
        self.signals.fold(row, at, self.signals.matrix(metrics, len(at)))
        self._last_at[row] = max(self._last_at[row], at[-1])

    def forget(self, key: Key) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        self.signals.forget(row)
        self.timers.forget(row)
        self.scopes.forget(row)
        self._last_at[row] = -np.inf
        self._seen[:, row] = np.nan
        self._labels[row] = NAMELESS
        self._free.append(row)

    def accept(self, key: Key, labels: Labels, at: float, values: Mapping[str, float], by: str) -> list[Change]:
        row = self._rows.get(key)
        counted = self.signals.accepted.counted
        known = {metric: value for metric, value in values.items() if metric in counted and np.isfinite(value)}
        if row is None or not known:
            return []
        rows, then = np.array([row], dtype=np.intp), self._last_at[[row]]
        columns = self.signals.matrix({metric: [value] for metric, value in known.items()}, 1)
        self._awaken()
        self.scopes.place(rows, [labels])
        self.signals.accept(row, float(then[0]), known)
        self.unsaved.mark(rows)
        before = self.timers.levels(rows)[:, 0]
        said = self._seen[:, row].copy()
        fresh = self.signals.compute(rows, then, columns)[:, 0]
        read = np.array([signal.metric in known for signal in self.signals.signals], dtype=np.bool_)
        self._seen[read, row] = fresh[read]
        self._seen[:, row] = self.signals.ask_models(self._seen[:, rows])[:, 0]
        raises, _ = self._standing_verdicts(rows)
        counts = {rule.id: any(s.metric in known and s.take in COUNTED for s in with_features(rule.signals).values())
                  for rule in self.rules}  # fmt: skip
        mine = np.array([counts[rule.id] for rule, _ in self.timers.pairs], dtype=np.bool_)
        self.timers.quiet(row, mine & (raises[:, 0] == FALSE))
        after = self.timers.levels(rows)[:, 0]
        names = self._names(key, labels)
        return [
            accepted(
                self.rules[n],
                key,
                names,
                at,
                (LEVELS[before[n]], LEVELS[after[n]]),
                self._values(self.rules[n], said),
                by,
            )
            for n in np.flatnonzero(before != after).tolist()
        ]

    def accepted(self, key: Key) -> dict[str, Acceptance]:
        row = self._rows.get(key)
        return {} if row is None else self.signals.accepted.kept(row)

    def levels(self, key: Key) -> list[Standing]:
        row = self._rows.get(key)
        if row is None:
            return []
        self._awaken()
        rows = np.array([row], dtype=np.intp)
        raises, clears = self._standing_verdicts(rows)
        levels = self.timers.levels(rows)[:, 0]
        raised = self.timers.raised(rows)[:, 0]
        applies = self.scopes.applies(np.arange(len(self.timers.pairs)), rows)[:, 0]
        found = []
        first = 0
        for rule, level in zip(self.rules, levels, strict=True):
            pairs = slice(first, first + len(rule.levels))
            first = pairs.stop
            if not applies[pairs].any() and not level:
                continue
            timed = np.where(raised[pairs], clears[pairs, 0], raises[pairs, 0])
            since = self.timers.since(pairs, row) if level else None
            values = self._values(rule, self._seen[:, row])
            found.append(
                standing(rule, LEVELS[level], since, values, self._labels[row], bool((timed == UNKNOWN).any()))
            )
        return found

    def account(self, rule: Rule, key: Key, labels: Labels, newest: Observation | None) -> Account:
        row = self._rows.get(key)
        columns = self.signals.columns.get(rule.id, {})
        pairs = [n for n, (mine, _) in enumerate(self.timers.pairs) if mine.id == rule.id]
        values = dict.fromkeys(rule.signals, np.nan)
        timers: list[KeptLevel | None] = [None] * len(rule.levels)
        at, history, known = None, {}, None
        if row is not None and pairs:
            at = float(self._last_at[row])
            known = newest.values if newest is not None and abs(newest.at - at) < SAME_TIME else None
            seen = self._seen_now(row, known or {})
            values = {name: float(seen[column]) for name, column in columns.items()}
            history = {name: self.signals.say_history(columns[name], row) for name in rule.signals}
            timers = [self.timers.state(n, row) for n in pairs]
        said = Seen(at=at, values=values, newest=known, history=history, timers=timers)
        return account(rule, key, self._names(key, labels), said)

    def _seen_now(self, row: int, newest: Mapping[str, float]) -> Floats:
        """The signals after the last observation; those that a restart lost are computed again from the ``newest``."""
        seen = self._seen[:, row].copy()
        if newest:
            rows = np.array([row], dtype=np.intp)
            columns = self.signals.matrix({metric: [value] for metric, value in newest.items()}, 1)
            self._awaken()
            fresh = self.signals.compute(rows, self._last_at[rows], columns)[:, 0]
            seen = np.where(np.isnan(seen), fresh, seen)
        return seen

    def raised(self) -> dict[Key, str]:
        if not self.rules or not self._rows:
            return {}
        rows = np.fromiter(self._rows.values(), dtype=np.intp, count=len(self._rows))
        worst = self.timers.levels(rows).max(axis=0).tolist()
        return {key: LEVELS[level] for key, level in zip(self._rows, worst, strict=True) if level}

    def snapshot(self, key: Key) -> Snapshot | None:
        row = self._rows.get(key)
        if row is None:
            return None
        kept = Snapshot(last_at=float(self._last_at[row]), baselines=self.signals.baselines(row))
        kept.learned = self.signals.learning.kept(row)
        kept.lines = self.signals.residuals.kept(row)
        kept.accepted = self.signals.accepted.kept(row)
        for n in self.timers.at_work(row):
            rule, level = self.timers.pairs[n]
            state = self.timers.state(n, row)
            if state is not None:
                values = self._values(rule, self._seen[:, row])
                kept.rules.setdefault(rule.id, KeptRule(values)).levels[level.name] = state
                if state.raised:
                    kept.labels = self._labels[row]
        if not kept.rules:
            # Nothing is timed, so it is written again once a day, not at every report. A restart finds the newest
            # report in the history.
            kept.last_at = float(_at_rest(kept.last_at))
        return kept if kept.rules or kept.baselines or kept.learned or kept.lines or kept.accepted else None

    def unsaved_of(self, keys: Sequence[Key]) -> list[tuple[Key, Snapshot | None]]:
        rows = np.fromiter(map(self._rows.get, keys, itertools.repeat(-1)), dtype=np.intp, count=len(keys))
        known = rows >= 0
        changed = ~known
        changed[known] = self.unsaved.among(rows[known])
        found = []
        for n in np.flatnonzero(changed).tolist():
            kept = self.snapshot(keys[n])
            if kept is None and known[n] and not self.unsaved.is_saved(rows[n]):
                self.unsaved.note(rows[n], False)
            else:
                found.append((keys[n], kept))
        return found

    def note_saved(self, key: Key, saved: bool) -> None:
        row = self._rows.get(key)
        if row is not None:
            self.unsaved.note(row, saved)

    def restore(self, key: Key, kept: Snapshot) -> None:
        row = int(self._rows_of([key])[0])
        self.unsaved.mark(np.array([row]))
        self._last_at[row] = max(self._last_at[row], kept.last_at)
        self.signals.restore_baselines(row, kept.baselines)
        self.signals.learning.restore(row, kept.learned)
        self.signals.residuals.restore(row, kept.lines)
        self.signals.accepted.put(row, kept.accepted)
        self._labels[row] = kept.labels
        for n, (rule, level) in enumerate(self.timers.pairs):
            mine = kept.rules.get(rule.id)
            if mine is None:
                continue
            self.signals.meet(rule)
            for name, column in self.signals.columns[rule.id].items():
                self._seen[column, row] = mine.values.get(name, np.nan)
            if level.name in mine.levels:
                self.timers.restore(n, row, mine.levels[level.name])

    def _awaken(self) -> None:
        """Judge the rules of which any metric was ever reported; the others are unknown everywhere and at rest."""
        met = int(self.signals.met.sum())
        if met == self._met:
            return
        self._met = met
        awake = {rule.id for rule in self.rules if self.signals.asks_for_met(rule)}
        asked = ((*rule.where, *itertools.chain(*rule.off, *(level.where for level in rule.levels)))
                 for rule in self.rules if rule.id in awake or not awake)  # fmt: skip
        self.scopes.ask(sorted({where.label for where in itertools.chain.from_iterable(asked)}))
        self.signals.awaken(awake)
        watched = [n for n, (rule, _) in enumerate(self.timers.pairs) if rule.id in awake]
        self.timers.watch(np.array(watched, dtype=np.intp))
        pairs = [(self.signals.columns[rule.id], level) for rule, level in self.timers.pairs if rule.id in awake]
        raises, clears = ([(level.raises, c) for c, level in pairs], [(level.clears, c) for c, level in pairs])
        self._raises, self._clears = Verdict(raises), Verdict(clears)

    def _rows_of(self, keys: Sequence[Key]) -> Rows:
        rows = np.fromiter(map(self._rows.get, keys, itertools.repeat(-1)), dtype=np.intp, count=len(keys))
        if len(rows) and np.bincount(rows[rows >= 0]).max(initial=0) > 1:
            raise ValueError(TWICE)
        for n in np.flatnonzero(rows < 0).tolist():
            if keys[n] in self._rows:
                raise ValueError(TWICE)
            row = rows[n] = self._free.pop() if self._free else len(self._labels)
            self._rows[keys[n]] = row
            if row == len(self._labels):
                self._labels.append(NAMELESS)
            self.signals.siblings.join(int(row), keys[n][0])
        if len(self._labels) > len(self._last_at):
            self._reserve(roomy(len(self._labels)))
        return rows

    def _reserve(self, capacity: int) -> None:
        self.signals.reserve(capacity)
        self.timers.reserve(capacity)
        self._last_at = grown(self._last_at, capacity, -np.inf)
        self._seen = grown(self._seen, capacity, np.nan)
        self.scopes.reserve(capacity)

    def _where_they_apply(self, rows: Rows, raises: Verdicts, clears: Verdicts) -> tuple[Verdicts, Verdicts]:
        """The verdicts [watched pair, component], unknown where the rule does not judge the component."""
        elsewhere = ~self.scopes.applies(self.timers.watched, rows)
        np.copyto(raises, UNKNOWN, where=elsewhere)
        np.copyto(clears, UNKNOWN, where=elsewhere)
        return raises, clears

    def _standing_verdicts(self, rows: Rows) -> tuple[Verdicts, Verdicts]:
        """What the last observations say, of every pair: UNKNOWN for those of rules that sleep."""
        raises, clears = np.full((2, len(self.timers.pairs), len(rows)), UNKNOWN, dtype=np.uint8)
        seen = self._seen[:, rows]
        found = self._where_they_apply(rows, self._raises(seen), self._clears(seen))
        raises[self.timers.watched], clears[self.timers.watched] = found
        return raises, clears

    def _change(
        self,
        rule: int,
        n: int,
        keys: Sequence[Key],
        rows: Rows,
        labels: Callable[[Key], Labels],
        at: Floats,
        before: int,
        after: int,
    ) -> Change:
        key, row = keys[n], rows[n]
        names = self._names(key, labels(key))
        self._labels[row] = names
        values = self._values(self.rules[rule], self._seen[:, row])
        levels = LEVELS[before], LEVELS[after]
        if self.rules[rule].is_off(names):
            told = change(self.rules[rule], key, names, float(at[n]), levels, values)
            return msgspec.structs.replace(told, text="This rule was switched off here.")
        return change(self.rules[rule], key, names, float(at[n]), levels, values)

    def _names(self, key: Key, labels: Labels) -> dict[str, str | float]:
        """The labels, with those that the key itself holds."""
        part = PART_LABEL[self.kind]
        return {"device": key[0], **({} if part is None else {part: key[1]}), **labels}

    def _values(self, rule: Rule, seen: Floats) -> dict[str, float]:
        return {name: float(seen[column]) for name, column in self.signals.columns[rule.id].items()}


def _at_rest(at: Any) -> Any:
    """What is kept of the time of an observation after which nothing is timed."""
    return at // AT_REST_SECONDS * AT_REST_SECONDS
