"""When a condition becomes a level: ``for`` and ``hold``, in columns over every level of every rule of one kind.

Of a level only one thing is being timed: while it is not raised, how long its raise condition has been true; while it
is raised, how long its clear condition has. Unknown stops the clock and forgets nothing; false sets it back to zero.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from forewarn_rules.rule import Level, Rule
from forewarn_rules.snapshot import KeptLevel
from forewarn_rules.tracks import Rows, grown, roomy
from forewarn_rules.verdicts import FALSE, TRUE, Floats, Verdicts

AT_REST = 0
"""The slot of every component of which nothing is raised or being timed; it stays empty."""
WEIGHT = {"watch": 1, "warning": 2, "critical": 3}


class Turn(NamedTuple):
    """``columns`` of the components on which anything changed; levels [rule, one of these] before and after."""

    columns: Rows
    before: npt.NDArray[np.int8]
    after: npt.NDArray[np.int8]


class Timers:
    """State of every (rule, level) pair [pair, slot]; the pairs of a rule lie together, low level first.

    Nearly all components are at rest and share one slot; the others have a slot of their own while they are not.
    """

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
        shape = (len(self.pairs), 1)
        self._slot_of = np.full(0, AT_REST, dtype=np.int32)
        self._free: list[int] = []
        self._raised = np.zeros(shape, dtype=np.bool_)
        self._elapsed = np.zeros(shape)
        self._ticking = np.zeros(shape, dtype=np.bool_)
        self._since = np.full(shape, np.nan)
        self.watch(np.zeros(0, dtype=np.intp))

    def watch(self, pairs: Rows) -> None:
        """Step only these pairs from now on: their numbers ascending, of a rule all or none."""
        self.watched = pairs
        self._lower = np.flatnonzero(np.isin(pairs, self._below))[::-1].tolist()

    def reserve(self, capacity: int) -> None:
        self._slot_of = grown(self._slot_of, capacity, AT_REST)

    def busy(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Of which components any pair is raised or being timed; the others need no step until something is true."""
        found: npt.NDArray[np.bool_] = self._slot_of[rows] != AT_REST
        return found

    def raised(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """[pair, component]"""
        found: npt.NDArray[np.bool_] = self._raised[:, self._slot_of[rows]]
        return found

    def since(self, pairs: slice, row: int) -> float:
        """When the one of these pairs that was raised last was; NaN where none is."""
        return float(np.fmax.reduce(self._since[pairs, self._slot_of[row]]))

    def forget(self, row: int) -> None:
        slot = self._slot_of[row]
        if slot != AT_REST:
            self._raised[:, slot] = self._ticking[:, slot] = False
            self._elapsed[:, slot] = 0.0
            self._since[:, slot] = np.nan
            self._release(np.array([row]))

    def at_work(self, row: int) -> list[int]:
        """The pairs of a component that are not at rest."""
        slot = self._slot_of[row]
        return [] if slot == AT_REST else np.flatnonzero(self._works(slot)).tolist()

    def state(self, pair: int, row: int) -> KeptLevel | None:
        """What one pair would lose by being forgotten; None when it is at rest."""
        slot = self._slot_of[row]
        raised, ticking = bool(self._raised[pair, slot]), bool(self._ticking[pair, slot])
        elapsed, since = float(self._elapsed[pair, slot]), float(self._since[pair, slot])
        if not (raised or ticking or elapsed):
            return None
        return KeptLevel(raised, ticking, elapsed, None if np.isnan(since) else since)

    def restore(self, pair: int, row: int, state: KeptLevel) -> None:
        slot = self._held(np.array([row]))[0]
        self._raised[pair, slot] = state.raised
        self._ticking[pair, slot] = state.ticking
        self._elapsed[pair, slot] = state.elapsed
        self._since[pair, slot] = np.nan if state.since is None else state.since

    def end(self, rows: Rows, where: npt.NDArray[np.bool_]) -> None:
        """No more waiting for ``hold`` at these [watched pair, row]."""
        slots = self._slot_of[rows]
        pairs, columns = np.nonzero(where & self._raised[self.watched[:, np.newaxis], slots])
        self._elapsed[self.watched[pairs], slots[columns]] = np.inf

    def quiet(self, row: int, where: npt.NDArray[np.bool_]) -> None:
        """End these pairs [pair] of one component at once, unless a higher level of the rule stays."""
        slot = self._slot_of[row]
        if slot == AT_REST:
            return
        ends = where.copy()
        for low in self._below[::-1].tolist():
            ends[low] &= not (self._raised[low + 1, slot] and not ends[low + 1])
        self._raised[ends, slot] = self._ticking[ends, slot] = False
        self._elapsed[ends, slot] = 0.0
        self._since[ends, slot] = np.nan
        if not self._works(slot).any():
            self._release(np.array([row]))

    def levels(self, rows: Rows) -> npt.NDArray[np.int8]:
        """The level of every rule [rule, component] as its place in ``model.LEVELS``."""
        return self._levels(self._slot_of[rows])

    def _levels(self, slots: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
        raised = self._raised[:, slots]
        levels: npt.NDArray[np.int8] = np.maximum.reduceat(raised * self._weight, self._starts, axis=0)
        return levels

    def step(self, rows: Rows, at: Floats, since_last: Floats, raises: Verdicts, clears: Verdicts) -> Turn | None:
        """Take one observation per component into account; return the levels of all rules where any of them changed.

        ``since_last`` is the time since the component's last observation (any value where there was none),
        ``raises`` and ``clears`` are [watched pair, component].
        """
        slots = self._held(rows)
        mine = self.watched[:, np.newaxis], slots
        raised = self._raised[mine]
        timed = np.where(raised, clears, raises)
        true = timed == TRUE
        elapsed = self._elapsed[mine]
        counts = true & self._ticking[mine] & (since_last <= self._max_gap[self.watched])
        elapsed += np.where(counts, since_last, 0.0)
        elapsed[timed == FALSE] = 0.0
        turned = true & (elapsed >= np.where(raised, self._hold[self.watched], self._for[self.watched]))
        now_raised = raised ^ turned
        for low in self._lower:  # a higher level implies the one below it
            now_raised[low] |= now_raised[low + 1]
        changed = now_raised != raised
        elapsed[changed] = 0.0
        ticking = true & ~changed
        self._ticking[mine] = ticking
        self._elapsed[mine] = elapsed
        turn = self._turn(slots, at, changed, now_raised) if changed.any() else None
        self._release(rows[~self._works(slots).any(axis=0)])
        return turn

    def _turn(
        self, slots: npt.NDArray[np.int32], at: Floats, changed: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]
    ) -> Turn:
        columns = np.flatnonzero(changed.any(axis=0))
        slots, at, changed, now = slots[columns], at[columns], changed[:, columns], now[:, columns]
        mine = self.watched[:, np.newaxis], slots
        before = self._levels(slots)
        self._raised[mine] = now
        self._since[mine] = np.where(now, np.where(changed, at, self._since[mine]), np.nan)
        return Turn(columns, before, self._levels(slots))

    def _works(self, slots: Any) -> npt.NDArray[np.bool_]:
        """Which pairs are not at rest, of one slot or of several."""
        found: npt.NDArray[np.bool_] = self._raised[:, slots] | self._ticking[:, slots] | (self._elapsed[:, slots] > 0)
        return found

    def _held(self, rows: Rows) -> npt.NDArray[np.int32]:
        """A slot of its own for each of these components."""
        new = rows[self._slot_of[rows] == AT_REST]
        if len(new) > len(self._free):
            used = self._raised.shape[1]
            capacity = roomy(used + len(new))
            self._raised = grown(self._raised, capacity, False)
            self._elapsed = grown(self._elapsed, capacity, 0.0)
            self._ticking = grown(self._ticking, capacity, False)
            self._since = grown(self._since, capacity, np.nan)
            self._free += range(used, capacity)
        self._slot_of[new] = [self._free.pop() for _ in new]
        found: npt.NDArray[np.int32] = self._slot_of[rows]
        return found

    def _release(self, rows: Rows) -> None:
        """These are at rest: their slots are empty."""
        self._free += self._slot_of[rows].tolist()
        self._slot_of[rows] = AT_REST
