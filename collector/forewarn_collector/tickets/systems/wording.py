"""What forewarn writes into other people's ticket systems. Pure.

Every text ends with a mark by which it is found again: what stands there already is not written a second time.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from forewarn_collector.tickets.model import Entry, Ticket

# On a line of its own at the end: a reply that quotes it is not ours.
MARK = re.compile(r"^\(forewarn (-?\d+)/(\d+)([ic])\)\s*\Z", re.M)


class Note(NamedTuple):
    """``public``: for the customer, too."""

    text: str
    public: bool


def dedup_key(ticket: Ticket) -> str:
    """The ticket's name for ever, like no other one's, also of another collector: ``fw-12-0f3a...``. 32 characters at
    most, of a-z, 0-9 and dashes."""
    parts = (ticket.customer, ticket.device_serial, ticket.part_serial, ticket.fault, repr(ticket.recorded_at))
    return f"fw-{ticket.number}-{hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:16]}"


def actor_at(person: str, destination: str) -> str:
    """Who did something in the ticket system, as it stands in our timeline."""
    return f"{person} ({destination})"


def came_from(entry: Entry, destination: str) -> bool:
    return entry.actor.endswith(f" ({destination})")


def title(ticket: Ticket) -> str:
    where = " / ".join(part for part in (ticket.customer, ticket.site, ticket.device) if part)
    return " ".join(f"[{ticket.severity}] {ticket.title} - {where}".split())


def description(ticket: Ticket) -> str:
    """Which part, whose, what will happen, from which evidence, what to do, what would make us calm."""
    told = ticket.explanation
    rows = [
        ("Customer", ticket.customer),
        ("Site", ticket.site),
        ("Device", f"{ticket.device} (serial {ticket.device_serial})" if ticket.device_serial else ticket.device),
        ("Part", ticket.part_serial),
        ("Responsible", ticket.engineer),
    ]
    blocks = [str(told.get("what") or ticket.title)]
    blocks.append("\n".join(f"{name}: {value}" for name, value in rows if value))
    if ticket.probability is not None and ticket.within_seconds is not None:
        days = ticket.within_seconds / 86_400
        blocks.append(f"Probability: {ticket.probability:.0%} within {days:.0f} days")
    if told.get("why"):
        blocks.append(f"Why: {told['why']}")
    for name, key in (("What to do", "do"), ("We are calm when", "calm_when")):
        if told.get(key):
            blocks.append("\n".join([f"{name}:", *(f"- {line}" for line in _lines(told[key]))]))
    if ticket.evidence:
        blocks.append("\n".join(["Evidence:", *(f"- {item.text} ({item.rule})" for item in ticket.evidence)]))
    return "\n\n".join([*blocks, mark(ticket.number, len(ticket.timeline), public=False)])


def notes(ticket: Ticket, told: int, destination: str) -> list[Note]:
    """What is new since ``told`` entries, one note for engineers and one for the customer."""
    new = [entry for entry in ticket.timeline[told:] if not came_from(entry, destination)]
    found = []
    for public in (False, True):
        mine = [entry for entry in new if is_public(entry) is public]
        if mine:
            lines = [f"{entry.actor}: {entry.text}" for entry in mine]
            found.append(Note("\n\n".join([*lines, mark(ticket.number, len(ticket.timeline), public)]), public))
    return found


def is_public(entry: Entry) -> bool:
    """Evidence and states may be read by customers here; only what a person wrote to them is sent to them."""
    return entry.kind == "note" and entry.visibility == "customer"


def mark(number: int, told: int, public: bool) -> str:
    return f"(forewarn {number}/{told}{'c' if public else 'i'})"


def told_by(texts: Iterable[str], number: int, public: bool) -> int:
    """Up to which entry the notes with our mark tell."""
    letter = "c" if public else "i"
    marks = (found.groups() for text in texts if (found := MARK.search(text)))
    return max((int(told) for its, told, kind in marks if (its, kind) == (str(number), letter)), default=0)


def is_ours(text: str) -> bool:
    return MARK.search(text) is not None


def _lines(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]
