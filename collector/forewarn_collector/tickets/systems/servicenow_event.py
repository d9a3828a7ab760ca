"""ServiceNow events, which Event Management makes alerts of, and incidents where its rules say so.

Source: ServiceNow documentation, IT Operations Management, "Pushing events to the instance using web service API":
fields, severities 1 (critical) to 5 (OK) and 0 (clear), ``additional_info`` as a text that holds JSON. Events with the
same ``message_key`` are one alert. The user needs the role evt_mgmt_integration.
"""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from forewarn_collector.tickets.destination import Parcel
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import alerting, wording
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps

CLEAR = "0"


def record(action: str, ticket: Ticket, severity: str, at: float) -> dict[str, Any]:
    """One event. ``at``: Unix seconds."""
    closing = action == alerting.RESOLVE
    found = {
        "source": "forewarn",
        "event_class": "forewarn",
        "node": ticket.device,
        "resource": ticket.part_serial,
        "metric_name": ticket.fault,
        "type": ticket.fault,
        "message_key": wording.dedup_key(ticket),
        "severity": CLEAR if closing else severity,
        "resolution_state": "Closing" if closing else "New",
        "description": wording.description(ticket),
        "time_of_event": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "additional_info": json.dumps({**alerting.details(ticket), "title": wording.title(ticket)}),
    }
    return {name: value for name, value in found.items() if value}


class ServiceNowEvents:
    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._maps = setup.maps
        self._http = Http(
            setup.url,
            {"Accept": "application/json"},
            auth=(setup.options["user"], setup.token or ""),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def send(self, parcel: Parcel) -> None:
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        action = alerting.step(parcel.event, ticket)
        # An event has no acknowledgement: that is done on the alert, by people.
        if action in (alerting.TRIGGER, alerting.RESOLVE):
            event = record(action, ticket, self._maps.priority(ticket.severity), parcel.created_at)
            self._http.ask("POST", "/api/global/em/jsonv2", body={"records": [event]})


KIND = Kind(
    summary="ServiceNow, events for Event Management",
    proof="documented format",
    sender=ServiceNowEvents,
    url_example="https://acme.service-now.com",
    credential="the user's password",
    credential_needed=True,
    options={"user": Key("a user with the role evt_mgmt_integration", "forewarn", needed=True)},
    maps=Maps(priorities={"critical": "1", "warning": "4"}),
)
