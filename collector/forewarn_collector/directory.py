"""Whose device it is: customer, site and responsible engineer, by patterns of device names. Pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

UNASSIGNED = "unassigned"


class Whose(NamedTuple):
    customer: str = UNASSIGNED
    site: str = ""
    engineer: str = ""
    tags: tuple[str, ...] = ()


class Entry(NamedTuple):
    """``devices``: shell patterns of device names (``acme-12-*``)."""

    whose: Whose
    devices: tuple[str, ...]


class Directory:
    """The first entry that matches wins; a device that none matches is "unassigned", never dropped."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self._entries = tuple(entries)
        self._known: dict[str, Whose] = {}

    def whose(self, device: str) -> Whose:
        found = self._known.get(device)
        if found is None:
            found = self._known[device] = self._find(device)
        return found

    def _find(self, device: str) -> Whose:
        for entry in self._entries:
            if any(fnmatchcase(device, pattern) for pattern in entry.devices):
                return entry.whose
        return Whose()
