"""One root cause, one ticket: to which open ticket a new fault belongs, and why. Pure.

Only facts belong together here; what a rule predicts of a part is of that part alone.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from forewarn_rules import Kind

TOGETHER = 900.0
"""Seconds: how far apart the reports of one machine's disks may be."""
NEAR = 3600.0
"""Seconds within which a consequence is seen: an array is read with the load, a disk is missed later."""
LONG_GONE = 7 * 86_400.0
"""A device that was silent this long before the others says nothing about their site."""
GONE = (Kind.PRESENCE, Kind.DISK_LOG)
"""As these a disk is judged that is not there to speak for itself."""


class Trouble(NamedTuple):
    """A new fault. ``began``: Unix seconds; of what is silent, when it was last heard."""

    kind: str
    part: str
    fault: str
    began: float


class Standing(NamedTuple):
    """An open ticket of the same device. ``kinds``: as what its evidence was judged; ``parts``: about which parts."""

    number: int
    fault: str
    kinds: frozenset[str]
    parts: frozenset[str]
    began: float


class Root(NamedTuple):
    """``leads``: the new fault is the cause of what the ticket is about, so the ticket takes its words."""

    number: int
    leads: bool
    reason: str


def root(new: Trouble, standing: Iterable[Standing]) -> Root | None:
    """The ticket of the device that the new fault belongs to; None when it is a fault of its own."""
    for other in sorted(standing, key=lambda one: one.number):
        apart = abs(other.began - new.began)
        reason = _same_cause(new, other, apart) if apart <= NEAR else None
        if reason is not None:
            return Root(other.number, new.fault == "power", reason)
    return None


def _same_cause(new: Trouble, other: Standing, apart: float) -> str | None:
    """Whether a disk is missed (``presence``) alone or with others its rules have decided; the log tells of one."""
    gone, others_gone = new.kind in GONE, bool(other.kinds & set(GONE))
    logged = new.kind == Kind.DISK_LOG
    if "power" in (new.fault, other.fault):
        consequence = logged or new.kind == Kind.ARRAY if other.fault == "power" else others_gone or _array(other)
        return "what the disks share has failed: power, cable or backplane" if consequence else None
    if (new.kind == Kind.ARRAY and others_gone) or (gone and _array(other)):
        return "the disk that is gone is the member that the array lacks"
    if logged and others_gone and new.part not in other.parts and apart <= TOGETHER:
        return "disks fail one by one: what several share that go in the same minutes has failed"
    return None


def _array(other: Standing) -> bool:
    return Kind.ARRAY in other.kinds


class Offline(NamedTuple):
    """How many devices of a site are silent, of how many that were heard lately."""

    silent: int
    known: int


def offline_site(began: float, heard: Sequence[float]) -> Offline | None:
    """Whether a silent device is its site being offline; None when it is silent alone.

    ``heard``: when each device of the site was last heard, this one among them. Half of those that were heard in the
    week before must have fallen silent with it.
    """
    known = [at for at in heard if at >= began - LONG_GONE]
    silent = [at for at in known if abs(at - began) <= NEAR]
    if len(silent) < 2 or 2 * len(silent) < len(known):
        return None
    return Offline(len(silent), len(known))
