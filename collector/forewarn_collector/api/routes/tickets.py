"""Tickets and the watch list: look at them, or say what was done."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.duty import Duty
from forewarn_collector.api.not_here import NotHere
from forewarn_collector.api.people_views import Assign, TicketPeople, TicketView
from forewarn_collector.api.views import Act
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import ACTIONS, LIVE, STATES
from forewarn_collector.tickets.model import Ticket, WatchList


def shown_to(caller: Caller, ticket: Ticket) -> Ticket:
    """The ticket as the caller may read it: a customer sees what of the timeline is meant for customers."""
    if caller.role is not Role.CUSTOMER:
        return ticket
    timeline = [entry for entry in ticket.timeline if entry.visibility == "customer"]
    return msgspec.structs.replace(ticket, timeline=timeline)


def audited(ticket: Ticket) -> dict[str, Any]:
    """What of a ticket its actions change."""
    return {name: getattr(ticket, name) for name in ("state", "owner", "waiting_for", "outcome")}


def ticket_routes(desk: Desk, duty: Duty) -> list[Any]:
    @get("/tickets", sync_to_thread=True, responses=PROBLEMS)
    def tickets(
        caller: NamedDependency[Caller],
        device: FromQuery[str | None] = None,
        customer: FromQuery[str | None] = None,
        fault: FromQuery[str | None] = None,
        ticket_state: Annotated[str | None, QueryParameter(name="state")] = None,
        limit: Limit = 1000,
    ) -> list[TicketView]:
        """Tickets, the worst first; those that are not ended unless ``state`` says otherwise (or ``all``)."""
        if ticket_state not in (None, "all", *STATES):
            raise ValidationException(f"{ticket_state!r} is not a state: {', '.join(STATES)}, all")
        states = LIVE if ticket_state is None else STATES if ticket_state == "all" else (ticket_state,)
        if caller.role is Role.CUSTOMER:
            if customer is not None and not caller.may_see(customer):
                return []
            customer = caller.customer
        found = desk.tickets(states=states, device=device, customer=customer, fault=fault, limit=limit)
        return duty.with_clocks([shown_to(caller, ticket) for ticket in found])

    @get("/tickets/{number:int}", sync_to_thread=True, responses=PROBLEMS)
    def ticket(number: FromPath[int], caller: NamedDependency[Caller]) -> TicketView:
        """One ticket with its evidence, timeline and clocks."""
        (shown,) = duty.with_clocks([shown_to(caller, desk.ticket(number))])
        return shown

    @get("/tickets/{number:int}/people", sync_to_thread=True, responses=PROBLEMS)
    def people(number: FromPath[int], caller: NamedDependency[Caller]) -> TicketPeople:
        """Who is responsible, who is on call, and whom to ask for there."""
        return duty.people(desk.ticket(number), caller)

    @post("/tickets/{number:int}/assign", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def assign(
        number: FromPath[int], data: JSONBody[Assign], caller: NamedDependency[Caller], noted: NamedDependency[Noted]
    ) -> Ticket:
        """Give it to an engineer of the directory, who is told."""
        engineer = duty.register.engineer(duty.register.people.named(data.engineer))
        noted.before = audited(desk.ticket(number))
        changed = desk.assign(number, engineer, caller.signature(data.actor), data.text)
        noted.after = audited(changed) | {"text": data.text}
        return changed

    @post("/tickets/{number:int}/note", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def note(number: FromPath[int], data: JSONBody[Act], caller: NamedDependency[Caller]) -> Ticket:
        """Add a note to the timeline."""
        if not data.text.strip():
            raise ValidationException("a note needs a text")
        return desk.note(number, caller.signature(data.actor), data.text, data.visibility)

    @post("/tickets/{number:int}/{action:str}", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def act(
        number: FromPath[int],
        action: FromPath[str],
        data: JSONBody[Act],
        caller: NamedDependency[Caller],
        noted: NamedDependency[Noted],
    ) -> Ticket:
        """acknowledge, start, wait, resolve, close (which needs an outcome) or reopen."""
        if action not in ACTIONS:
            raise NotHere(f"{action!r} is not an action: {', '.join(ACTIONS)}, note")
        noted.before = audited(desk.ticket(number))
        changed = desk.act(
            number,
            action,
            caller.signature(data.actor),
            outcome=data.outcome,
            text=data.text,
            waiting_for=data.waiting_for,
            visibility=data.visibility,
        )
        noted.after = audited(changed) | {"text": data.text}
        return changed

    @get("/watch", sync_to_thread=True, responses=PROBLEMS)
    def watch_list() -> WatchList:
        """Predictions for which the ticket budget had no room, the most urgent first."""
        return desk.watch_list()

    @post("/watch/{number:int}/open", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def open_watched(number: FromPath[int], data: JSONBody[Act], caller: NamedDependency[Caller]) -> Ticket:
        """Make a ticket of a prediction that waits, whatever the budget says."""
        return desk.open_watched(number, caller.signature(data.actor), data.text)

    return [tickets, ticket, people, assign, note, act, watch_list, open_watched]
