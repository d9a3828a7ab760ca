"""Which settings of an agent a server may change, and within which bounds. Both sides hold to it."""

import re
from typing import NamedTuple


class Bounds(NamedTuple):
    """Seconds, both ends allowed: a server must neither silence an agent nor make it a burden."""

    least: float
    most: float


DURATIONS = {
    "load_interval": Bounds(10, 3600),
    "smart_interval": Bounds(300, 86400),
    "outbox.keep": Bounds(0, 14 * 86400),
    "self_tests.short": Bounds(86400, 366 * 86400),
    "self_tests.extended": Bounds(7 * 86400, 366 * 86400),
}
MAY_BE_OFF = frozenset({"self_tests.short", "self_tests.extended"})
LISTS = ("filesystems.exclude_fstypes", "filesystems.exclude_mounts")
_SWITCH = re.compile(r"probes\.[a-z][a-z0-9_-]{0,40}", re.ASCII)


def is_switch(name: str) -> bool:
    """Whether a setting turns a probe on or off. Which probes there are, the agent of a machine knows."""
    return _SWITCH.fullmatch(name) is not None
