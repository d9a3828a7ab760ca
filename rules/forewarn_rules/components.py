"""All components of one kind: where each stands in the columns, and what was last seen of it."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from forewarn_rules.model import PART_LABEL, Key, Kind, Labels
from forewarn_rules.rule import Rule
from forewarn_rules.scopes import Scopes
from forewarn_rules.signals import Signals
from forewarn_rules.timers import Timers
from forewarn_rules.tracks import Rows, grown, roomy
from forewarn_rules.verdicts import UNKNOWN, Floats, Verdict, Verdicts

TWICE = "a component may come only once in a round"
NAMELESS: dict[str, str | float] = {}
"""The labels of a component on which nothing changed yet."""


class Components:
    """Rows are handed out to keys as they appear and reused when forgotten. ``last_at`` [row] is the time of the last
    observation, ``seen`` [signal, row] what it showed, ``labels`` [row] those of the last change. ``raises`` and
    ``clears`` are the conditions of the pairs that are watched."""

    def __init__(self, kind: Kind, rules: Sequence[Rule]) -> None:
        self.kind = kind
        self.rules = [rule for rule in rules if rule.kind == kind and rule.status != "retired"]
        self.signals = Signals(self.rules)
        self.timers = Timers(self.rules)
        self.unsaved = self.signals.unsaved
        self.scopes = Scopes(self.timers.pairs)
        self.raises, self.clears = Verdict([]), Verdict([])
        self.last_at = np.full(0, -np.inf)
        self.seen = np.full((len(self.signals.signals), 0), np.nan)
        self.labels: list[dict[str, str | float]] = []
        self._rows: dict[Key, int] = {}
        self._free: list[int] = []
        self._met = -1  # what is asleep is known only after the first look

    def row(self, key: Key) -> int | None:
        """None for a component that was never seen."""
        return self._rows.get(key)

    def known(self, keys: Sequence[Key]) -> Rows:
        """Their rows; -1 for those that were never seen."""
        return np.fromiter(map(self._rows.get, keys, itertools.repeat(-1)), dtype=np.intp, count=len(keys))

    def all(self) -> tuple[list[Key], Rows]:
        return list(self._rows), np.fromiter(self._rows.values(), dtype=np.intp, count=len(self._rows))

    def rows_of(self, keys: Sequence[Key]) -> Rows:
        """Their rows, new ones too. Raise ValueError for a key that comes twice."""
        rows = self.known(keys)
        if len(rows) and np.bincount(rows[rows >= 0]).max(initial=0) > 1:
            raise ValueError(TWICE)
        for n in np.flatnonzero(rows < 0).tolist():
            if keys[n] in self._rows:
                raise ValueError(TWICE)
            row = rows[n] = self._free.pop() if self._free else len(self.labels)
            self._rows[keys[n]] = row
            if row == len(self.labels):
                self.labels.append(NAMELESS)
            self.signals.siblings.join(int(row), keys[n][0])
        if len(self.labels) > len(self.last_at):
            self._reserve(roomy(len(self.labels)))
        return rows

    def _reserve(self, capacity: int) -> None:
        self.signals.reserve(capacity)
        self.timers.reserve(capacity)
        self.last_at = grown(self.last_at, capacity, -np.inf)
        self.seen = grown(self.seen, capacity, np.nan)
        self.scopes.reserve(capacity)

    def forget(self, key: Key) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        self.signals.forget(row)
        self.timers.forget(row)
        self.scopes.forget(row)
        self.last_at[row] = -np.inf
        self.seen[:, row] = np.nan
        self.labels[row] = NAMELESS
        self._free.append(row)

    def awaken(self) -> None:
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
        self.raises, self.clears = Verdict(raises), Verdict(clears)

    def seen_of(self, row: int) -> Floats:
        """Every signal of a component after its last observation [signal], with the forecasts that were left out."""
        rows = np.array([row], dtype=np.intp)
        seen, forecasts = self.seen[:, rows], self.signals.forecasts
        forecasts.make(rows, forecasts.noted(rows), seen)
        return seen[:, 0]

    def seen_again(self, row: int, columns: Floats) -> Floats:
        """Every signal of a component as its last observation [metric, 1] would show it now [signal]."""
        rows = np.array([row], dtype=np.intp)
        seen, forecasts = self.signals.compute(rows, self.last_at[rows], columns), self.signals.forecasts
        forecasts.make(rows, forecasts.take_out(seen), seen)
        return seen[:, 0]

    def where_they_apply(self, rows: Rows, raises: Verdicts, clears: Verdicts) -> tuple[Verdicts, Verdicts]:
        """The verdicts [watched pair, component], unknown where the rule does not judge the component."""
        elsewhere = ~self.scopes.applies(self.timers.watched, rows)
        np.copyto(raises, UNKNOWN, where=elsewhere)
        np.copyto(clears, UNKNOWN, where=elsewhere)
        return raises, clears

    def standing_verdicts(self, rows: Rows) -> tuple[Verdicts, Verdicts]:
        """What the last observations say, of every pair: UNKNOWN for those of rules that sleep."""
        raises, clears = np.full((2, len(self.timers.pairs), len(rows)), UNKNOWN, dtype=np.uint8)
        seen = self.seen[:, rows]
        found = self.where_they_apply(rows, self.raises(seen), self.clears(seen))
        raises[self.timers.watched], clears[self.timers.watched] = found
        return raises, clears

    def names(self, key: Key, labels: Labels) -> dict[str, str | float]:
        """The labels, with those that the key itself holds."""
        part = PART_LABEL[self.kind]
        return {"device": key[0], **({} if part is None else {part: key[1]}), **labels}

    def values(self, rule: Rule, seen: Floats) -> dict[str, float]:
        """The signals of a rule by name, of all that was seen [signal]."""
        return {name: float(seen[column]) for name, column in self.signals.columns[rule.id].items()}

    def columns_of(self, values: Mapping[str, float]) -> Floats:
        """Measured values by metric as one column [metric, 1]."""
        return self.signals.matrix({metric: [value] for metric, value in values.items()}, 1)
