"""Freshdesk through its REST API, version 2.

Source: developers.freshdesk.com, "API": authentication (key as user, X as password), tickets (status 2 open, 3 pending,
4 resolved, 5 closed; priority 1 low to 4 urgent; source 2 portal), notes, conversations, filter tickets (a search of
which "updates can take a few minutes"), rate limit (429 with Retry-After). The key stands in a custom field.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import NoWayBack, basic, fit, html_of, iso, numbers, text_of, unix

LONGEST_SUBJECT = 255
ENDED = ("4", "5")
PORTAL = 2
PER_PAGE, PAGES = 100, 10
# "Updates can take a few minutes" until search knows them.
SEARCH_LAGS_SECONDS = 3600.0


class Freshdesk(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._email = setup.options["email"]
        self._field = setup.options["key_field"]
        # The key is the user name of the basic scheme; the password is always X.
        self._http = Http(
            setup.url,
            {"Authorization": basic(setup.token or "", "X")},
            secrets=(setup.token, basic(setup.token or "", "X")),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    @cached_property
    def _me(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._http.ask("GET", "/api/v2/agents/me").json()
        return found

    def check(self) -> str:
        return f"Freshdesk as {self._me['contact']['name']}"

    def find(self, key: str) -> Remote | None:
        """First where search sees it, then among the newest, which search may not see yet."""
        query = {"query": f"\"{self._field}:'{key}'\""}
        found = self._http.ask("GET", "/api/v2/search/tickets", params=query).json()["results"]
        if not found:
            since = time.time() - SEARCH_LAGS_SECONDS
            found = [one for one in self._changed(since, email=self._email) if self._key(one) == key]
        return self._remote(min(found, key=lambda ticket: int(ticket["id"]))) if found else None

    def create(self, draft: Draft) -> str:
        body: dict[str, Any] = {
            "subject": fit(" ".join(draft.title.split()), LONGEST_SUBJECT),
            "description": html_of(draft.text),
            "email": self._email,
            "source": PORTAL,
            "custom_fields": {self._field: draft.key},
            **numbers(status=draft.state, priority=draft.priority, group_id=draft.queue, responder_id=draft.owner),
        }
        return str(self._http.ask("POST", "/api/v2/tickets", body=body).json()["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._http.ask("GET", f"/api/v2/tickets/{id_}", also=(404,))
        return None if answer.status == 404 else self._remote(answer.json())

    def note(self, remote: Remote, text: str, public: bool) -> None:
        body = {"body": html_of(text), "private": not public}
        self._http.ask("POST", f"/api/v2/tickets/{remote.id}/notes", body=body)

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        body = numbers(status=wanted.state, priority=wanted.priority, responder_id=wanted.owner)
        self._http.ask("PUT", f"/api/v2/tickets/{remote.id}", body=body)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        found = self._pages(f"/api/v2/tickets/{id_}/conversations")
        ordered = sorted(found, key=lambda conversation: int(conversation["id"]))
        return [self._heard(one) for one in ordered if one["id"] > int(after or 0)]

    def _heard(self, one: Mapping[str, Any]) -> Heard:
        ours = one["user_id"] == self._me["id"]
        return Heard(str(one["id"]), str(one["user_id"]), text_of(one["body"]), not one["private"], ours)

    def poll(self, since: float) -> Sequence[Remote]:
        return [self._remote(ticket) for ticket in self._changed(since)]

    def _changed(self, since: float, **only: str) -> list[Mapping[str, Any]]:
        order = {"order_by": "updated_at", "order_type": "asc"}
        return self._pages("/api/v2/tickets", updated_since=iso(since), **order, **only)

    def _pages(self, path: str, **params: str) -> list[Mapping[str, Any]]:
        """As far as so many pages go."""
        found: list[Mapping[str, Any]] = []
        for page in range(1, PAGES + 1):
            asked = {"per_page": str(PER_PAGE), "page": str(page), **params}
            listed = self._http.ask("GET", path, params=asked).json()
            found += listed
            if len(listed) < PER_PAGE:
                break
        return found

    def _key(self, ticket: Mapping[str, Any]) -> str:
        return ticket["custom_fields"].get(self._field) or ""

    def _remote(self, ticket: Mapping[str, Any]) -> Remote:
        return Remote(
            id=str(ticket["id"]),
            url=f"{self._http.base}/a/tickets/{ticket['id']}",
            key=self._key(ticket),
            state=str(ticket["status"]),
            owner=str(ticket["responder_id"] or ""),
            ended=str(ticket["status"]) in ENDED,
            version=ticket["updated_at"],
            changed_at=unix(ticket["updated_at"]),
        )


KIND = Kind(
    summary="Freshdesk",
    proof="documented format",
    system=Freshdesk,
    url_example="https://acme.freshdesk.com",
    credential="API key of the agent that writes",
    credential_needed=True,
    options={
        "email": Key("e-mail address of the tickets' requester", "noc@example.org", needed=True),
        "key_field": Key("custom field (single line) for the key", "cf_forewarn_key", default="cf_forewarn_key"),
    },
    maps=Maps(
        states={
            "open": "2", "acknowledged": "2", "in progress": "2", "waiting": "3",
            "resolved": "4", "closed": "5", "false alarm": "5",
        },
        priorities={"critical": "4", "warning": "3"},
    ),
    polls=True,
)  # fmt: skip
