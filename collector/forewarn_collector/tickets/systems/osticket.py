"""osTicket through its API, which makes tickets and can nothing else.

Source: osTicket's setup/doc/api.md and api/tickets.md: ``X-API-Key`` (bound to our address), required fields, 201 with
the ticket's number as text. Nothing can be looked for there: where it is not known whether a ticket was made, we do not
make another, and the delivery is parked, over restarts too, for a person to look.
"""

import msgspec

from forewarn_collector.tickets.destination import UNCERTAIN, Busy, DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import keyed, numbers

LONGEST_SUBJECT = 250


class OsTicket:
    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._maps = setup.maps
        self._options = setup.options
        headers = {"X-API-Key": setup.token or ""}
        self._http = Http(
            setup.url, headers, secrets=(setup.token,), timeout=setup.timeout, per_minute=setup.requests_per_minute
        )

    def send(self, parcel: Parcel) -> None:
        if parcel.event != "opened":
            return
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        key = wording.dedup_key(ticket)
        body = {
            "email": self._options["email"],
            "name": self._options["name"],
            "subject": keyed(wording.title(ticket), key, LONGEST_SUBJECT),
            "message": wording.description(ticket),
            "source": "API",
            "alert": True,
            "autorespond": False,
            **numbers(topicId=self._maps.queue(ticket.queue), priorityId=self._maps.priority(ticket.severity)),
        }
        try:
            self._http.ask("POST", "/api/tickets.json", body=body)
        except (Busy, Unreachable):
            raise
        except DeliveryError as error:
            text = str(error) if error.permanent else f"{error}; {UNCERTAIN}: look for {key} there"
            raise DeliveryError(text, permanent=True) from None


KIND = Kind(
    summary="osTicket, makes tickets only",
    proof="documented format",
    sender=OsTicket,
    url_example="https://support.example.org",
    credential="API key, made for the collector's address",
    credential_needed=True,
    options={
        "email": Key("e-mail address of who submits the tickets", "noc@example.org", needed=True),
        "name": Key("their name", "forewarn", default="forewarn"),
    },
    maps=Maps(priorities={"critical": "4", "warning": "3"}),
)
