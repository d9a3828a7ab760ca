"""Numbers, times and courses of values as an engineer reads them. Pure."""

import itertools
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich import filesize

from forewarn_rules.durations import spell_duration
from forewarn_rules.wording import say_value

UNKNOWN = "?"
"""Stands where a value could not be measured."""
ABSENT = "-"
"""Stands where there is nothing to measure, or nobody did."""

BARS = "▁▂▃▄▅▆▇█"
GAP = " "


class Times(NamedTuple):
    """``now`` is the collector's clock, so ages are right whatever this machine's clock says."""

    now: float
    utc: bool = False

    def age(self, at: float) -> str:
        """``3 min ago``; ``in 5 min`` for a clock that is ahead."""
        seconds = self.now - at
        if abs(seconds) < 2:
            return "now"
        return f"{spell_duration(seconds)} ago" if seconds > 0 else f"in {spell_duration(-seconds)}"

    def moment(self, at: float, seconds: bool = False) -> str:
        """``2026-11-23 19:14`` in local time, ``2026-11-23 19:14 UTC`` in UTC."""
        form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
        try:
            then = datetime.fromtimestamp(at, UTC)
            return f"{then:{form}} UTC" if self.utc else f"{then.astimezone():{form}}"
        except (OverflowError, ValueError, OSError):
            return f"{at:.0f} s"

    def both(self, at: float) -> str:
        return f"{self.moment(at)} ({self.age(at)})"

    def span(self, start: float, end: float) -> str:
        """``2026-11-23 19:14-19:40``"""
        first, last = self.moment(start), self.moment(end)
        day = f"{last:.11}"
        same = first.startswith(day) and len(last) > len(day)
        return f"{first.removesuffix(' UTC')}-{last.removeprefix(day)}" if same else f"{first} - {last}"

    def iso(self, at: float) -> str:
        """``2026-11-23T19:14:05.250+01:00``, for other programs."""
        then = datetime.fromtimestamp(at, UTC)
        return (then if self.utc else then.astimezone()).isoformat(timespec="milliseconds")


def quantity(value: float | None, unit: str) -> str:
    """A value with its unit; None is one that could not be measured."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    match unit:
        case "percent":
            return f"{value:.0f} %" if value >= 10 or value == round(value) else f"{value:.1f} %"
        case "bytes":
            return filesize.decimal(round(value))
        case "celsius":
            return f"{value:.0f} °C"
        case "seconds":
            return spell_duration(value)
        case "hours":
            return f"{value:,.0f} h"
        case "yes/no":
            return "yes" if value else "no"
        case _:
            return say_value(value, unit)


def count(many: int, noun: str) -> str:
    """``1 disk``, ``2 disks``"""
    return f"{many:,} {noun}" if many == 1 else f"{many:,} {noun}s"


def bucketed(
    at: Sequence[float], values: Sequence[float | None], start: float, end: float, width: int
) -> list[float | None]:
    """The greatest measured value of each of ``width`` equal stretches of time; None where none was."""
    buckets: list[float | None] = [None] * width
    if end <= start:
        return buckets
    for when, value in zip(at, values, strict=True):
        if value is None or not start <= when <= end:
            continue
        place = min(width - 1, int((when - start) / (end - start) * width))
        held = buckets[place]
        buckets[place] = value if held is None else max(held, value)
    return buckets


def sparkline(values: Sequence[float | None], low: float | None = None, high: float | None = None) -> str:
    """One bar for each value, a gap where it is None. ``low`` and ``high`` fix the ends of the scale."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    bottom = min(known) if low is None else min(low, *known)
    top = max(known) if high is None else max(high, *known)
    span = top - bottom
    last = len(BARS) - 1
    return "".join(
        GAP if value is None else BARS[round((value - bottom) / span * last) if span > 0 else 0] for value in values
    )


def segments(at: Sequence[float], values: Sequence[float | None]) -> list[tuple[list[float], list[float]]]:
    """Cut a course where a value is unknown and where reports stayed away (five times the usual distance)."""
    distances = sorted(later - earlier for earlier, later in itertools.pairwise(at))
    longest = 5 * distances[len(distances) // 2] if distances else math.inf
    found: list[tuple[list[float], list[float]]] = []
    last: float | None = None
    for when, value in zip(at, values, strict=True):
        if value is None:
            last = None
            continue
        if last is None or when - last > longest:
            found.append(([], []))
        found[-1][0].append(when)
        found[-1][1].append(value)
        last = when
    return found
