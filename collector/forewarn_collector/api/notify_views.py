"""What the API is asked about phones and maintenance; it answers with the values of ``notify.model``."""

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(max_length=200)]
Actor = Annotated[str, Meta(min_length=1, max_length=200)]
Moment = Annotated[float, Meta(ge=0, le=1e11)]


class TellTest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    engineer: Annotated[str, Meta(min_length=1, max_length=200)]
    actor: Actor


class NewWindow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Empty is "whichever". ``starts_at`` and ``ends_at`` are Unix seconds; null begins now."""

    customer: Name = ""
    site: Name = ""
    device: Annotated[str, Meta(max_length=63)] = ""
    starts_at: Moment | None = None
    ends_at: Moment
    reason: Annotated[str, Meta(max_length=1000)] = ""
    actor: Actor


class EndWindow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    actor: Actor
