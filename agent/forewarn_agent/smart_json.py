"""Careful access to smartctl's JSON: a key may be missing, or hold anything."""

from typing import Any

import msgspec

_COUNT_LIMIT = 2**63 - 1


def load_object(output: bytes) -> dict[str, Any] | None:
    """The JSON object in smartctl's output, or None. Vendors put bytes that are no UTF-8 into names."""
    try:
        document = msgspec.json.decode(output.decode("utf-8", errors="replace").encode())
    except (msgspec.DecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def dig(document: object, *path: str | int) -> Any:
    """The value at ``path``, or None where any step is missing."""
    for step in path:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        else:
            document = document[step] if isinstance(document, list) and -len(document) <= step < len(document) else None
    return document


def has(document: object, *path: str) -> bool:
    """Whether the last key of ``path`` is there, whatever it holds."""
    parent = dig(document, *path[:-1])
    return isinstance(parent, dict) and path[-1] in parent


def count(value: object) -> int | None:
    """A whole number from 0 that fits the wire, or None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_LIMIT:
        return value
    return None


def number(value: object, least: float, most: float) -> float | None:
    """A number within what can be, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return value
    return None


def text(value: object, limit: int = 200) -> str | None:
    """A name in one line, or None where there is none."""
    if not isinstance(value, str):
        return None
    line = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    return line[:limit] or None


def messages(document: object) -> list[str]:
    """What smartctl says about its own run, oldest first."""
    found = dig(document, "smartctl", "messages")
    lines = (text(dig(message, "string"), 300) for message in found) if isinstance(found, list) else ()
    return [line for line in lines if line]
