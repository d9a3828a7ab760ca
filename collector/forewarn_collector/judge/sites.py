"""When the devices of a site were last heard."""

import time

from forewarn_collector.directory import Directory
from forewarn_collector.store.reader import Reader

REMEMBER_SECONDS = 10.0
"""A fleet that falls silent asks for each of its devices."""

Site = tuple[str, str]


class Sites:
    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory
        self._known: dict[Site, dict[str, float]] = {}
        self._until = 0.0

    def heard(self, customer: str, site: str) -> dict[str, float]:
        """Each device of the site and when it was last heard, Unix seconds."""
        if time.monotonic() >= self._until:
            self._known = {}
            for row in self._reader.devices():
                whose = self._directory.whose(row.name)
                self._known.setdefault((whose.customer, whose.site), {})[row.name] = row.last_received
            self._until = time.monotonic() + REMEMBER_SECONDS
        return self._known.get((customer, site), {})
