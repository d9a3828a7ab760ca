"""What the command line asks of the collector, and tells it: a method for each route of the API."""

from typing import Any, TypeVar
from urllib.parse import quote

from forewarn_collector.api.access_views import WhoAmI
from forewarn_collector.api.destination_views import DestinationView, Elsewhere
from forewarn_collector.api.fleet_views import LatestValue, Top, VerdictLine
from forewarn_collector.api.identity_views import CreatedToken, NewToken, Revoke, TokenView
from forewarn_collector.api.order_views import Ask, Change, OrderView, SettingsView
from forewarn_collector.api.people_views import TicketPeople, TicketView
from forewarn_collector.api.views import (
    Accept,
    AcceptedView,
    Act,
    BaselineView,
    DeadLetters,
    DeviceLine,
    DeviceView,
    Explained,
    Health,
    IdentityView,
    SeriesData,
    SetClock,
)
from forewarn_collector.cli.address import ClientError
from forewarn_collector.cli.text import clean
from forewarn_collector.cli.transport import NoAnswerError, Transport
from forewarn_collector.tickets.model import Ticket, WatchList
from forewarn_collector.tickets.outcomes import Record
from forewarn_wire import device_name_problem

__all__ = ["Client", "ClientError", "NoAnswerError"]

T = TypeVar("T")

EVERYTHING = 100_000


class Client(Transport):
    """One collector. Every method raises ClientError with one line that says what to do."""

    def status(self) -> Health:
        return self._ask(Health, "/status")

    def devices(self, customer: str | None = None) -> list[DeviceLine]:
        """All of them, or those of one customer."""
        return self._ask(list[DeviceLine], "/devices", {"customer": customer})

    def device(self, name: str) -> DeviceView:
        return self._ask(DeviceView, f"/devices/{_device(name)}")

    def series(
        self,
        device: str,
        metric: str,
        start: float,
        end: float,
        *,
        part: str | None = None,
        points: int | None = None,
        aggregate: str = "last",
    ) -> list[SeriesData]:
        """Values from ``start`` to ``end`` (Unix seconds); with ``points``, no more than that many of each part."""
        wanted = {"metric": metric, "start": start, "end": end, "part": part, "points": points, "aggregate": aggregate}
        return self._ask(list[SeriesData], f"/devices/{_device(device)}/series", wanted)

    def top(self, metric: str, window: float, limit: int) -> Top:
        """Where a metric grew most within ``window`` seconds."""
        return self._ask(Top, "/fleet/top", {"metric": metric, "window": window, "limit": limit})

    def latest(self, metric: str) -> list[LatestValue]:
        return self._ask(list[LatestValue], "/fleet/latest", {"metric": metric})

    def verdicts(self) -> list[VerdictLine]:
        return self._ask(list[VerdictLine], "/fleet/verdicts")

    def baseline(self, device: str, part: str | None = None) -> list[BaselineView]:
        return self._ask(list[BaselineView], f"/devices/{_device(device)}/baseline", {"part": part})

    def accept(self, device: str, accept: Accept) -> AcceptedView:
        return self.send(AcceptedView, "POST", f"/devices/{_device(device)}/baseline", accept)

    def tickets(
        self,
        *,
        state: str | None = None,
        device: str | None = None,
        customer: str | None = None,
        limit: int = EVERYTHING,
    ) -> list[TicketView]:
        """Tickets that are not ended, or those in ``state`` ("all": every one), the worst first."""
        wanted = {"state": state, "device": device, "customer": customer, "limit": limit}
        return self._ask(list[TicketView], "/tickets", wanted)

    def ticket(self, number: int) -> TicketView:
        return self._ask(TicketView, f"/tickets/{number}")

    def ticket_people(self, number: int) -> TicketPeople:
        return self._ask(TicketPeople, f"/tickets/{number}/people")

    def act(self, number: int, action: str, act: Act) -> Ticket:
        """acknowledge, start, wait, resolve, close or note."""
        return self.send(Ticket, "POST", f"/tickets/{number}/{action}", act)

    def watch_list(self) -> WatchList:
        return self._ask(WatchList, "/watch")

    def open_watched(self, number: int, act: Act) -> Ticket:
        return self.send(Ticket, "POST", f"/watch/{number}/open", act)

    def create_enrol_token(self, wanted: NewToken) -> CreatedToken:
        return self.send(CreatedToken, "POST", "/enrol-tokens", wanted)

    def enrol_tokens(self) -> list[TokenView]:
        return self._ask(list[TokenView], "/enrol-tokens")

    def revoke_enrol_token(self, number: int) -> TokenView:
        return self.send(TokenView, "DELETE", f"/enrol-tokens/{number}")

    def revoke(self, device: str, revoke: Revoke) -> IdentityView:
        return self.send(IdentityView, "POST", f"/devices/{_device(device)}/revoke", revoke)

    def reinstate(self, device: str) -> IdentityView:
        return self.send(IdentityView, "POST", f"/devices/{_device(device)}/reinstate")

    def rule_records(self) -> list[Record]:
        return self._ask(list[Record], "/rules/records")

    def explain_rule(self, rule: str, device: str) -> Explained:
        _device(device)
        return self._ask(Explained, f"/rules/{quote(rule, safe='')}/explain", {"device": device})

    def dead_letters(self, limit: int, reason: str | None = None) -> DeadLetters:
        return self._ask(DeadLetters, "/dead-letters", {"limit": limit, "reason": reason})

    def deliveries(self, limit: int) -> list[dict[str, Any]]:
        return self._ask(list[dict[str, Any]], "/deliveries", {"limit": limit})

    def elsewhere(self, number: int) -> list[Elsewhere]:
        """The same ticket in ticket systems."""
        return self._ask(list[Elsewhere], f"/tickets/{number}/elsewhere")

    def destinations(self) -> list[DestinationView]:
        return self._ask(list[DestinationView], "/destinations")

    def whoami(self) -> WhoAmI:
        return self._ask(WhoAmI, "/whoami")

    def ask(self, device: str, ask: Ask) -> OrderView:
        """Tell a device to do something; ``order`` says later what became of it."""
        return self.send(OrderView, "POST", f"/devices/{_device(device)}/orders", ask)

    def orders(self, device: str | None, automatic: bool, limit: int) -> list[OrderView]:
        wanted = {"device": device, "automatic": str(automatic).lower(), "limit": limit}
        return self._ask(list[OrderView], "/orders", wanted)

    def order(self, id_: str) -> OrderView:
        return self._ask(OrderView, f"/orders/{quote(id_, safe='')}")

    def attachment(self, id_: str) -> bytes:
        return self.fetch("GET", f"/orders/{quote(id_, safe='')}/attachment")

    def settings(self, device: str) -> SettingsView:
        return self._ask(SettingsView, f"/devices/{_device(device)}/settings")

    def change_settings(self, device: str, change: Change) -> SettingsView:
        return self.send(SettingsView, "POST", f"/devices/{_device(device)}/settings", change)

    def set_clock(self, now: float | None) -> None:
        """Set the clock of a simulation; None gives it back to the machine."""
        self.send(SetClock, "PUT", "/clock", SetClock(now=now))

    def _ask(self, type_: type[T], path: str, wanted: dict[str, Any] | None = None) -> T:
        return self.send(type_, "GET", path, wanted=wanted)


def _device(name: str) -> str:
    """The name as it stands in a path. What is not a device name is not worth asking for."""
    problem = device_name_problem(name)
    if problem:
        raise ClientError(f"{clean(problem)}; `forewarn devices` lists those that have reported")
    return quote(name, safe="")
