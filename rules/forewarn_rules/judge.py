"""The rules of one component kind over all components of that kind: one round in, changes out."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from forewarn_rules.components import Components
from forewarn_rules.model import LEVELS, Change, Key, Labels
from forewarn_rules.say import change
from forewarn_rules.snapshot import at_rest
from forewarn_rules.timers import Turn
from forewarn_rules.tracks import Rows
from forewarn_rules.verdicts import FALSE, TRUE, Floats, Verdicts


class Judge:
    """Takes observations into account, round by round; ``Engine.observe`` says what they are."""

    def __init__(self, components: Components) -> None:
        self._of = components

    def observe(
        self,
        keys: Sequence[Key],
        labels: Callable[[Key], Labels],
        at: Floats,
        metrics: Mapping[str, npt.ArrayLike],
        told: Sequence[object] | None = None,
    ) -> list[Change]:
        of, signals = self._of, self._of.signals
        if not of.rules or not keys:
            return []
        rows = of.rows_of(keys)
        values = signals.matrix(metrics, len(keys))
        of.awaken()
        signals.insert(rows, at, values)
        fresh = np.flatnonzero(at > of.last_at[rows])
        if len(fresh) < len(keys):
            keys = [keys[n] for n in fresh.tolist()]
            told = None if told is None else [told[n] for n in fresh.tolist()]
            rows, at, values = rows[fresh], at[fresh], values[:, fresh]
        if not keys:
            return []
        told = list(map(labels, keys)) if told is None else told
        signals.peers.join(*of.scopes.learn(rows, keys, labels, told))
        seen = signals.compute(rows, at, values)
        raises = self._raises(rows, seen)
        for n in signals.awake.tolist():  # faster than all at once: numpy's assignment is in one dimension
            of.seen[n][rows] = seen[n]
        before = of.last_at[rows]
        since_last = at - before
        of.last_at[rows] = at
        of.unsaved.mark_saved(rows[at_rest(at) != at_rest(np.maximum(before, 0.0))])
        turn = self._step(rows, at, since_last, seen, raises)
        if turn is None:
            return []
        turned = np.argwhere((turn.before != turn.after).T).tolist()
        return [
            self._change(rule, int(turn.columns[n]), keys, rows, labels, at, turn.before[rule, n], turn.after[rule, n])
            for n, rule in turned
        ]

    def _raises(self, rows: Rows, seen: Floats) -> Verdicts:
        """What raises a level, with the forecasts in ``seen`` on which anything hangs. Where nothing is timed, and no
        condition is met or undecided without them, none is met with them (Kleene): those are left unknown."""
        of, forecasts = self._of, self._of.signals.forecasts
        if not forecasts.awake:
            return of.raises(seen)
        start = forecasts.take_out(seen)
        forecasts.note(rows, start)
        raises = of.raises(seen)
        asked = np.flatnonzero(of.timers.busy(rows) | (raises != FALSE).any(axis=0))
        if asked.size:
            part = seen.take(asked, axis=1)
            forecasts.make(rows[asked], start[:, asked], part)
            seen[:, asked], raises[:, asked] = part, of.raises(part)
        return raises

    def _step(self, rows: Rows, at: Floats, since_last: Floats, seen: Floats, raises: Verdicts) -> Turn | None:
        """Nearly all components are at rest and raise nothing: only the others are looked at closely."""
        of, timers = self._of, self._of.timers
        stirred = np.flatnonzero(timers.busy(rows) | (raises == TRUE).any(axis=0))
        if not stirred.size:
            return None
        rows, at, since_last = rows[stirred], at[stirred], since_last[stirred]
        raises, clears = of.where_they_apply(rows, raises[:, stirred], of.clears(seen[:, stirred]))
        off = of.scopes.off(timers.watched, rows)
        if off is not None:
            np.copyto(raises, FALSE, where=off)
            np.copyto(clears, TRUE, where=off)
            timers.end(rows, off)
        busy = timers.busy(rows)
        turn = timers.step(rows, at, since_last, raises, clears)
        of.unsaved.mark(rows[busy | timers.busy(rows)])
        return None if turn is None else turn._replace(columns=stirred[turn.columns])

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
        of, judged = self._of, self._of.rules[rule]
        key, row = keys[n], rows[n]
        names = of.names(key, labels(key))
        of.labels[row] = names
        told = change(
            judged, key, names, float(at[n]), (LEVELS[before], LEVELS[after]), of.values(judged, of.seen[:, row])
        )
        if judged.is_off(names):
            return msgspec.structs.replace(told, text="This rule was switched off here.")
        return told

    def warm(self, keys: Sequence[Key], at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> None:
        of = self._of
        if not of.rules or not keys:
            return
        rows = of.rows_of(keys)
        of.signals.insert(rows, at, of.signals.matrix(metrics, len(keys)))
        of.last_at[rows] = np.maximum(of.last_at[rows], at)

    def warm_history(self, key: Key, at: Floats, metrics: Mapping[str, npt.ArrayLike]) -> None:
        of = self._of
        if not of.rules or not len(at):
            return
        row = int(of.rows_of([key])[0])
        of.signals.fold(row, at, of.signals.matrix(metrics, len(at)))
        of.last_at[row] = max(of.last_at[row], at[-1])
