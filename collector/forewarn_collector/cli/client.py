"""Speaks to the collector's HTTP API. The only place of the command line that knows HTTP."""

import ssl
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from forewarn_collector.access.model import ACTOR_HEADER
from forewarn_collector.api.access_views import WhoAmI
from forewarn_collector.api.destination_views import DestinationView, Elsewhere
from forewarn_collector.api.fleet_views import LatestValue, Top, VerdictLine
from forewarn_collector.api.identity_views import CreatedToken, NewToken, Revoke, TokenView
from forewarn_collector.api.people_views import TicketPeople, TicketView
from forewarn_collector.api.views import (
    Accept,
    AcceptedView,
    Act,
    Ask,
    BaselineView,
    Change,
    DeadLetters,
    DeviceLine,
    DeviceView,
    Explained,
    Health,
    IdentityView,
    OrderView,
    SeriesData,
    SetClock,
    SettingsView,
)
from forewarn_collector.cli.address import Address, ClientError, find_address
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.text import clean
from forewarn_collector.tickets.model import Ticket, WatchList
from forewarn_collector.tickets.outcomes import Record
from forewarn_wire import device_name_problem

__all__ = ["Client", "ClientError", "NoAnswerError"]

T = TypeVar("T")


class NoAnswerError(ClientError):
    """The collector could not be reached, or went away while it answered: it may be there again soon."""


EVERYTHING = 100_000
SAID_PLAINLY = (
    httpx.codes.FORBIDDEN,
    httpx.codes.NOT_FOUND,
    httpx.codes.CONFLICT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.SERVICE_UNAVAILABLE,
)
API = "/api/v1"


class Client:
    """One collector. Every method raises ClientError with one line that says what to do."""

    def __init__(self, address: Address, timeout_seconds: float = 30.0) -> None:
        self.address = address
        # A proxy from the environment must not stand between us and a collector on this machine.
        headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        if address.data is not None:
            headers[ACTOR_HEADER] = quote(login_name())
        self._http = httpx.Client(
            base_url=address.url,
            headers=headers,
            verify=_trust(address),
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 5.0)),
            trust_env=address.data is None,
        )

    @classmethod
    def connect(
        cls, data: Path | None, server: str | None, token_file: Path | None, timeout_seconds: float = 30.0
    ) -> Self:
        """``server`` with its ``token_file``, or else the collector that runs on ``data`` (None: the default)."""
        return cls.at(find_address(data, server, token_file), timeout_seconds)

    @classmethod
    def at(cls, address: Address, timeout_seconds: float = 30.0) -> Self:
        try:
            return cls(address, timeout_seconds)
        except httpx.InvalidURL as error:
            raise ClientError(f"{clean(address.url)} is not an address: {clean(str(error))}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def status(self) -> Health:
        return self._ask(Health, "/status")

    def devices(self) -> list[DeviceLine]:
        return self._ask(list[DeviceLine], "/devices")

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
        answer = self._fetch("POST", f"/devices/{_device(device)}/baseline", body=accept)
        found: AcceptedView = self._decode(answer, AcceptedView)
        return found

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
        answer = self._fetch("POST", f"/tickets/{number}/{action}", body=act)
        found: Ticket = self._decode(answer, Ticket)
        return found

    def watch_list(self) -> WatchList:
        return self._ask(WatchList, "/watch")

    def open_watched(self, number: int, act: Act) -> Ticket:
        found: Ticket = self._decode(self._fetch("POST", f"/watch/{number}/open", body=act), Ticket)
        return found

    def create_enrol_token(self, wanted: NewToken) -> CreatedToken:
        made: CreatedToken = self._decode(self._fetch("POST", "/enrol-tokens", body=wanted), CreatedToken)
        return made

    def enrol_tokens(self) -> list[TokenView]:
        return self._ask(list[TokenView], "/enrol-tokens")

    def revoke_enrol_token(self, number: int) -> TokenView:
        done: TokenView = self._decode(self._fetch("DELETE", f"/enrol-tokens/{number}"), TokenView)
        return done

    def revoke(self, device: str, revoke: Revoke) -> IdentityView:
        answer = self._fetch("POST", f"/devices/{_device(device)}/revoke", body=revoke)
        done: IdentityView = self._decode(answer, IdentityView)
        return done

    def reinstate(self, device: str) -> IdentityView:
        done: IdentityView = self._decode(self._fetch("POST", f"/devices/{_device(device)}/reinstate"), IdentityView)
        return done

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

    def send(
        self,
        type_: type[T],
        method: str,
        path: str,
        body: msgspec.Struct | None = None,
        *,
        wanted: dict[str, Any] | None = None,
        code: int = httpx.codes.OK,
    ) -> T:
        """Any route; ``path`` is below the API's root, ``code`` what it answers when all is well."""
        found: T = self._decode(self._fetch(method, path, wanted, body, code), type_)
        return found

    def ask(self, device: str, ask: Ask) -> OrderView:
        """Tell a device to do something; ``order`` says later what became of it."""
        found: OrderView = self._decode(self._fetch("POST", f"/devices/{_device(device)}/orders", body=ask), OrderView)
        return found

    def orders(self, device: str | None, automatic: bool, limit: int) -> list[OrderView]:
        wanted = {"device": device, "automatic": str(automatic).lower(), "limit": limit}
        return self._ask(list[OrderView], "/orders", wanted)

    def order(self, id_: str) -> OrderView:
        return self._ask(OrderView, f"/orders/{quote(id_, safe='')}")

    def attachment(self, id_: str) -> bytes:
        return self._fetch("GET", f"/orders/{quote(id_, safe='')}/attachment")

    def settings(self, device: str) -> SettingsView:
        return self._ask(SettingsView, f"/devices/{_device(device)}/settings")

    def change_settings(self, device: str, change: Change) -> SettingsView:
        answer = self._fetch("POST", f"/devices/{_device(device)}/settings", body=change)
        found: SettingsView = self._decode(answer, SettingsView)
        return found

    def set_clock(self, now: float | None) -> None:
        """Set the clock of a simulation; None gives it back to the machine."""
        self._decode(self._fetch("PUT", "/clock", body=SetClock(now=now)), SetClock)

    def get(self, path: str) -> Any:
        """Any answer as plain values; ``path`` is below the API's root: ``/status``."""
        return self._decode(self._fetch("GET", path), Any)

    def _ask(self, type_: type[T], path: str, wanted: dict[str, Any] | None = None) -> T:
        found: T = self._decode(self._fetch("GET", path, wanted), type_)
        return found

    def _decode(self, content: bytes, type_: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ClientError(
                f"the collector at {self.address.url} answers what this forewarn does not understand"
                f" ({clean(str(error))}); use the same release on both sides"
            ) from None

    def _fetch(
        self,
        method: str,
        path: str,
        wanted: dict[str, Any] | None = None,
        body: msgspec.Struct | None = None,
        code: int = httpx.codes.OK,
    ) -> bytes:
        given = {name: value for name, value in (wanted or {}).items() if value is not None}
        content = None if body is None else msgspec.json.encode(body)
        headers = None if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._http.request(method, API + path, params=given, content=content, headers=headers)
        except httpx.ConnectError as error:
            raise NoAnswerError(self._nobody_there(error)) from None
        except httpx.TimeoutException:
            raise NoAnswerError(f"the collector at {self.address.url} does not answer in time; try again") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"{self.address.url}: {clean(str(error)) or type(error).__name__}") from None
        if answer.status_code != code:
            raise ClientError(self._refusal(answer))
        return answer.content

    def _nobody_there(self, error: httpx.ConnectError) -> str:
        data = self.address.data
        if data is None:
            return f"no collector answers at {self.address.url}: {clean(str(error))}"
        return f"the collector on {data} has ended ({self.address.url}); start it with: forewarn up --data {data}"

    def _refusal(self, answer: httpx.Response) -> str:
        where = f"the collector at {self.address.url}"
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            if self.address.data is not None:
                return f"{where} is not the one of {self.address.data}; start yours: forewarn up --data ..."
            if not self.address.token:
                return f"{where}: user or password is wrong"
            return f"{where} refuses the token in {self.address.source}; log in anew, or name another token"
        try:
            detail = clean(str(answer.json()["detail"]))
        except (ValueError, KeyError, TypeError):
            detail = ""
        if answer.status_code in SAID_PLAINLY and detail:
            return detail
        return f"{where} answers {answer.status_code}" + (f": {detail}" if detail else "; is it a collector?")


def _trust(address: Address) -> ssl.SSLContext | bool:
    """Whose certificate is believed; True: what this machine believes anyway. Raise ClientError."""
    if address.authority is None and address.certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if address.certificate is not None:
            # The certificate itself is the anchor, though it signed nothing; so its name proves nothing more.
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=address.certificate)
        else:
            context.load_verify_locations(cafile=address.authority)
    except (OSError, ValueError) as error:
        raise ClientError(f"{address.authority or address.source}: no certificate that serves ({error})") from None
    return context


def _device(name: str) -> str:
    """The name as it stands in a path. What is not a device name is not worth asking for."""
    problem = device_name_problem(name)
    if problem:
        raise ClientError(f"{clean(problem)}; `forewarn devices` lists those that have reported")
    return quote(name, safe="")
