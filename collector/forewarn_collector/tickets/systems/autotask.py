"""Autotask PSA through its REST API.

Source: ww1.autotask.net, Developer Help: "Tickets" (required fields, ``externalID``, PATCH with the id in the body),
"TicketNotes" (publish 1 to all, 2 internal), "Basic query calls", "Authentication" (three headers), "REST API
thresholds" (10,000 calls an hour of the whole database). A refused body is answered with 500 and a list of errors.
Picklists (status, priority, queue) are numbers of each instance. Times are UTC.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Busy, DeliveryError
from forewarn_collector.tickets.systems.http import Answer, Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import (
    KEY_PREFIX,
    NoWayBack,
    by_customer,
    fit,
    fit_note,
    iso,
    numbers,
    unix,
)

TICKETS = "/v1.0/Tickets"
FIELDS = ("id", "externalID", "status", "assignedResourceID", "lastActivityDate")
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_NOTE = 255, 8000, 32_000
NOTE_TITLE = "forewarn"
TO_ALL, INTERNAL = 1, 2
THRESHOLD_SECONDS = 300.0


class Autotask(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._options = setup.options
        self._ended = {setup.maps.state(state) for state in life.ENDED}
        code = setup.secrets["integration_code"]
        self._http = Http(
            setup.url,
            {"ApiIntegrationCode": code, "UserName": setup.options["user"], "Secret": setup.token or ""},
            secrets=(setup.token, code),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def check(self) -> str:
        self._ask("GET", f"{TICKETS}/entityInformation")
        return f"Autotask as {self._options['user']}"

    def find(self, key: str) -> Remote | None:
        found = self._query(TICKETS, [{"op": "eq", "field": "externalID", "value": key}], FIELDS)
        return self._remote(min(found, key=lambda row: int(row["id"]))) if found else None

    def create(self, draft: Draft) -> str:
        body: dict[str, Any] = {
            "title": fit(draft.title, LONGEST_TITLE),
            "description": fit(draft.text, LONGEST_DESCRIPTION),
            "externalID": draft.key,
            **numbers(
                companyID=by_customer(self._options["companies"], draft.ticket.customer),
                status=draft.state,
                priority=draft.priority,
                queueID=draft.queue,
                **self._owner(draft.owner),
            ),
        }
        return str(self._ask("POST", TICKETS, body).json()["itemId"])

    def read(self, id_: str) -> Remote | None:
        answer = self._ask("GET", f"{TICKETS}/{id_}", also=(404,))
        item = None if answer.status == 404 else answer.json()["item"]
        return self._remote(item) if item else None

    def note(self, remote: Remote, text: str, public: bool) -> None:
        body = {
            "title": NOTE_TITLE,
            "description": fit_note(text, LONGEST_NOTE),
            "noteType": int(self._options["note_type"]),
            "publish": TO_ALL if public else INTERNAL,
        }
        self._ask("POST", f"{TICKETS}/{remote.id}/Notes", body)

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        changes = numbers(status=wanted.state, priority=wanted.priority, **self._owner(wanted.owner or ""))
        self._ask("PATCH", TICKETS, {"id": int(remote.id), **changes})

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        conditions = [
            {"op": "eq", "field": "ticketID", "value": int(id_)},
            {"op": "gt", "field": "id", "value": int(after or 0)},
        ]
        fields = ("id", "title", "description", "publish", "creatorResourceID")
        found = self._query("/v1.0/TicketNotes", conditions, fields)
        return [
            Heard(str(row["id"]), str(row["creatorResourceID"]), row["description"], row["publish"] == TO_ALL,
                  row["title"] == NOTE_TITLE)
            for row in sorted(found, key=lambda row: int(row["id"]))
        ]  # fmt: skip

    def poll(self, since: float) -> Sequence[Remote]:
        conditions = [
            {"op": "beginsWith", "field": "externalID", "value": KEY_PREFIX},
            {"op": "gte", "field": "lastActivityDate", "value": iso(since)},
        ]
        found = [self._remote(row) for row in self._query(TICKETS, conditions, FIELDS)]
        return sorted(found, key=lambda remote: remote.changed_at)

    def _owner(self, resource: str) -> dict[str, str]:
        """A person may be assigned only together with a role."""
        return {"assignedResourceID": resource, "assignedResourceRoleID": self._options["role"]} if resource else {}

    def _query(self, path: str, conditions: list[dict[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
        body = {"filter": conditions, "includeFields": list(fields), "maxRecords": 500}
        found: list[dict[str, Any]] = self._ask("POST", f"{path}/query", body).json()["items"]
        return found

    def _ask(self, method: str, path: str, body: Any = None, also: tuple[int, ...] = ()) -> Answer:
        answer = self._http.ask(method, path, body=body, also=(500, *also))
        if answer.status != 500:
            return answer
        try:
            errors = [str(error) for error in json.loads(answer.body)["errors"]]
        except (ValueError, KeyError, TypeError):
            raise DeliveryError("HTTP 500") from None
        text = self._http.said(f"HTTP 500: {'; '.join(errors)}"[:200])
        if "threshold" in text.lower():
            raise Busy(text, THRESHOLD_SECONDS)
        raise DeliveryError(text, permanent=True)

    def _remote(self, row: Mapping[str, Any]) -> Remote:
        status = str(row["status"])
        return Remote(
            id=str(row["id"]),
            url=f"{self._http.base}{TICKETS}/{row['id']}",
            key=row.get("externalID") or "",
            state=status,
            owner=str(row.get("assignedResourceID") or ""),
            ended=status in self._ended,
            version=row["lastActivityDate"],
            changed_at=unix(row["lastActivityDate"]),
        )


KIND = Kind(
    summary="Autotask PSA",
    proof="documented format",
    system=Autotask,
    url_example="https://webservices5.autotask.net/ATServicesRest",
    credential="secret of the API user",
    credential_needed=True,
    options={
        "user": Key("name of the API user", "api@acme-msp.example", needed=True),
        "companies": Key("company id of each customer, and of all others", "Acme=174; 0", needed=True),
        "role": Key("role id with which people are assigned", "29683459"),
        "note_type": Key("picklist number of the notes' type", "1", default="1"),
    },
    secrets={"integration_code": Key("tracking identifier of the integration", "autotask.code", needed=True)},
    maps=Maps(
        states={
            "open": "1", "acknowledged": "8", "in progress": "8", "waiting": "7",
            "resolved": "5", "closed": "5", "false alarm": "5",
        },
        priorities={"critical": "4", "warning": "1"},
    ),
    polls=True,
)  # fmt: skip
