"""Topic names: ``forewarn/v1/<device>/up/<kind>`` and ``forewarn/v1/<device>/down/<kind>``."""

import re
import sys
from dataclasses import dataclass

ROOT = "forewarn/v1"
UP_KINDS = ("status", "load", "smart", "event", "reply")
DOWN_KINDS = ("config", "command")
DEVICE_NAME_RULE = "1 to 63 lower case letters, digits and dashes, beginning with a letter or a digit"
# The collector's own reports, which show that the way is open. No device may be called so.
CANARY = "forewarn-canary"
RESERVED = frozenset({CANARY, "collector", "forewarn", "broker", "admin", "all", "none", "unassigned"})

_DEVICE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


class TopicError(ValueError):
    """A topic that is not forewarn's."""


@dataclass(frozen=True, slots=True)
class Topic:
    device: str
    direction: str
    kind: str


def device_name_problem(name: str) -> str | None:
    """Say what is wrong with a device name, or None.

    The name is also user name, MQTT client id and certificate CN, so it must be safe in all of them.
    """
    if not _DEVICE_NAME.fullmatch(name):
        return f"{name[:80]!r} is not a device name: use {DEVICE_NAME_RULE}"
    if name in RESERVED:
        return f"{name!r} is reserved: choose another device name"
    return None


def up_topic(device: str, kind: str) -> str:
    return f"{ROOT}/{device}/up/{kind}"


def down_topic(device: str, kind: str) -> str:
    return f"{ROOT}/{device}/down/{kind}"


def parse_topic(topic: str) -> Topic:
    """Take a topic apart. Raise TopicError if it is not one of ours."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[0] != "forewarn" or parts[1] != "v1":
        raise TopicError(f"{topic[:200]!r} is not below {ROOT}/<device>/")
    _, _, device, direction, kind = parts
    kinds = {"up": UP_KINDS, "down": DOWN_KINDS}.get(direction)
    if kinds is None or kind not in kinds:
        raise TopicError(f"{topic[:200]!r}: no such channel; known are up/{{{','.join(UP_KINDS)}}}")
    problem = None if device == CANARY else device_name_problem(device)
    if problem:
        raise TopicError(problem)
    # A collector remembers the topics of its fleet: of three of a device each would have a name of its own.
    return Topic(sys.intern(device), sys.intern(direction), sys.intern(kind))
