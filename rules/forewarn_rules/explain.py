"""Texts with placeholders: checked when a rule is read, filled in when it speaks."""

import math
import re
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from forewarn_rules.durations import spell_duration, spell_month

SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
"""Units that the format ``duration`` can spell out."""

_CLAUSE = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")


@dataclass(frozen=True)
class _Piece:
    """Literal text, and the placeholder after it."""

    literal: str
    name: str = ""
    format: str = ""


@dataclass(frozen=True)
class Template:
    """A text cut into clauses; an optional clause is left out when a value in it is unknown or infinite. ``text`` is as
    it was written."""

    clauses: tuple[tuple[bool, tuple[_Piece, ...]], ...]
    text: str = ""

    def render(
        self,
        labels: Mapping[str, str | float],
        values: Mapping[str, float],
        units: Mapping[str, str],
        spell: "Spell | None" = None,
    ) -> str:
        """The text with everything filled in; ``values`` are signals, NaN where unknown, with their ``units``;
        ``spell`` writes them in another language than English."""
        spell = spell or spell_value
        said = []
        for optional, pieces in self.clauses:
            numbers = (values[piece.name] for piece in pieces if piece.name in values)
            if optional and not all(map(math.isfinite, numbers)):
                continue
            for piece in pieces:
                said.append(piece.literal)
                if piece.name in values:
                    said.append(spell(values[piece.name], piece.format, units.get(piece.name, "")))
                elif piece.name:
                    said.append(str(labels.get(piece.name, "unknown")))
        return "".join(said)


def parse_template(text: str, signals: Mapping[str, str], labels: Collection[str]) -> tuple[Template, list[str]]:
    """Cut a text up; ``signals`` gives the unit of each. Also say what is wrong with it, one sentence per mistake."""
    clauses: list[tuple[bool, tuple[_Piece, ...]]] = []
    mistakes: list[str] = []
    for n, part in enumerate(_CLAUSE.split(text)):
        try:
            pieces = [_Piece(*_checked(found, signals, labels)) for found in string.Formatter().parse(part)]
        except ValueError as error:
            mistakes.append(str(error))
            continue
        clauses.append((n % 2 == 1, tuple(pieces)))
    return Template(tuple(clauses), text), mistakes


def _checked(
    found: tuple[str, str | None, str | None, str | None], signals: Mapping[str, str], labels: Collection[str]
) -> tuple[str, str, str]:
    literal, name, spec, conversion = found
    if name is None:
        return literal, "", ""
    if name not in signals and name not in labels:
        raise ValueError(f"there is no signal or label {{{name}}}")
    if conversion or (spec and name not in signals):
        raise ValueError(f"{{{name}}} cannot be formatted: only signals can, as in {{used:.0f}}")
    if spec == "month":
        if signals[name] != "time":
            raise ValueError(f"{{{name}:month}} is not a point in time: its unit is {signals[name]}")
    elif spec == "duration":
        if signals[name] not in SECONDS:
            raise ValueError(f"{{{name}:duration}} is not a time: its unit is {signals[name]}")
    elif spec:
        try:
            format(1.0, spec)
        except ValueError:
            raise ValueError(f"{{{name}:{spec}}} is not a number format: write .0f, .1f, duration or month") from None
    return literal, name, spec or ""


Spell = Callable[[float, str, str], str]
"""Writes a value: (value, what stands behind the colon of its placeholder, unit)."""


def spell_value(value: float, spec: str, unit: str) -> str:
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "no forecast"
    if spec == "duration":
        return spell_duration(value * SECONDS[unit])
    if spec == "month":
        return spell_month(value)
    return format(value, spec or ".10g")
