"""Opsgenie through its Alert API, and JSM operations, which takes the same bodies at another address.

Source: docs.opsgenie.com, "Alert API" and "Response codes"; developer.atlassian.com, "JSM operations REST API",
integration events. Requests are taken (202) before they are worked off; what became of one is asked afterwards.
An alias has one open alert. Opsgenie is shut down on 2027-04-05; an API integration of JSM goes on.
"""

from typing import Any

import msgspec

from forewarn_collector.tickets.destination import DeliveryError, Parcel
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import alerting, wording
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.kind import Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import fit

LONGEST_MESSAGE, LONGEST_DESCRIPTION, LONGEST_ENTITY, LONGEST_TAG = 130, 15_000, 512, 50
SOURCE = "forewarn"
# An alert that somebody has closed or deleted there needs no acknowledgement any more.
ALREADY_GONE = "alert does not exist"


def alert(ticket: Ticket, priority: str, team: str = "") -> dict[str, Any]:
    """The body that creates an alert. ``priority``: P1 to P5. ``team``: whom it goes to; empty: the integration's."""
    body = {
        "alias": wording.dedup_key(ticket),
        "message": fit(wording.title(ticket), LONGEST_MESSAGE),
        "description": fit(wording.description(ticket), LONGEST_DESCRIPTION),
        "details": alerting.details(ticket),
        "source": SOURCE,
        "responders": [{"name": team, "type": "team"}] if team else [],
        "tags": [fit(ticket.fault, LONGEST_TAG), fit(ticket.severity, LONGEST_TAG)],
        "priority": priority,
        "entity": fit(ticket.device, LONGEST_ENTITY),
    }
    return {name: value for name, value in body.items() if value}


class Opsgenie:
    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._maps = setup.maps
        headers = {"Authorization": f"GenieKey {setup.token}"}
        self._http = Http(
            setup.url, headers, secrets=(setup.token,), timeout=setup.timeout, per_minute=setup.requests_per_minute
        )

    def send(self, parcel: Parcel) -> None:
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        action = alerting.step(parcel.event, ticket)
        if action == alerting.TRIGGER:
            priority = self._maps.priority(ticket.severity)
            self._do("/v2/alerts", alert(ticket, priority, self._maps.queue(ticket.queue)))
        elif action is not None:
            path = f"/v2/alerts/{wording.dedup_key(ticket)}/{'close' if action == alerting.RESOLVE else action}"
            self._do(path, {"source": SOURCE}, {"identifierType": "alias"})

    def _do(self, path: str, body: dict[str, Any], params: dict[str, str] | None = None) -> None:
        taken = self._http.ask("POST", path, body=body, params=params).json()
        # 404: not worked off yet. It is taken, and a repeated request would do no harm but no good either.
        answer = self._http.ask("GET", f"/v2/alerts/requests/{taken['requestId']}", also=(404,))
        result = answer.json().get("data", {}) if answer.status == 200 else {}
        status = str(result.get("status", ""))
        if result.get("success") is False and status.lower() != ALREADY_GONE:
            raise DeliveryError(self._http.said(f"{result.get('action')}: {status}"), permanent=True)


KIND = Kind(
    summary="Opsgenie, Alert API (until 2027-04-05)",
    proof="documented format",
    sender=Opsgenie,
    url="https://api.opsgenie.com",
    url_example="https://api.eu.opsgenie.com",
    credential="key of an API integration",
    credential_needed=True,
    maps=Maps(priorities={"critical": "P1", "warning": "P3"}),
)

JSM = Kind(
    summary="Jira Service Management operations, integration events",
    proof="documented format",
    sender=Opsgenie,
    url="https://api.atlassian.com/jsm/ops/integration",
    credential="key of an API integration",
    credential_needed=True,
    maps=KIND.maps,
)
