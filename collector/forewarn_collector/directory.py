"""Whose device it is: customer, site and responsible engineer, by patterns of device names. Pure."""

from collections.abc import Callable, Sequence
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
    """The first entry that matches wins; a device that none matches is "unassigned", never dropped.

    What a device was enrolled for goes before every pattern: a name alone gives nobody another customer's place. An
    entry of the same customer still says who is responsible and which tags it has.
    """

    def __init__(
        self,
        entries: Sequence[Entry] = (),
        enrolled: Callable[[str], tuple[str, str] | None] = lambda _device: None,
    ) -> None:
        """``enrolled``: customer and site of a device's token, or None."""
        self._entries = tuple(entries)
        self._enrolled = enrolled
        self._known: dict[str, Whose] = {}

    def whose(self, device: str) -> Whose:
        token = self._enrolled(device)
        if token is not None:
            return self._by_token(device, *token)
        found = self._known.get(device)
        if found is None:
            found = self._known[device] = self._find(device)
        return found

    def _by_token(self, device: str, customer: str, site: str) -> Whose:
        fitting = (
            entry.whose
            for entry in self._entries
            if entry.whose.customer == customer and any(fnmatchcase(device, pattern) for pattern in entry.devices)
        )
        found = next(fitting, Whose())
        return Whose(customer, site or found.site, found.engineer, found.tags)

    def _find(self, device: str) -> Whose:
        for entry in self._entries:
            if any(fnmatchcase(device, pattern) for pattern in entry.devices):
                return entry.whose
        return Whose()
