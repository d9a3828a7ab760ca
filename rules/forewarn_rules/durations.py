"""Times as people write them: 90s, 20m, 1h30m, 7d, 2w."""

import datetime
import re

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
REMEDY = "write it with its units, largest first: 90s, 20m, 1h30m, 7d"


def parse_duration(text: object) -> float:
    """Seconds of a text such as ``1h30m``; a bare 0 is zero. Raise ValueError for anything else."""
    if text == 0 and not isinstance(text, bool):
        return 0.0
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    return float(sum(int(count) * size for count, size in zip(match.groups(), _UNITS.values(), strict=True) if count))


def spell_duration(seconds: float) -> str:
    """A time to read: ``45 s``, ``20 min``, ``7 h``, ``12 days``. At most two digits are worth reading."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def spell_month(at: float) -> str:
    """``March 2026`` of a time in Unix seconds, at Greenwich."""
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%B %Y}"


def write_duration(seconds: float) -> str:
    """The exact time as rule files write it: ``7h10m``; the inverse of parse_duration."""
    left, parts = round(seconds), []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
