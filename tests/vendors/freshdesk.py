"""Freshdesk's REST API, version 2.

Source: developers.freshdesk.com, "API": create a ticket (mandatory fields, values of status, priority and source),
validation errors, filter tickets (a query in double quotes, not indexed at once), notes, conversations.
"""

import re
import time
from datetime import UTC, datetime
from html import escape, unescape
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer, basic

API_KEY, ME = "s3cret-of-freshdesk", 43001
TICKET = re.compile(r"/api/v2/tickets/(\d+)(?:/(notes|conversations))?")
QUERY = re.compile(r"\"cf_forewarn_key:'([^']+)'\"")
Status, Priority = Literal[2, 3, 4, 5], Literal[1, 2, 3, 4]


class Custom(msgspec.Struct, forbid_unknown_fields=True):
    cf_forewarn_key: str


class Create(msgspec.Struct, forbid_unknown_fields=True):
    subject: Annotated[str, Meta(min_length=1, max_length=255)]
    description: Annotated[str, Meta(min_length=1)]
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    status: Status
    priority: Priority
    source: Literal[1, 2, 3, 5, 6, 7, 9, 10] = 2
    custom_fields: Custom | None = None
    group_id: int | None = None
    responder_id: int | None = None


class Update(msgspec.Struct, forbid_unknown_fields=True):
    status: Status | None = None
    priority: Priority | None = None
    responder_id: int | None = None


class Note(msgspec.Struct, forbid_unknown_fields=True):
    body: Annotated[str, Meta(min_length=1)]
    private: bool = True


class Freshdesk(StrictServer):
    """``indexed``: ids that search knows; new tickets are only listed until somebody puts them there."""

    def __init__(self) -> None:
        super().__init__()
        self.indexed: set[str] = set()
        self._started = time.time()
        self.told: dict[str, list[dict[str, Any]]] = {}

    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/api/v2/tickets")

    def problem(self, text: str) -> Any:
        return {"description": "Validation failed", "errors": [{"message": text, "code": "invalid_value"}]}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != basic(API_KEY, "X"):
            raise Refused(401, {"code": "invalid_credentials", "message": "You have to be logged in."})
        if asked.path == "/api/v2/agents/me":
            return Reply(200, {"id": ME, "contact": {"name": "forewarn"}})
        if asked.path == "/api/v2/search/tickets":
            query = QUERY.fullmatch(asked.query["query"])
            if query is None:
                raise Refused(400, self.problem("Invalid query format"))
            found = [kept for kept in self.kept.values() if kept.id in self.indexed and kept.fields["key"] == query[1]]
            return Reply(200, {"total": len(found), "results": [self._ticket(kept) for kept in found]})
        if self.creates(asked):
            body = self.read(asked, Create)
            kept = self.keep(
                key=body.custom_fields.cf_forewarn_key if body.custom_fields else "", status=body.status,
                priority=body.priority, owner=body.responder_id, email=body.email, version=1,
            )  # fmt: skip
            return Reply(201, self._ticket(kept))
        if asked.path == "/api/v2/tickets":
            if asked.query.get("order_by", "created_at") not in ("created_at", "updated_at"):
                raise Refused(400, self.problem("order_by"))
            wanted = asked.query.get("email")
            listed = [self._ticket(kept) for kept in self.kept.values() if wanted in (None, kept.fields["email"])]
            listed = [one for one in listed if one["updated_at"] >= asked.query.get("updated_since", "")]
            return Reply(200, self._page(asked, listed))
        found_ = TICKET.fullmatch(asked.path)
        if found_ is None:
            raise Refused(404)
        kept = self.of(found_[1], Refused(404))
        if found_[2] == "conversations":
            return Reply(200, self._page(asked, self.told.get(kept.id, [])))
        if found_[2] == "notes":
            note = self.read(asked, Note)
            kept.notes.append((unescape(note.body), not note.private))
            one = {"id": next(self._numbers), "user_id": ME, "body": note.body, "private": note.private}
            self.told.setdefault(kept.id, []).append(one)
            kept.fields["version"] += 1
            return Reply(201, one)
        if asked.method == "PUT":
            changed = self.read(asked, Update)
            for name, value in (
                ("status", changed.status),
                ("priority", changed.priority),
                ("owner", changed.responder_id),
            ):
                kept.fields[name] = value if value is not None else kept.fields[name]
            kept.fields["version"] += 1
        return Reply(200, self._ticket(kept))

    def person_notes(self, number: str, text: str) -> None:
        one = {"id": next(self._numbers), "user_id": 43009, "body": f"<div>{escape(text)}</div>", "private": True}
        self.told.setdefault(number, []).append(one)
        self.person_does(number)

    def _page(self, asked: Asked, rows: list[Any]) -> list[Any]:
        page, size = int(asked.query.get("page", "1")), int(asked.query.get("per_page", "30"))
        if not 1 <= size <= 100:
            raise Refused(400, self.problem("It should be a Positive Integer less than or equal to 100"))
        return rows[(page - 1) * size : page * size]

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        return {
            "id": int(kept.id), "status": fields["status"], "priority": fields["priority"],
            "responder_id": fields["owner"], "custom_fields": {"cf_forewarn_key": fields["key"]},
            "updated_at": datetime.fromtimestamp(self._started + fields["version"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
