"""How the kernel's small files are read. One that is not there, or holds no number, is no error."""

import re
from pathlib import Path


def text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def by_number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.name)
    return (int(digits[0]) if digits else 0, path.name)


def parse_count(text: str) -> int | None:
    """A count; None where it is no number, or more than a report can carry."""
    return int(text) if text.isdecimal() and len(text) < 19 else None
