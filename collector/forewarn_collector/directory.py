"""Whose device it is: customer, site and responsible engineer, by patterns of device names. Pure."""

from collections.abc import Callable, Iterable, Sequence
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


Enrolled = tuple[str, str]
"""Customer and site."""


class Directory:
    """The first entry that matches wins; a device that none matches is "unassigned", never dropped.

    What a device was enrolled for goes before every pattern: a name alone gives nobody another customer's place. An
    entry of the same customer still says who is responsible and which tags it has. The applied directory goes before
    the entries, which are the configuration's.
    """

    def __init__(
        self,
        entries: Sequence[Entry] = (),
        enrolled: Callable[[str], Enrolled | None] = lambda _device: None,
        applied: Callable[[str, Enrolled | None], Whose | None] = lambda _device, _enrolled: None,
    ) -> None:
        """``enrolled``: customer and site of a device's token, or None. ``applied``: what the applied directory says
        of a device, beside its token; None where it says nothing."""
        self.take_up: Callable[[], None] = lambda: None
        """Learns what other collectors were told."""
        self._entries = tuple(entries)
        self._enrolled = enrolled
        self._applied = applied
        self._known: dict[str, Whose] = {}

    def whose(self, device: str) -> Whose:
        token = self._enrolled(device)
        said = self._applied(device, token)
        if said is not None:
            return said
        if token is not None:
            return self._by_token(device, *token)
        found = self._known.get(device)
        if found is None:
            found = self._known[device] = self._find(device)
        return found

    def look_again(self, devices: Iterable[str]) -> None:
        """Before something is said of devices: whom nobody knows, another collector may have enrolled a moment ago."""
        if any(self.whose(device).customer == UNASSIGNED for device in devices):
            self.take_up()

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
