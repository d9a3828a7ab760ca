"""Conditions evaluated in columns, in three-valued (Kleene) logic: false, unknown, true."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from forewarn_rules.conditions import Condition, Join, leaves

FALSE, UNKNOWN, TRUE = 0, 1, 2
"""Ordered, so that all is the minimum, any the maximum, and not is 2 - x."""

Floats = npt.NDArray[np.float64]
Verdicts = npt.NDArray[np.uint8]

_OPERATIONS: dict[str, np.ufunc] = {
    "above": np.greater,
    "at_least": np.greater_equal,
    "below": np.less,
    "at_most": np.less_equal,
    "equals": np.equal,
}
_ORDER = (*_OPERATIONS, "any_bit")


class Verdict:
    """Several conditions over one matrix of signals, compiled so that all comparisons are made together."""

    def __init__(self, conditions: Sequence[tuple[Condition, Mapping[str, int]]]) -> None:
        """Each condition comes with the rows that its signals have in the matrix."""
        found = {
            (compare, columns[compare.signal], None if compare.other is None else columns[compare.other])
            for condition, columns in conditions
            for compare in leaves(condition)
        }
        atoms = sorted(found, key=lambda atom: (_ORDER.index(atom[0].comparison), atom[1], repr(atom)))
        self._place = {atom: n for n, atom in enumerate(atoms)}
        self._left = np.array([left for _, left, _ in atoms], dtype=np.intp)
        self._limits = np.array([compare.limit for compare, _, _ in atoms])[:, np.newaxis]
        self._against = np.array([n for n, atom in enumerate(atoms) if atom[2] is not None], dtype=np.intp)
        self._right = np.array([right for _, _, right in atoms if right is not None], dtype=np.intp)
        self._times = np.array([[compare.times] for compare, _, right in atoms if right is not None])
        self._bits = np.array([[c.bits] for c, _, _ in atoms if c.comparison == "any_bit"], dtype=np.int64)
        counts = [sum(c.comparison == comparison for c, _, _ in atoms) for comparison in _ORDER]
        ends = np.cumsum(counts)
        self._slices = [
            (comparison, slice(int(end) - count, int(end)))
            for comparison, count, end in zip(_ORDER, counts, ends, strict=True)
            if count
        ]
        self._trees = [self._compiled(condition, columns) for condition, columns in conditions]

    def _compiled(self, condition: Condition, columns: Mapping[str, int]) -> "_Tree":
        if isinstance(condition, Join):
            return condition.how, [self._compiled(part, columns) for part in condition.parts]
        other = None if condition.other is None else columns[condition.other]
        return self._place[(condition, columns[condition.signal], other)]

    def __call__(self, signals: Floats) -> Verdicts:
        """One row of verdicts per condition, one column per component. NaN in ``signals`` is unknown."""
        left = signals[self._left]
        right = np.broadcast_to(self._limits, left.shape)
        unknown = np.isnan(left)
        if self._right.size:
            right = right.copy()
            right[self._against] += self._times * signals[self._right]
            unknown |= np.isnan(right)
        codes = np.empty(left.shape, dtype=np.uint8)
        for comparison, part in self._slices:
            codes[part] = self._compare(comparison, left[part], right[part])
        codes *= np.uint8(TRUE)
        codes[unknown] = UNKNOWN
        verdicts = np.empty((len(self._trees), left.shape[1]), dtype=np.uint8)
        for n, tree in enumerate(self._trees):
            verdicts[n] = _joined(tree, codes)
        return verdicts

    def _compare(self, comparison: str, left: Floats, right: Floats) -> npt.NDArray[np.bool_]:
        held: npt.NDArray[np.bool_]
        if comparison == "any_bit":
            held = (np.where(np.isfinite(left), left, 0).astype(np.int64) & self._bits) != 0
        else:
            held = _OPERATIONS[comparison](left, right)
        return held


_Tree = int | tuple[str, list["_Tree"]]
"""A row of the comparisons, or how several trees are joined."""


def _joined(tree: _Tree, codes: Verdicts) -> Verdicts:
    if isinstance(tree, int):
        return codes[tree, :]
    how, parts = tree
    joined = _joined(parts[0], codes)
    if how == "not":
        return TRUE - joined
    for part in parts[1:]:
        joined = (np.minimum if how == "all" else np.maximum)(joined, _joined(part, codes))
    return joined


def negate(condition: Condition) -> Condition:
    return Join("not", (condition,))
