"""Tickets for people: explained, opened by hand, rated by the customer; and how good the service was."""

from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS
from forewarn_collector.api.fleet import Fleet
from forewarn_collector.language.catalogue import LANGUAGES
from forewarn_collector.language.explanation import Explanation
from forewarn_collector.tickets.life import CUSTOMER, TICKET_LEVELS, US
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.quality import QualityReport
from forewarn_collector.tickets.reported import Report
from forewarn_collector.tickets.service import Service
from forewarn_rules import FAULTS


class NewTicket(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault that a person saw. ``fault``: a fault class; "other" may be open several times for one device."""

    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    device: Annotated[str, Meta(min_length=1, max_length=63)]
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Annotated[str, Meta(max_length=20_000)] = ""
    severity: Annotated[str, Meta(pattern=f"^({'|'.join(TICKET_LEVELS)})$")] = "warning"
    fault: Annotated[str, Meta(pattern=f"^({'|'.join(FAULTS)})$")] = "other"
    reported_by_customer: bool = False


class RatingLink(msgspec.Struct):
    """Where a customer rates a ticket, once. ``expires_at``: Unix seconds."""

    ticket: int
    url: str
    expires_at: float


class By(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    actor: Annotated[str, Meta(min_length=1, max_length=200)]


def service_routes(service: Service, fleet: Fleet, url: str) -> list[Any]:
    """``url``: how customers reach this collector."""

    @post("/tickets", sync_to_thread=True, status_code=201, responses=PROBLEMS)
    def open_ticket(data: JSONBody[NewTicket], caller: NamedDependency[Caller]) -> Ticket:
        """Open a ticket for a fault that a person saw; one that is open for the same fault gets a note instead."""
        fleet.device(data.device)
        found_by = CUSTOMER if data.reported_by_customer else US
        report = Report(data.title, data.text, data.severity, data.fault, found_by)
        return service.open(data.device, report, caller.signature(data.actor))

    @get("/tickets/{number:int}/explanation", sync_to_thread=True, responses=PROBLEMS)
    def explanation(number: FromPath[int], language: FromQuery[str | None] = None) -> Explanation:
        """A ticket in words; ``language``: en or zh, default that of its customer."""
        if language is not None and language not in LANGUAGES:
            raise ValidationException(f"{language!r} is not a language: {', '.join(LANGUAGES)}")
        return service.explanation(number, language)

    @post("/tickets/{number:int}/rating-link", sync_to_thread=True, status_code=201, responses=PROBLEMS)
    def rating_link(
        number: FromPath[int], data: JSONBody[By], caller: NamedDependency[Caller], noted: NamedDependency[Noted]
    ) -> RatingLink:
        """A link by which the customer rates an ended ticket, once; an earlier one is void then."""
        link = service.ratings.make_link(number, caller.signature(data.actor))
        noted.after = {"expires_at": link.expires_at}
        return RatingLink(ticket=number, url=f"{url}/rate/{link.code}", expires_at=link.expires_at)

    @get("/reports/quality", sync_to_thread=True, responses=PROBLEMS)
    def quality(
        month: Annotated[str, QueryParameter(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")], zone: FromQuery[str] = "UTC"
    ) -> QualityReport:
        """How good the service of a month was: in all, for each customer and each engineer."""
        try:
            return service.quality(month, zone)
        except (ValueError, LookupError, OSError):
            raise ValidationException(
                f"{month} in {zone!r} is no month of a time zone: 2026-10, Asia/Shanghai"
            ) from None

    return [open_ticket, explanation, rating_link, quality]
