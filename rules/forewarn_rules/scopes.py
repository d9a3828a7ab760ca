"""Which rules judge which component, by its labels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from forewarn_rules.model import Key, Labels
from forewarn_rules.rule import Level, Rule
from forewarn_rules.tracks import Rows, grown

NOTHING_TOLD = 0
"""No object has this id."""
NOWHERE = 0
"""The scope of a component that was not judged yet: no rule applies, none is off."""

Table = npt.NDArray[np.bool_]


class Scopes:
    """Components whose labels say the same to all rules have one scope: there are few scopes, and many components."""

    def __init__(self, pairs: Sequence[tuple[Rule, Level]]) -> None:
        self._pairs = pairs
        self._asked: list[str] = []
        self._numbers: dict[Any, int] = {}
        self._applies, self._off = np.zeros((2, len(pairs), 1), dtype=np.bool_)
        self._of = np.zeros(0, dtype=np.intp)
        self._told: list[object] = []
        self._told_id = np.zeros(0, dtype=np.intp)

    def reserve(self, capacity: int) -> None:
        self._of = grown(self._of, capacity, NOWHERE)
        self._told_id = grown(self._told_id, capacity, NOTHING_TOLD)
        self._told += [None] * (capacity - len(self._told))

    def forget(self, row: int) -> None:
        self._of[row] = NOWHERE
        self._told[row] = None
        self._told_id[row] = NOTHING_TOLD

    def ask(self, labels: Sequence[str]) -> None:
        """These are the labels that rules ask for now; every component is asked again."""
        if list(labels) != self._asked:
            self._asked, self._numbers = list(labels), {}
        self._told_id[:] = NOTHING_TOLD

    def learn(
        self, rows: Rows, keys: Sequence[Key], labels: Callable[[Key], Labels], told: Sequence[object]
    ) -> tuple[Rows, list[Labels]]:
        """Look at the labels of those of which another object is told than last time, and return them: most are the
        same for years, and to read them all at every report would cost a quarter of all judging."""
        which = np.fromiter(map(id, told), dtype=np.intp, count=len(told))
        new = np.flatnonzero(which != self._told_id[rows])
        if not new.size:
            return new, []
        rows, known = rows[new], [labels(keys[n]) for n in new.tolist()]
        for row, n in zip(rows.tolist(), new.tolist(), strict=True):
            self._told[row] = told[n]  # held, so that no other object can come to have its id
        self._told_id[rows] = which[new]
        self.place(rows, known)
        return rows, known

    def place(self, rows: Rows, labels: Sequence[Labels]) -> None:
        if len(self._asked) == 1:  # the tuples of one label would cost more than all the rest
            label = self._asked[0]
            said: list[Any] = [known.get(label) for known in labels]
        else:
            said = [tuple([known.get(label) for label in self._asked]) for known in labels]
        for new in set(said) - self._numbers.keys():
            values = (new,) if len(self._asked) == 1 else new
            known = {label: value for label, value in zip(self._asked, values, strict=True) if value is not None}
            applies = np.array([rule.applies_to(known) for rule, _ in self._pairs])
            off = np.array([rule.is_off(known) for rule, _ in self._pairs])
            off |= applies & [not level.applies_to(known) for _, level in self._pairs]
            applies &= ~off
            self._numbers[new] = self._applies.shape[1]
            self._applies = np.column_stack([self._applies, applies])
            self._off = np.column_stack([self._off, off])
        self._of[rows] = np.fromiter(map(self._numbers.__getitem__, said), dtype=np.intp, count=len(said))

    def applies(self, pairs: Rows, rows: Rows) -> Table:
        """Which pairs judge which components [pair, component]."""
        found: Table = self._applies[pairs].take(self._of[rows], axis=1)
        return found

    def off(self, pairs: Rows, rows: Rows) -> Table | None:
        """Which pairs were switched off, or do not apply any more, on which components; None: none anywhere."""
        return self._off[pairs].take(self._of[rows], axis=1) if self._off.any() else None
