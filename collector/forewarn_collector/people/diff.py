"""What another directory would change, as lines of the file. Pure."""

import difflib

from forewarn_collector.people.reading import write_directory
from forewarn_collector.people.schema import DirectoryFile

AROUND = 3
"""Lines that stay the same, beside each change."""


def difference(before: DirectoryFile, after: DirectoryFile) -> list[str]:
    """A unified diff of both as they are exported; empty when they are the same."""
    old, new = (write_directory(one).splitlines() for one in (before, after))
    return list(difflib.unified_diff(old, new, "applied", "new", lineterm="", n=AROUND))
