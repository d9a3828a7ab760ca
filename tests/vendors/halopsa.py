"""HaloPSA's REST API for tickets and actions.

Source: halopsa.com/apidoc: "Authentication" (client credentials, form encoded), "Tickets" and "Actions" (lists of
objects, 201), "Status".
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer

CLIENT_ID, SECRET = "5e2b9b5c-1d1e-4a2c-9c39", "s3cret-of-halo"
Status = Literal[1, 2, 3, 4, 5, 6, 8, 9]


class Ticket(msgspec.Struct, forbid_unknown_fields=True):
    """With an id only what is named is changed; without one all of summary, details and type are needed."""

    id: int | None = None
    summary: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    details: str | None = None
    tickettype_id: Literal[1, 3, 21] | None = None
    client_id: int | None = None
    status_id: Status | None = None
    priority_id: Literal[1, 2, 3, 4] | None = None
    agent_id: int | None = None
    team: str | None = None


class Action(msgspec.Struct, forbid_unknown_fields=True):
    ticket_id: int
    note: Annotated[str, Meta(min_length=1)]
    outcome: Annotated[str, Meta(min_length=1)]
    hiddenfromuser: bool = False


class HaloPsa(StrictServer):
    """``tokens``: those that are valid."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: set[str] = set()
        self.actions: list[dict[str, Any]] = []

    def creates(self, asked: Asked) -> bool:
        return asked.path == "/api/Tickets" and asked.method == "POST" and b'"summary"' in asked.body

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/auth/token":
            return self._give_token(asked)
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refused(401, b"")
        if asked.path == "/api/Agent/me":
            return Reply(200, {"id": 7, "name": "forewarn"})
        if asked.path == "/api/Actions":
            return self._actions(asked)
        if asked.path == "/api/Tickets" and asked.method == "POST":
            return self._write(asked)
        if asked.path == "/api/Tickets":
            wanted = asked.query["search_summary"].casefold()
            found = [self._ticket(kept) for kept in self.kept.values() if wanted in kept.fields["summary"].casefold()]
            return Reply(200, {"record_count": len(found), "tickets": found})
        if (single := re.fullmatch(r"/api/Tickets/(\d+)", asked.path)) is None:
            raise Refused(404, b"")
        return Reply(200, self._ticket(self.of(single[1], Refused(404, b""))))

    def _give_token(self, asked: Asked) -> Reply:
        if asked.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise Refused(400, {"error": "invalid_request"})
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if form.get("grant_type") != "client_credentials" or not form.get("scope"):
            raise Refused(400, {"error": "unsupported_grant_type"})
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, SECRET):
            raise Refused(401, {"error": "invalid_client", "client_secret": form.get("client_secret")})
        self.tokens.add(token := f"token-{next(self._numbers)}")
        return Reply(200, {"token_type": "Bearer", "access_token": token, "expires_in": 3600, "scope": "all"})

    def _write(self, asked: Asked) -> Reply:
        (ticket,) = self.read(asked, Annotated[list[Ticket], Meta(min_length=1, max_length=1)])
        given = {name: value for name, value in msgspec.structs.asdict(ticket).items() if value is not None}
        if ticket.id is None:
            if not (ticket.summary and ticket.details and ticket.tickettype_id):
                raise Refused(400, self.problem("summary, details and tickettype_id are needed"))
            return Reply(201, self._ticket(self.keep(**{"status_id": 1, "agent_id": 0, "version": 1, **given})))
        kept = self.of(str(given.pop("id")), Refused(400, self.problem("no such ticket")))
        kept.fields.update(given, version=kept.fields["version"] + 1)
        return Reply(201, self._ticket(kept))

    def _actions(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            mine = [one for one in self.actions if str(one["ticket_id"]) == asked.query["ticket_id"]]
            return Reply(200, {"record_count": len(mine), "actions": mine})
        (action,) = self.read(asked, Annotated[list[Action], Meta(min_length=1, max_length=1)])
        kept = self.of(str(action.ticket_id), Refused(400, self.problem("no such ticket")))
        kept.notes.append((action.note, not action.hiddenfromuser))
        row = {"id": next(self._numbers), "who": "forewarn", **msgspec.structs.asdict(action)}
        self.actions.append(row)
        kept.fields["version"] += 1
        return Reply(201, row)

    def person_notes(self, number: str, text: str) -> None:
        row = {"id": next(self._numbers), "who": "Li Wei", "ticket_id": int(number), "note": text}
        self.actions.append({**row, "hiddenfromuser": True})
        self.person_does(number)

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        return {"id": int(kept.id), "summary": fields["summary"], "status_id": fields["status_id"],
                "agent_id": fields["agent_id"], "dateoccured": "2026-11-26T10:00:00.0000000",
                "last_update": f"2026-11-26T10:00:{fields['version'] % 60:02}.1230000Z"}  # fmt: skip
