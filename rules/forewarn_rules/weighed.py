"""A condition over present values: which parts hold, which do not, which are unknown, and what would turn it. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import msgspec
import numpy as np

from forewarn_rules.conditions import Compare, Condition, leaves
from forewarn_rules.rule import Signal
from forewarn_rules.verdicts import TRUE, UNKNOWN, Verdict
from forewarn_rules.wording import say_condition, say_value

VERDICTS = ("false", "unknown", "true")
"""In the order of the codes of ``verdicts``."""

_OPPOSITE = {"above": "at_most", "at_least": "below", "below": "at_least", "at_most": "above"}
_JOINED = {"all": "all of", "any": "any of", "not": "not"}


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """A condition and its ``verdict``: true, false or unknown.

    A comparison says in ``why`` what its signal is now, or why that is unknown; what joins others has them as
    ``parts``.
    """

    text: str
    verdict: str
    why: str = ""
    parts: tuple["Weighed", ...] = ()


class Values:
    """The present values of a rule's signals (NaN: unknown), with the reason why one is not known."""

    def __init__(self, signals: Mapping[str, Signal], values: Mapping[str, float], unknown: Mapping[str, str]) -> None:
        self._signals, self._values, self._unknown = signals, values, unknown
        self._columns = {name: n for n, name in enumerate(values)}
        self._matrix = np.array(list(values.values()))[:, np.newaxis]

    def weigh(self, condition: Condition) -> Weighed:
        verdict = VERDICTS[self._code(condition)]
        if isinstance(condition, Compare):
            return Weighed(text=say_condition(condition), verdict=verdict, why=self._why(condition))
        parts = tuple(self.weigh(part) for part in condition.parts)
        return Weighed(text=_JOINED[condition.how], verdict=verdict, parts=parts)

    def turned_by(self, condition: Condition) -> tuple[str, ...]:
        """What would make the condition true now, each alone; when one alone is not enough, all that must come together
        in one text. Empty where it is true."""
        if self._code(condition) == TRUE:
            return ()
        asked = list(leaves(condition))
        codes = [self._code(leaf) for leaf in asked]
        wanted = [TRUE if up else 2 - TRUE for up in _wanted(condition)]
        missing = [n for n in range(len(asked)) if codes[n] != wanted[n]]
        alone = [n for n in missing if _joined(condition, iter([*codes[:n], wanted[n], *codes[n + 1 :]])) == TRUE]
        said = {n: self._turn(asked[n], wanted[n] == TRUE) for n in alone or missing}
        return tuple(dict.fromkeys(said.values())) if alone else (" and ".join(dict.fromkeys(said.values())),)

    def _code(self, condition: Condition) -> int:
        return int(Verdict([(condition, self._columns)])(self._matrix)[0, 0])

    def _turn(self, leaf: Compare, holds: bool) -> str:
        if not holds and leaf.comparison in _OPPOSITE:
            said = say_condition(replace(leaf, comparison=_OPPOSITE[leaf.comparison]))
        else:
            said = say_condition(leaf) if holds else f"not {say_condition(leaf)}"
        limit = "" if leaf.other is None else f"; {leaf.other} is {self._now(leaf.other)}"
        return f"{said} (now {self._now(leaf.signal)}{limit})"

    def _why(self, leaf: Compare) -> str:
        names = (leaf.signal,) if leaf.other is None else (leaf.signal, leaf.other)
        return "; ".join(
            f"{name} is {self._now(name)}" + (f": {self._unknown[name]}" if self._unknown.get(name) else "")
            for name in names
        )

    def _now(self, name: str) -> str:
        value = self._values[name]
        if math.isnan(value):
            return "unknown"
        if math.isinf(value):
            return "endless"
        return say_value(value, self._signals[name].unit)


def _wanted(condition: Condition, up: bool = True) -> Iterator[bool]:
    """For each comparison, whether it has to hold for the whole to hold."""
    if isinstance(condition, Compare):
        yield up
        return
    for part in condition.parts:
        yield from _wanted(part, up != (condition.how == "not"))


def _joined(condition: Condition, codes: Iterator[int]) -> int:
    """The verdict on the whole when its comparisons have these."""
    if isinstance(condition, Compare):
        return next(codes)
    parts = [_joined(part, codes) for part in condition.parts]
    if condition.how == "not":
        return 2 * UNKNOWN - parts[0]
    return min(parts) if condition.how == "all" else max(parts)
