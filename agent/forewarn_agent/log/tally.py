"""How often each kind of message was seen of each disk and of the machine, kept over restarts of the agent."""

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from forewarn_agent.log.entry import DISK_COUNTS, MACHINE_COUNTS, Entry

log = logging.getLogger(__name__)

MACHINE = ""
"""What the machine itself is counted under; a disk goes by its key."""
_MOST_PARTS = 256


class Kept(msgspec.Struct):
    """``cursor`` is where the log was read to; ``counts`` goes by part and count, ``told`` holds the parts of which
    a first report was made."""

    cursor: str = ""
    counts: dict[str, dict[str, int]] = {}
    told: list[str] = []


class Tally:
    """``kept``, read from ``path`` and written by ``keep``. A file that is lost counts from zero again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.kept = Kept()
        self._written = b""
        if path is not None:
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                self._written = path.read_bytes()
                self.kept = msgspec.json.decode(self._written, type=Kept)

    def add(self, part: str, entry: Entry) -> None:
        if part not in self.kept.counts and len(self.kept.counts) >= _MOST_PARTS:
            return
        counts = self.kept.counts.setdefault(part, {})
        for name in entry.counts:
            if name in (DISK_COUNTS if part != MACHINE else MACHINE_COUNTS):
                counts[name] = counts.get(name, 0) + 1

    def parts(self, known: Iterable[str]) -> list[str]:
        """The disks that are there, and those of which something was counted."""
        return sorted({*known, *self.kept.counts, *self.kept.told} - {MACHINE})[:_MOST_PARTS]

    def tell(self, part: str, counted: frozenset[str]) -> dict[str, int]:
        """The counts of a part, for those that this platform counts.

        The first time they are all 0, whatever was found: a collector judges by growth, and growth begins somewhere.
        A reading by hand, of which nothing is kept, says at once what it found.
        """
        first = self._path is not None and part not in self.kept.told
        if first:
            self.kept.told.append(part)
        found = {} if first else self.kept.counts.get(part, {})
        return {name: found.get(name, 0) for name in (DISK_COUNTS if part else MACHINE_COUNTS) if name in counted}

    def keep(self) -> None:
        """Write it down. A file that cannot be written costs a second count of the same messages, nothing else."""
        encoded = msgspec.json.encode(self.kept)
        if self._path is None or encoded == self._written:
            return
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(encoded)
            part.replace(self._path)
        except OSError as error:
            log.warning("what was counted in the system's log is not kept: %s", error)
        else:
            self._written = encoded
