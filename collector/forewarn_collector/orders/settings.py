"""What an engineer wants an agent to be set to, checked before it is sent. Pure."""

import math

from forewarn_collector.orders.model import OrderError
from forewarn_rules.durations import REMEDY, parse_duration, write_duration
from forewarn_wire import Setting
from forewarn_wire.remote import DURATIONS, LISTS, MAY_BE_OFF, is_switch

KNOWN = (*DURATIONS, *LISTS, "probes.NAME")
SWITCHES = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}
MOST_NAMES, LONGEST_NAME = 64, 200


def checked(key: str, value: Setting) -> Setting:
    """The value as it is sent. Texts may be written as in the agent's configuration file. Raise OrderError."""
    if key in DURATIONS:
        return _duration(key, value)
    if key in LISTS:
        return _names(key, value)
    if is_switch(key):
        return _switch(key, value)
    raise OrderError(f"{key!r:.100} cannot be set from afar; known are {', '.join(KNOWN)}")


def _duration(key: str, value: Setting) -> Setting:
    if key in MAY_BE_OFF and value in (False, "off"):
        return "off"
    bounds = DURATIONS[key]
    try:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = float(value) if number else parse_duration(value)  # type: ignore[arg-type]
    except ValueError:
        raise OrderError(f"{key}: {value!r:.100} is not a duration: {REMEDY}") from None
    if not (math.isfinite(seconds) and bounds.least <= seconds <= bounds.most):
        least, most = (write_duration(bound) for bound in bounds)
        raise OrderError(f"{key}: must be between {least} and {most}")
    return seconds


def _switch(key: str, value: Setting) -> Setting:
    known = SWITCHES.get(value) if isinstance(value, str) else value
    if not isinstance(known, bool):
        raise OrderError(f"{key}: {value!r:.100} is not a switch: write on or off")
    return known


def _names(key: str, value: Setting) -> Setting:
    names = [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in names):
        raise OrderError(f"{key}: must be at most {MOST_NAMES} names with commas between them")
    return names
