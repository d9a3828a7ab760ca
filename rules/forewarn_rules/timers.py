"""When a condition becomes a level: ``for`` and ``hold``, in columns over every level of every rule of one kind.

Of a level only one thing is being timed: while it is not raised, how long its raise condition has been true; while it
is raised, how long its clear condition has. Unknown stops the clock and forgets nothing; false sets it back to zero.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_rules.rule import Level, Rule
from forewarn_rules.snapshot import KeptLevel
from forewarn_rules.tracks import Rows, grown
from forewarn_rules.verdicts import FALSE, TRUE, Floats, Verdicts

WEIGHT = {"watch": 1, "warning": 2, "critical": 3}


class Turn(NamedTuple):
    """``columns`` of the components on which anything changed; levels [rule, one of these] before and after."""

    columns: Rows
    before: npt.NDArray[np.int8]
    after: npt.NDArray[np.int8]


class Timers:
    """State of every (rule, level) pair [pair, component]; the pairs of a rule lie together, low level first."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.pairs: list[tuple[Rule, Level]] = [(rule, level) for rule in rules for level in rule.levels]
        self._for = np.array([[level.for_seconds] for _, level in self.pairs])
        self._hold = np.array([[level.hold_seconds] for _, level in self.pairs])
        self._max_gap = np.array([[rule.max_gap] for rule, _ in self.pairs])
        self._weight = np.array([[WEIGHT[level.name]] for _, level in self.pairs], dtype=np.int8)
        self._starts = np.cumsum([0, *(len(rule.levels) for rule in rules)])[:-1]
        same = [
            n
            for n, ((rule, _), (above, _)) in enumerate(zip(self.pairs, self.pairs[1:], strict=False))
            if rule is above
        ]
        self._below = np.array(same, dtype=np.intp)
        shape = (len(self.pairs), 0)
        self.raised = np.zeros(shape, dtype=np.bool_)
        self.elapsed = np.zeros(shape)
        self.ticking = np.zeros(shape, dtype=np.bool_)
        self.since = np.full(shape, np.nan)
        self.busy: npt.NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        """Components of which any pair is raised or being timed; the others need no step until something is true."""
        self.watch(np.zeros(0, dtype=np.intp))

    def watch(self, pairs: Rows) -> None:
        """Step only these pairs from now on: their numbers ascending, of a rule all or none."""
        self.watched = pairs
        self._lower = np.flatnonzero(np.isin(pairs, self._below))[::-1].tolist()
        self.busy = np.asarray((self.raised | self.ticking | (self.elapsed > 0)).any(axis=0))

    def reserve(self, capacity: int) -> None:
        self.raised = grown(self.raised, capacity, False)
        self.elapsed = grown(self.elapsed, capacity, 0.0)
        self.ticking = grown(self.ticking, capacity, False)
        self.since = grown(self.since, capacity, np.nan)
        self.busy = grown(self.busy, capacity, False)

    def forget(self, row: int) -> None:
        self.raised[:, row] = self.ticking[:, row] = False
        self.elapsed[:, row] = 0.0
        self.since[:, row] = np.nan

    def at_work(self, row: int) -> list[int]:
        """The pairs of a component that are not at rest."""
        found = self.raised[:, row] | self.ticking[:, row] | (self.elapsed[:, row] > 0)
        return np.flatnonzero(found).tolist() if found.any() else []

    def state(self, pair: int, row: int) -> KeptLevel | None:
        """What one pair would lose by being forgotten; None when it is at rest."""
        raised, ticking = bool(self.raised[pair, row]), bool(self.ticking[pair, row])
        elapsed, since = float(self.elapsed[pair, row]), float(self.since[pair, row])
        if not (raised or ticking or elapsed):
            return None
        return KeptLevel(raised, ticking, elapsed, None if np.isnan(since) else since)

    def restore(self, pair: int, row: int, state: KeptLevel) -> None:
        self.raised[pair, row] = state.raised
        self.ticking[pair, row] = state.ticking
        self.elapsed[pair, row] = state.elapsed
        self.since[pair, row] = np.nan if state.since is None else state.since
        self.busy[row] = True

    def end(self, rows: Rows, where: npt.NDArray[np.bool_]) -> None:
        """No more waiting for ``hold`` at these [watched pair, row]."""
        pairs, columns = np.nonzero(where & self.raised[self.watched[:, np.newaxis], rows])
        self.elapsed[self.watched[pairs], rows[columns]] = np.inf

    def quiet(self, row: int, where: npt.NDArray[np.bool_]) -> None:
        """End these pairs [pair] of one component at once, unless a higher level of the rule stays."""
        ends = where.copy()
        for low in self._lower:
            ends[low] &= not (self.raised[low + 1, row] and not ends[low + 1])
        self.raised[ends, row] = self.ticking[ends, row] = False
        self.elapsed[ends, row] = 0.0
        self.since[ends, row] = np.nan

    def levels(self, raised: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
        """The level of every rule [rule, component] as its place in ``model.LEVELS``, from columns of ``raised``."""
        levels: npt.NDArray[np.int8] = np.maximum.reduceat(raised * self._weight, self._starts, axis=0)
        return levels

    def step(self, rows: Rows, at: Floats, since_last: Floats, raises: Verdicts, clears: Verdicts) -> Turn | None:
        """Take one observation per component into account; return the levels of all rules where any of them changed.

        ``since_last`` is the time since the component's last observation (any value where there was none),
        ``raises`` and ``clears`` are [watched pair, component].
        """
        mine = self.watched[:, np.newaxis], rows
        raised = self.raised[mine]
        timed = np.where(raised, clears, raises)
        true = timed == TRUE
        elapsed = self.elapsed[mine]
        counts = true & self.ticking[mine] & (since_last <= self._max_gap[self.watched])
        elapsed += np.where(counts, since_last, 0.0)
        elapsed[timed == FALSE] = 0.0
        turned = true & (elapsed >= np.where(raised, self._hold[self.watched], self._for[self.watched]))
        now_raised = raised ^ turned
        for low in self._lower:  # a higher level implies the one below it
            now_raised[low] |= now_raised[low + 1]
        changed = now_raised != raised
        elapsed[changed] = 0.0
        ticking = true & ~changed
        self.ticking[mine] = ticking
        self.elapsed[mine] = elapsed
        self.busy[rows] = (now_raised | ticking | (elapsed > 0)).any(axis=0)
        if not changed.any():
            return None
        columns = np.flatnonzero(changed.any(axis=0))
        rows, at, changed, now_raised = rows[columns], at[columns], changed[:, columns], now_raised[:, columns]
        mine = self.watched[:, np.newaxis], rows
        before = self.levels(self.raised[:, rows])
        self.raised[mine] = now_raised
        self.since[mine] = np.where(now_raised, np.where(changed, at, self.since[mine]), np.nan)
        return Turn(columns, before, self.levels(self.raised[:, rows]))
