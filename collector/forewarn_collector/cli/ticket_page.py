"""One ticket in full, as it is printed. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from forewarn_collector.api.destination_views import Elsewhere
from forewarn_collector.api.people_views import TicketPeople, TicketView
from forewarn_collector.cli.clock_words import sentence
from forewarn_collector.cli.devices import whose
from forewarn_collector.cli.format import UNKNOWN, Times
from forewarn_collector.cli.tables import STYLES, cell, fixed, folding, heading, numbered, pairs, paragraph, table
from forewarn_collector.cli.text import clean
from forewarn_collector.people.schema import Contact
from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import SITE, Evidence, Ticket
from forewarn_rules import FAULTS
from forewarn_rules.durations import spell_duration
from forewarn_rules.wording import number


def page(
    ticket: TicketView,
    times: Times,
    part: Mapping[str, Any],
    people: TicketPeople | None = None,
    elsewhere: Sequence[Elsewhere] = (),
) -> Iterator[RenderableType]:
    """``part``: slot, model and kind of the disk, where it is one; ``people``: whom it concerns; ``elsewhere``: the
    same ticket in ticket systems."""
    words = [(f"Ticket {ticket.number}", "bold"), (f"  {ticket.severity}", STYLES.get(ticket.severity, ""))]
    yield Text.assemble(*words, f"  {clean(ticket.title)}")
    there = [(one.destination, f"{one.id}  {one.address}") for one in elsewhere]
    yield pairs([(name, value) for name, value in (*_facts(ticket, times, part, people), *there) if value])
    explanation = ticket.explanation
    if explanation.get("what"):
        yield heading("What is seen")
        yield paragraph(str(explanation["what"]))
    if explanation.get("why"):
        yield heading("Why it matters")
        yield paragraph(str(explanation["why"]))
    yield from _listed("What to do", explanation.get("do"))
    yield from _listed("What would make us calm", explanation.get("calm_when"))
    yield from _members(ticket)
    yield from _evidence(ticket, times)
    yield from _timeline(ticket, times)


def _facts(
    ticket: TicketView, times: Times, part: Mapping[str, Any], people: TicketPeople | None
) -> Iterator[tuple[str, str]]:
    state = ticket.state
    state += f" for {ticket.waiting_for}" if ticket.waiting_for else ""
    state += f", {ticket.outcome}: {_meaning(ticket.outcome)}" if ticket.outcome else ""
    yield "state", state
    serial = f" (serial {ticket.device_serial})" if ticket.device_serial not in ("", ticket.device) else ""
    serial = "" if ticket.device_serial.startswith(SITE) else serial
    yield "device", f"{ticket.device}{serial}"
    known = [str(part[key]) for key in ("slot", "kind", "model") if part.get(key)]
    yield "part", ", ".join([ticket.part_serial, *known]) if ticket.part_serial else "the whole device"
    yield "customer", whose(ticket.customer, ticket.site)
    yield "engineer", _responsible(ticket, people)
    yield "given to" if ticket.state == life.OPEN else "taken by", ticket.owner
    if people is not None:
        yield "contact", "\n".join(_contact(one) for one in people.contacts)
        yield "address", people.address
        yield "access", people.access
    for clock in ticket.clocks:
        yield clock.kind, sentence(clock, times)
    yield "what will happen", FAULTS.get(ticket.fault, ticket.fault)
    yield "within", _window(ticket, times)
    yield "probability", _probability(ticket.probability)
    yield "queue", ticket.queue
    yield "found by", "the customer" if ticket.found_by == life.CUSTOMER else ""
    yield "follows", f"ticket {ticket.follows}" if ticket.follows is not None else ""
    yield "followed by", ", ".join(f"ticket {number}" for number in ticket.followed_by)
    yield "opened", times.both(ticket.opened_at)
    for name in ("acknowledged", "resolved", "closed"):
        at = getattr(ticket, f"{name}_at")
        yield name, times.both(at) if at is not None else ""


def _responsible(ticket: Ticket, people: TicketPeople | None) -> str:
    primary = people.primary if people else ticket.engineer
    said = primary or "nobody is named in the directory"
    if people and people.backup:
        said += f", then {people.backup}"
    return said + (f"; on call: {people.on_call}" if people and people.on_call else "")


def _contact(one: Contact) -> str:
    return ", ".join(part for part in (one.name, one.role, one.phone, one.mail) if part)


def _window(ticket: Ticket, times: Times) -> str:
    """By when, counted from the evidence that gave the ticket its level."""
    if ticket.within_seconds is None or not math.isfinite(ticket.within_seconds):
        return "not known"
    since = min((item.at for item in ticket.evidence if item.level == ticket.severity), default=ticket.opened_at)
    until = since + ticket.within_seconds
    return f"{spell_duration(ticket.within_seconds)} of {times.moment(since)}, so by {times.moment(until)}"


def _probability(probability: float | None) -> str:
    return "not measured for this rule" if probability is None else f"{100 * probability:.0f} %"


def _meaning(outcome: str) -> str:
    return "every rule behind it is calm" if outcome == life.CONDITION_CLEARED else life.OUTCOMES.get(outcome, "")


def _listed(title: str, items: object) -> Iterator[RenderableType]:
    if isinstance(items, list) and items:
        yield heading(title)
        yield numbered(items)


def _members(ticket: Ticket) -> Iterator[RenderableType]:
    if not ticket.members:
        return
    yield heading("What shares the cause")
    shown = table(fixed("level"), folding("device"), folding("part"))
    for member in ticket.members:
        shown.add_row(cell(member.level), cell(member.device), cell(member.part or "the whole device"))
    yield shown


def _evidence(ticket: Ticket, times: Times) -> Iterator[RenderableType]:
    if not ticket.evidence:
        return
    yield heading("Evidence")
    shown = table(fixed("level"), folding("rule"), fixed("since"), folding("what it says", least=24))
    for item in ticket.evidence:
        said = Text(f"{clean(item.text)}\n").append(clean(_values(item)), style="dim")
        shown.add_row(cell(item.level), cell(item.rule), cell(times.moment(item.at)), said)
    yield shown


def _values(item: Evidence) -> str:
    """``reallocated = 8, growth = ?``: infinite is "not approaching", null could not be measured."""
    values = item.detail.get("values", {})
    return ", ".join(f"{name} = {_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    if not isinstance(value, int | float):
        return UNKNOWN if value is None else str(value)
    return number(value) if math.isfinite(value) else "not approaching"


def _timeline(ticket: Ticket, times: Times) -> Iterator[RenderableType]:
    yield heading("Timeline")
    shown = table(fixed("when"), folding("who"), folding("what", least=24))
    for entry in ticket.timeline:
        kept = "" if entry.visibility == "customer" or entry.kind != "note" else " (internal)"
        shown.add_row(cell(times.moment(entry.at)), cell(entry.actor), cell(f"{entry.text}{kept}"))
    yield shown
