"""Raw values of ATA attributes. Vendors pack several figures into the 48 bits; this takes out the one that counts.

Sources: smartmontools' drive database (formats raw16, raw24, tempminmax, msec24hour32, min2hour) and its
``raw.string``, which already has the drive's own format applied.
"""

import re

_LEADING_COUNT = re.compile(r"(\d+)(?:\s*\(.*\))?$")
_HIGH_SLASH_LOW = re.compile(r"\d+/(\d+)$")
_HOURS = re.compile(r"(\d+)h\+")
_HEXADECIMAL = re.compile(r"0x([0-9a-fA-F]{1,16})$")
_LEADING_NUMBER = re.compile(r"(\d+)\b")

COMMAND_TIMEOUT = 188
POWER_ON_HOURS, HEAD_FLYING_HOURS = 9, 240
TEMPERATURES = (190, 194)
# Seagate counts errors in the high word and operations in the low one.
ERRORS_OVER_OPERATIONS = (1, 7, 195)
_LOW_32, _LOW_16, _LOW_8 = 0xFFFFFFFF, 0xFFFF, 0xFF


def decode_raw(attribute: int, string: str | None, packed: int | None, power_on_hours: int | None = None) -> int | None:
    """The figure of an attribute, or None where neither its text nor its 48 bits can be read.

    ``string`` is smartctl's ``raw.string``, ``packed`` its ``raw.value``, ``power_on_hours`` its own figure for the
    hours, which knows the drives that count minutes.
    """
    string = (string or "").strip()
    if attribute == POWER_ON_HOURS and power_on_hours is not None:
        return power_on_hours
    if attribute == COMMAND_TIMEOUT:
        return _low(packed, _LOW_16, string)
    if attribute in TEMPERATURES:
        shown = _leading(string)
        return shown if shown is not None and shown <= _LOW_8 else _low(packed, _LOW_8, string)
    if match := _HOURS.match(string):
        return int(match[1])
    if attribute in (HEAD_FLYING_HOURS, POWER_ON_HOURS, *ERRORS_OVER_OPERATIONS):
        shown = _leading(string)
        return shown if shown is not None and shown <= _LOW_32 else _low(packed, _LOW_32, string)
    if match := _LEADING_COUNT.match(string) or _HIGH_SLASH_LOW.match(string):
        return _fits(int(match[1]))
    if match := _HEXADECIMAL.match(string):
        return _fits(int(match[1], 16))
    if packed is not None:
        return packed
    return _leading(string)


def _leading(string: str) -> int | None:
    match = _LEADING_NUMBER.match(string)
    return _fits(int(match[1])) if match else None


def _low(packed: int | None, mask: int, string: str) -> int | None:
    if packed is not None:
        return packed & mask
    words = re.findall(r"\d+", string)
    return int(words[-1]) & mask if words else None


def _fits(value: int) -> int | None:
    return value if value < 2**63 else None
