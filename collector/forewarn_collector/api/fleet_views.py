"""Answers about the whole fleet.

In text and numbers alone there is nothing for the garbage collector to find, and it takes long over so many (gc=False).
"""

import msgspec


class LatestValue(msgspec.Struct, kw_only=True, gc=False):
    """The newest value of a metric on one part of one device; null: it could not be measured. ``part``: the mount,
    sensor or disk."""

    device: str
    part: str
    at: float
    value: float | None


class Growth(msgspec.Struct, kw_only=True, gc=False):
    """How much a value has grown: ``value`` is the newest, at ``at``; ``before`` is what it was at ``before_at``."""

    device: str
    customer: str
    part: str
    growth: float
    value: float
    at: float
    before: float
    before_at: float


class Top(msgspec.Struct, kw_only=True):
    """``since``: with what was known then the newest values are compared. ``compared``: of how many parts both are
    known, ``unknown``: of how many the newest value is known and the earlier one is not."""

    metric: str
    unit: str
    since: float
    compared: int
    unknown: int
    grown: list[Growth]


class VerdictLine(msgspec.Struct, kw_only=True, gc=False):
    """One part of a device on which a rule speaks, at its worst level. ``kind``: disk, filesystem, device and so on."""

    device: str
    customer: str
    site: str
    kind: str
    part: str
    level: str
