"""PagerDuty through the Events API v2: trigger, acknowledge, resolve by a key that PagerDuty itself recognises.

Source: developer.pagerduty.com, "Events API v2 overview" and "Send an alert event". 202 is taken, 400 will never be,
429 and 5xx are tried again. Once resolved, the same key opens a new alert; acknowledge and resolve of a key that is
not open are dropped.
"""

from typing import Any

import msgspec

from forewarn_collector.tickets.destination import Parcel
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import alerting, wording
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.kind import Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import fit

LONGEST_SUMMARY = 1024
CLIENT = "forewarn"


def event(action: str, ticket: Ticket, routing_key: str, severity: str) -> dict[str, Any]:
    """The body of ``/v2/enqueue``. ``severity``: critical, error, warning or info."""
    payload = {
        "summary": fit(wording.title(ticket), LONGEST_SUMMARY),
        "source": ticket.device,
        "severity": severity,
        "component": ticket.part_serial,
        "group": ticket.customer,
        "class": ticket.fault,
        "custom_details": {**alerting.details(ticket), "description": wording.description(ticket)},
    }
    return {
        "routing_key": routing_key,
        "dedup_key": wording.dedup_key(ticket),
        "event_action": action,
        "payload": {name: value for name, value in payload.items() if value},
        "client": CLIENT,
    }


class PagerDuty:
    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._routing_key = setup.token or ""
        self._maps = setup.maps
        self._http = Http(
            setup.url, secrets=(setup.token,), timeout=setup.timeout, per_minute=setup.requests_per_minute
        )

    def send(self, parcel: Parcel) -> None:
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        action = alerting.step(parcel.event, ticket)
        if action is not None:
            severity = self._maps.priority(ticket.severity)
            self._http.ask("POST", "/v2/enqueue", body=event(action, ticket, self._routing_key, severity))


KIND = Kind(
    summary="PagerDuty, Events API v2",
    proof="documented format",
    sender=PagerDuty,
    url="https://events.pagerduty.com",
    credential="integration key of an Events API v2 integration, 32 characters",
    credential_needed=True,
    maps=Maps(priorities={"critical": "critical", "warning": "warning"}),
)
