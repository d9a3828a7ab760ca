"""Zammad through its REST API.

Source: docs.zammad.org, "API": introduction (token, ``expand``), tickets, articles, states; admin-docs.zammad.org,
"Webhook" (``X-Hub-Signature``: HMAC-SHA1). Zammad has no field for a key, so the title ends with it. A search is
answered from an index that lags behind.
"""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from forewarn_collector.tickets import life
from forewarn_collector.tickets.systems.hooks import check_signature, json_object
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import (
    Draft,
    Heard,
    Hint,
    HookRefused,
    HookRequest,
    Remote,
    Wanted,
)
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import iso, key_in, keyed, text_of, unix

LONGEST_TITLE = 250
# A pending state needs a time; Zammad then only reminds the owner.
REMIND_AFTER_SECONDS = 7 * 86_400.0
# Besides the states that end a ticket in the configured words.
GONE = ("merged", "removed")


class Zammad:
    def __init__(self, setup: Setup) -> None:
        self._customer = setup.options["customer"]
        self._ended = {setup.maps.state(state) for state in life.ENDED} | set(GONE)
        self._http = Http(
            setup.url,
            {"Authorization": f"Token token={setup.token}"},
            secrets=(setup.token,),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    @cached_property
    def _me(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._http.ask("GET", "/api/v1/users/me").json()
        return found

    def check(self) -> str:
        return f"Zammad as {self._me['login']}"

    def find(self, key: str) -> Remote | None:
        found = [remote for remote in self._search(key, "created_at") if remote.key == key]
        return found[0] if found else None

    def create(self, draft: Draft) -> str:
        fields = {
            "title": keyed(draft.title, draft.key, LONGEST_TITLE),
            "group": draft.queue,
            "customer_id": f"guess:{self._customer}",
            "state": draft.state,
            "priority": draft.priority,
            "owner": draft.owner,
        }
        article = {"subject": draft.title, "body": draft.text, "content_type": "text/plain", "type": "note"}
        body = {name: value for name, value in fields.items() if value} | {"article": {**article, "internal": True}}
        return str(self._http.ask("POST", "/api/v1/tickets", body=body).json()["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._http.ask("GET", f"/api/v1/tickets/{id_}", params={"expand": "true"}, also=(404,))
        return None if answer.status == 404 else self._remote(answer.json())

    def note(self, remote: Remote, text: str, public: bool) -> None:
        body = {
            "ticket_id": int(remote.id), "body": text, "content_type": "text/plain", "type": "note",
            "internal": not public,
        }  # fmt: skip
        self._http.ask("POST", "/api/v1/ticket_articles", body=body)

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        body = {"state": wanted.state, "priority": wanted.priority, "owner": wanted.owner}
        if wanted.state and wanted.state.startswith("pending"):
            body["pending_time"] = iso(time.time() + REMIND_AFTER_SECONDS)
        self._http.ask("PUT", f"/api/v1/tickets/{remote.id}", body={k: v for k, v in body.items() if v})

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        found = self._http.ask("GET", f"/api/v1/ticket_articles/by_ticket/{id_}", params={"expand": "true"}).json()
        ordered = sorted(found, key=lambda article: int(article["id"]))
        return [self._heard(one) for one in ordered if one["id"] > int(after or 0)]

    def _heard(self, one: Mapping[str, Any]) -> Heard:
        text = text_of(one["body"]) if one["content_type"] == "text/html" else one["body"]
        ours = one["created_by_id"] == self._me["id"]
        return Heard(str(one["id"]), one["created_by"], text, not one["internal"], ours)

    def poll(self, since: float) -> Sequence[Remote]:
        return self._search(f"updated_at:[{iso(since)} TO *]", "updated_at")

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        check_signature(request, "x-hub-signature", "sha1", "sha1=")
        ticket = json_object(request).get("ticket")
        if not isinstance(ticket, dict) or "id" not in ticket:
            raise HookRefused("no ticket in it")
        return [Hint(id=str(ticket["id"]))]

    def _search(self, query: str, order: str) -> list[Remote]:
        params = {"query": query, "expand": "true", "sort_by": order, "order_by": "asc", "limit": "200"}
        found = self._http.ask("GET", "/api/v1/tickets/search", params=params).json()
        return [self._remote(ticket) for ticket in found]

    def _remote(self, ticket: Mapping[str, Any]) -> Remote:
        return Remote(
            id=str(ticket["id"]),
            url=f"{self._http.base}/#ticket/zoom/{ticket['id']}",
            key=key_in(ticket["title"]),
            state=ticket["state"],
            # Zammad's nobody is the user "-".
            owner=ticket["owner"] if ticket["owner"] != "-" else "",
            ended=ticket["state"] in self._ended,
            version=ticket["updated_at"],
            changed_at=unix(ticket["updated_at"]),
            changed_by=ticket["updated_by"],
        )


KIND = Kind(
    summary="Zammad",
    proof="documented format",
    system=Zammad,
    url_example="https://zammad.example.org",
    credential="access token of an agent with ticket.agent",
    credential_needed=True,
    options={"customer": Key("e-mail address of who is the customer of the tickets", "noc@example.org", needed=True)},
    maps=Maps(
        states={
            "open": "new", "acknowledged": "open", "in progress": "open", "waiting": "pending reminder",
            "resolved": "closed", "closed": "closed", "false alarm": "closed",
        },
        priorities={"critical": "3 high", "warning": "2 normal"},
        queues={"default": "Users"},
    ),
    hooks="a web-hook of a trigger, with an HMAC-SHA1 signature token",
    polls=True,
)  # fmt: skip
