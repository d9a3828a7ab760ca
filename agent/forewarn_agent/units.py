"""Durations and sizes as people write them: ``90s``, ``10m``, ``12h``, ``30d``; ``64M``, ``1G``."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SIZE = re.compile(r"(\d+)\s*([KMG]?)(?:i?B)?", re.IGNORECASE)


def parse_duration(value: object) -> float:
    """Seconds of ``90s``/``10m``/``12h``/``30d`` or of a plain number. Raise ValueError with the remedy."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match[1]) * _SECONDS[match[2]]
    else:
        raise ValueError("is not a duration: write 90s, 10m, 12h, 30d or a number of seconds")
    if not 0 < seconds <= 10 * 365 * 86400:
        raise ValueError("must be longer than nothing and shorter than ten years")
    return seconds


def parse_size(value: object) -> int:
    """Bytes of ``64M``, ``1G`` (powers of 1024) or of a plain number. Raise ValueError with the remedy."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        size = int(match[1]) * _BYTES[match[2].upper()]
    else:
        raise ValueError("is not a size: write 64M, 1G or a number of bytes")
    if size < 16 * 1024:
        raise ValueError("is too small: give at least 16K")
    return size


def duration_text(seconds: float) -> str:
    """``90`` as ``90s``, ``86400`` as ``1d``: the largest unit that is whole."""
    for unit in ("d", "h", "m"):
        count, rest = divmod(seconds, _SECONDS[unit])
        if count and not rest:
            return f"{int(count)}{unit}"
    return f"{seconds:g}s"
