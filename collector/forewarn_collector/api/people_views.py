"""What the routes about people and duty take and answer, as types. Times are Unix seconds."""

from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.people.clocks import Clock
from forewarn_collector.people.model import Version
from forewarn_collector.people.schema import Contact, DirectoryFile
from forewarn_collector.tickets.model import Ticket

Moment = Annotated[float, Meta(ge=0, le=4_000_000_000)]
Actor = Annotated[str, Meta(min_length=1, max_length=200)]


class DirectoryView(msgspec.Struct, kw_only=True):
    """``version`` is null before any directory was applied. ``channels``: what ``notify.channels`` of the
    configuration has, for engineers alone."""

    version: Version | None
    document: DirectoryFile
    channels: list[str] = msgspec.field(default_factory=list)


class Apply(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``base``: the version that was looked at, 0 for none; null applies it whatever counts now."""

    document: DirectoryFile
    actor: Actor
    base: Annotated[int, Meta(ge=0)] | None = None


class AppliedView(msgspec.Struct, kw_only=True):
    """``version`` is null when nothing was changed. ``diff``: lines of both files as they are exported."""

    version: Version | None
    diff: list[str]


class TurnView(msgspec.Struct, kw_only=True):
    """``engineer`` is "" in a gap; ``why``: shift, override or nobody; ``until`` is null when no end is known."""

    engineer: str
    why: str
    since: float
    until: float | None


class OverrideView(msgspec.Struct, kw_only=True):
    """One that was made without the file."""

    number: int
    schedule: str
    engineer: str
    start: float
    end: float
    actor: str


class OnCallView(msgspec.Struct, kw_only=True):
    """``turns``: who is on call, and after each of the next changes."""

    schedule: str
    time_zone: str
    turns: list[TurnView]
    overrides: list[OverrideView]


class NewOverride(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``schedule``: "" is the first of the directory."""

    engineer: Actor
    start: Moment
    end: Moment
    actor: Actor
    schedule: Annotated[str, Meta(max_length=200)] = ""


class Assign(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``text`` is a note beside it, for engineers."""

    engineer: Actor
    actor: Actor
    text: Annotated[str, Meta(max_length=20_000)] = ""


class TicketView(Ticket, frozen=True, kw_only=True):
    """A ticket with the clocks of its service level; none where none is promised."""

    clocks: list[Clock] = msgspec.field(default_factory=list)


class TicketPeople(msgspec.Struct, kw_only=True):
    """Whom a ticket concerns. ``on_call``: now, "" for nobody; ``access`` is for engineers alone."""

    primary: str
    backup: str
    on_call: str
    address: str
    contacts: list[Contact]
    access: str = ""


class EngineerView(msgspec.Struct, kw_only=True):
    """An engineer and the open work: what was taken or given, and what nobody has taken that is theirs. ``known``:
    whether the directory names the engineer; ``on_call``: schedules, now."""

    name: str
    known: bool
    mobile: str
    mail: str
    on_call: list[str]
    tickets: list[TicketView]
