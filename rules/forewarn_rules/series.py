"""Series as test files write them: ``0+0x7 8+2x3 _x2 ?``."""

import math
import re

NO_REPORT = None
"""Stands in a series where no report came."""

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_ITEM = re.compile(
    rf"(?P<gap>[_?])(?:x(?P<gaps>\d+))?|(?P<start>{_NUMBER})(?:(?P<step>[+-]\d+(?:\.\d+)?)x(?P<count>\d+))?"
)
MOST_VALUES = 20_000


def parse_series(text: str | float) -> list[float | None]:
    """Values in order: a number, NaN where it could not be measured (``?``), None where no report came (``_``).

    ``start+stepxcount`` is the start and ``count`` more values. Raise ValueError where the text is no series.
    """
    values: list[float | None] = []
    for item in str(text).split():
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{item!r} is not part of a series")
        if match["gap"]:
            values += [NO_REPORT if match["gap"] == "_" else math.nan] * int(match["gaps"] or 1)
        else:
            start, step = float(match["start"]), float(match["step"] or 0)
            values += [start + n * step for n in range(int(match["count"] or 0) + 1)]
        if len(values) > MOST_VALUES:
            raise ValueError(f"a series of more than {MOST_VALUES} values")
    if not values:
        raise ValueError("an empty series")
    return values
