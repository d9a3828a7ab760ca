"""What is sent to a device: settings and commands, of wire version 1."""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_wire.messages import SCHEMA, Setting
from forewarn_wire.parts import Count, Name


class ConfigOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``down/config``, retained: settings of the agent by the names of its configuration file, dots and all.

    Each order replaces the one before; an empty one takes everything back. What the machine's own file sets wins.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    settings: Annotated[dict[Name, Setting], Meta(max_length=64)] = {}


class Command(enum.StrEnum):
    """Everything that an agent can be told to do. There is no other, and none runs a program of the sender's."""

    PROBE_NOW = "probe-now"
    SELF_TEST = "self-test"
    SUPPORT_BUNDLE = "support-bundle"
    RESEND = "resend"


class CommandOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """``down/command``: one of ``Command``, to be carried out once and not after ``expires_at`` (Unix time).

    ``disk`` (serial number or slot) belongs to ``self-test``; ``boot`` and ``sequences`` (closed ranges) to ``resend``.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    command: Annotated[str, Meta(min_length=1, max_length=64)]
    expires_at: float
    disk: Name = ""
    boot: Annotated[str, Meta(max_length=64)] = ""
    sequences: Annotated[list[tuple[Count, Count]], Meta(max_length=1000)] = []


Order = ConfigOrder | CommandOrder
