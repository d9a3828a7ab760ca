"""Prometheus Alertmanager: every open ticket is an alert, a silence on it is an acknowledgement.

Source: Alertmanager's API v2, seen on 0.25.0. An alert is its labels, so nothing that changes stands there but the
severity: a worse one is another alert, and ends the one before. Alertmanager forgets alerts when it restarts and ends
those that it is not told again, so they are told again and again (``keep``).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Parcel, Taken
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import alerting, wording
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup

ALERTS = "/api/v2/alerts"
KEY = "forewarn_key"
NAME = "ForewarnPredictedFault"
# Whoever starts the collector again within this time finds the alerts still there.
STAYS_SECONDS = 4 * 3600.0


class Alertmanager:
    def __init__(self, setup: Setup, now: Callable[[], float] = lambda: datetime.now(UTC).timestamp()) -> None:
        self.name = setup.name
        self._name = setup.options["alertname"]
        headers = {"Authorization": f"Bearer {setup.token}"} if setup.token else {}
        self._http = Http(
            setup.url, headers, secrets=[setup.token], timeout=setup.timeout, per_minute=setup.requests_per_minute
        )
        self._now = now

    def send(self, parcel: Parcel) -> None:
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        now = self._now()
        found = [alert(ticket, self._name, ticket.severity, now)]
        if parcel.event == "updated" and ticket.severity != life.TICKET_LEVELS[0]:
            # It may have been less severe, which was another alert.
            found.append(alert(ticket, self._name, life.TICKET_LEVELS[0], now))
        self._post(found)

    def keep(self, tickets: Sequence[Ticket]) -> list[Taken]:
        """Tell again what is open; return who silenced what."""
        now = self._now()
        if tickets:
            self._post([alert(ticket, self._name, ticket.severity, now) for ticket in tickets])
        wanted = {"filter": f'{KEY}=~"fw-.*"', "active": "false", "inhibited": "false", "silenced": "true"}
        found = self._http.ask("GET", ALERTS, params=wanted).json()
        numbers = {wording.dedup_key(ticket): ticket.number for ticket in tickets}
        silenced = {alert["labels"][KEY]: alert["status"]["silencedBy"] for alert in found}
        return [self._taken(numbers[key], ids[0]) for key, ids in silenced.items() if key in numbers and ids]

    def _taken(self, ticket: int, silence: str) -> Taken:
        found = self._http.ask("GET", f"/api/v2/silence/{silence}").json()
        return Taken(ticket, found.get("createdBy") or "somebody", found.get("comment", ""))

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        self._http.ask("POST", ALERTS, body=alerts)


def alert(ticket: Ticket, name: str, severity: str, now: float) -> dict[str, Any]:
    """It fires while the ticket is open and has this severity."""
    firing = ticket.state not in life.ENDED and severity == ticket.severity
    return {
        "labels": {"alertname": name, KEY: wording.dedup_key(ticket), **alerting.details(ticket), "severity": severity},
        "annotations": {"summary": wording.title(ticket), "description": wording.description(ticket)},
        "startsAt": _iso(min(ticket.opened_at, now)),
        "endsAt": _iso(now + STAYS_SECONDS if firing else now),
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


KIND = Kind(
    summary="Prometheus Alertmanager (API v2)",
    proof="real server",
    sender=Alertmanager,
    url_example="http://127.0.0.1:9093",
    credential="bearer token of a proxy before it, where there is one",
    options={"alertname": Key("the alert's name", NAME, default=NAME)},
)
