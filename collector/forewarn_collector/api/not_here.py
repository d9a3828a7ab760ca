"""What was asked for is not known, or could not be measured."""

import math

from forewarn_rules.metrics import Metric, find_metric


class NotHere(LookupError):
    """What was asked for is not known; the text says what is."""


def no_such_device(name: str) -> NotHere:
    return NotHere(f"no device {name!r} has reported; `forewarn devices` lists those that have")


def no_such_metric(name: str) -> NotHere:
    return NotHere(f"{name!r} is not a metric; `forewarn metrics` lists them")


def known_metric(name: str) -> Metric:
    """Raise NotHere."""
    known = find_metric(name)
    if known is None:
        raise no_such_metric(name)
    return known


def plain(value: float | None) -> float | None:
    """JSON has no nan: what could not be measured is null."""
    return None if value is None or not math.isfinite(value) else value
