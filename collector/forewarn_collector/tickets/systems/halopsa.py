"""HaloPSA through its REST API.

Source: halopsa.com/apidoc: "Authentication" (OAuth 2 client credentials), "Tickets" (POST takes a list; with an id it
changes that ticket), "Actions" (notes), "Status". The numbers of statuses, priorities and ticket types are those of
each instance (``/api/Status``). The summary ends with the key, as a custom field would have to be made first.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Unreachable
from forewarn_collector.tickets.systems.http import Answer, Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import NoWayBack, by_customer, key_in, keyed, numbers, unix

LONGEST_SUMMARY = 250
# A token is renewed this long before it ends.
EARLY_SECONDS = 60.0
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HaloPsa(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._options = setup.options
        self._secret = setup.token or ""
        self._ended = {setup.maps.state(state) for state in life.ENDED}
        self._token, self._until = "", 0.0
        self._lock = threading.Lock()
        self._http = Http(
            setup.url, secrets=(setup.token,), timeout=setup.timeout, per_minute=setup.requests_per_minute
        )

    def check(self) -> str:
        return f"HaloPSA as {self._ask('GET', '/api/Agent/me').json()['name']}"

    def find(self, key: str) -> Remote | None:
        params = {"search_summary": key, "order": "id", "pageinate": "true", "page_size": "50", "page_no": "1"}
        listed = self._ask("GET", "/api/Tickets", params=params).json()["tickets"]
        found = [ticket for ticket in listed if key_in(ticket["summary"]) == key]
        return self._remote(min(found, key=lambda ticket: int(ticket["id"]))) if found else None

    def create(self, draft: Draft) -> str:
        ticket = {
            "summary": keyed(draft.title, draft.key, LONGEST_SUMMARY),
            "details": draft.text,
            **numbers(
                tickettype_id=self._options["ticket_type"],
                client_id=by_customer(self._options["clients"], draft.ticket.customer),
                status_id=draft.state,
                priority_id=draft.priority,
                agent_id=draft.owner,
            ),
        }
        if draft.queue:
            ticket["team"] = draft.queue
        return str(self._ask("POST", "/api/Tickets", body=[ticket]).json()["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._ask("GET", f"/api/Tickets/{id_}", also=(404,))
        return None if answer.status == 404 else self._remote(answer.json())

    def note(self, remote: Remote, text: str, public: bool) -> None:
        action = {
            "ticket_id": int(remote.id), "outcome": self._options["outcome"], "note": text,
            "hiddenfromuser": not public,
        }  # fmt: skip
        self._ask("POST", "/api/Actions", body=[action])

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        changes = numbers(status_id=wanted.state, priority_id=wanted.priority, agent_id=wanted.owner)
        self._ask("POST", "/api/Tickets", body=[{"id": int(remote.id), **changes}])

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        params = {"ticket_id": id_, "excludesys": "true", "count": "1000"}
        listed = self._ask("GET", "/api/Actions", params=params).json()["actions"]
        ours = self._options["agent"]
        return [
            Heard(str(one["id"]), one["who"], one["note"], not one["hiddenfromuser"], one["who"] == ours)
            for one in sorted(listed, key=lambda action: int(action["id"]))
            if int(one["id"]) > int(after or 0)
        ]

    def _ask(self, method: str, path: str, also: tuple[int, ...] = (), **options: Any) -> Answer:
        """With a token, which Halo may take back at any time."""
        for _ in range(2):
            headers = {"Authorization": f"Bearer {self._valid_token()}"}
            answer = self._http.ask(method, path, headers=headers, also=(401, *also), **options)
            if answer.status != 401:
                return answer
            self._until = 0.0
        raise Unreachable("HaloPSA refuses the token that it gave (may the application read and edit tickets?)")

    def _valid_token(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                form = {
                    "grant_type": "client_credentials", "client_id": self._options["client_id"],
                    "client_secret": self._secret, "scope": "all",
                }  # fmt: skip
                given = self._http.ask("POST", "/auth/token", content=urlencode(form).encode(), headers=FORM).json()
                self._token = str(given["access_token"])
                self._until = time.monotonic() + float(given["expires_in"]) - EARLY_SECONDS
            return self._token

    def _remote(self, ticket: Mapping[str, Any]) -> Remote:
        status = str(ticket["status_id"])
        owner = str(ticket.get("agent_id") or "")
        changed = ticket.get("last_update") or ticket["dateoccurred"]
        return Remote(
            id=str(ticket["id"]),
            url=f"{self._http.base}/tickets?id={ticket['id']}",
            key=key_in(ticket["summary"]),
            state=status,
            owner=owner,
            ended=status in self._ended,
            version=f"{changed} {status} {owner}",
            changed_at=unix(changed),
        )


KIND = Kind(
    summary="HaloPSA",
    proof="documented format",
    system=HaloPsa,
    url_example="https://acme.halopsa.com",
    credential="client secret of the API application",
    credential_needed=True,
    options={
        "client_id": Key("client id of the API application", "5e2b9b5c-1d1e-4a2c-9c39-7b1a8f0f6f11", needed=True),
        "agent": Key("name of the agent that the application acts as", "forewarn", needed=True),
        "clients": Key("client id of each customer, and of all others", "Acme=12; 1", needed=True),
        "ticket_type": Key("number of the ticket type", "1", needed=True),
        "outcome": Key("outcome under which notes are written", "Note", default="Note"),
    },
    maps=Maps(
        states={
            "open": "1", "acknowledged": "2", "in progress": "2", "waiting": "4",
            "resolved": "8", "closed": "9", "false alarm": "9",
        },
        priorities={"critical": "1", "warning": "2"},
    ),
)  # fmt: skip
