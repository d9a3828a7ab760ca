"""Text that came from a device, made safe to show. Pure."""

import unicodedata

# Joiners that ordinary words of some scripts and many emoji need; every other format character is shown, not obeyed.
_HARMLESS = "\u200c\u200d"
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: str) -> str:
    r"""The text in one line in which nothing can steer a terminal: control characters, text direction and the like
    are written out (``\x1b``, ``\n``, ``\u202e``)."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(map(_shown, text))


def clean_lines(text: str) -> list[str]:
    """As clean, for text that may have lines."""
    return [clean(line) for line in text.replace("\r\n", "\n").split("\n")]


def clean_json(document: str) -> str:
    """A JSON document with the characters of ``clean`` as JSON escapes. Its own line breaks stay."""
    if document.isascii() and "\x7f" not in document:
        return document
    return "".join(char if char in "\n" or not _steers(char) else _json_escape(char) for char in document)


def _steers(char: str) -> bool:
    return unicodedata.category(char) in _REFUSED and char not in _HARMLESS


def _shown(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if _steers(char) else char


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
