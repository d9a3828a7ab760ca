"""People and duty as the API tells them: the register beside the ticket desk."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from forewarn_collector.access.caller import Caller, Role
from forewarn_collector.api.people_views import (
    DirectoryView,
    EngineerView,
    OnCallView,
    OverrideView,
    TicketPeople,
    TicketView,
    TurnView,
)
from forewarn_collector.people.duty import StandIn
from forewarn_collector.people.for_customer import for_customer
from forewarn_collector.people.model import NoEntry
from forewarn_collector.people.register import Register
from forewarn_collector.people.service_levels import ServiceLevels
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.life import LIVE
from forewarn_collector.tickets.model import Ticket

TURNS = 5
"""Who is on call, and after the next four changes."""
EVERY_TICKET = 100_000


class Duty:
    """``channels``: names of those that are configured."""

    def __init__(
        self,
        register: Register,
        levels: ServiceLevels,
        desk: Desk,
        channels: Iterable[str],
        now: Callable[[], float],
    ) -> None:
        self.register = register
        self._channels = list(channels)
        self._levels = levels
        self._desk = desk
        self._now = now

    def directory(self, caller: Caller) -> DirectoryView:
        """A customer gets the own entry; who applied the whole is not for customers."""
        file = self.register.people.file
        if caller.role is Role.CUSTOMER:
            return DirectoryView(version=None, document=for_customer(file, caller.customer))
        return DirectoryView(version=self.register.version, document=file, channels=self._channels)

    def with_clocks(self, tickets: Sequence[Ticket]) -> list[TicketView]:
        found = self._levels.clocks_of(tickets)
        return [TicketView(**msgspec.structs.asdict(ticket), clocks=found.get(ticket.number, [])) for ticket in tickets]

    def people(self, ticket: Ticket, caller: Caller) -> TicketPeople:
        people = self.register.people
        said = people.responsible(ticket.customer, ticket.site, ticket.device)
        place = people.place(ticket.customer, ticket.site, ticket.device)
        duty = people.on_call(ticket.customer, self._now(), self.register.stand_ins())
        site = place.site if place else None
        return TicketPeople(
            primary=said.primary or ticket.engineer,
            backup=said.backup,
            on_call=duty.engineer if duty else "",
            address=site.address if site else "",
            contacts=[*(site.contacts if site else ()), *(place.customer.contacts if place else ())],
            access=site.access if site and caller.role is not Role.CUSTOMER else "",
        )

    def on_call(self, at: float | None) -> list[OnCallView]:
        """For each schedule who is on call, and who comes next."""
        when = self._now() if at is None else at
        overrides = self.register.stand_ins()
        return [
            OnCallView(
                schedule=schedule.name,
                time_zone=schedule.time_zone,
                turns=[
                    TurnView(engineer=turn.engineer, why=turn.since, since=since, until=turn.until)
                    for since, turn in turns
                ],
                overrides=[override_view(one) for one in overrides if one.schedule == schedule.name],
            )
            for schedule, turns in self.register.on_call(when, TURNS)
        ]

    def engineer(self, name: str) -> EngineerView:
        """Raise NoEntry for a name that neither the directory nor a ticket knows."""
        people = self.register.people
        name = people.named(name)
        known = people.engineers.get(name)
        live = self._desk.tickets(states=LIVE, limit=EVERY_TICKET)
        theirs = [one for one in live if self._whose(one) == name]
        if known is None and not theirs:
            raise NoEntry(f"neither the directory nor an open ticket names an engineer {name!r}")
        return EngineerView(
            name=name,
            known=known is not None,
            mobile=known.mobile if known else "",
            mail=known.mail if known else "",
            on_call=[one.name for one, turns in self.register.on_call(self._now()) if turns[0][1].engineer == name],
            tickets=self.with_clocks(theirs),
        )

    def _whose(self, ticket: Ticket) -> str:
        """Who took it or was given it, else who is responsible."""
        people = self.register.people
        if ticket.owner:
            return people.named(ticket.owner)
        return people.responsible(ticket.customer, ticket.site, ticket.device).primary or ticket.engineer


def override_view(one: StandIn) -> OverrideView:
    return OverrideView(**one._asdict())
