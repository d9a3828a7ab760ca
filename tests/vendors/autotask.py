"""Autotask PSA's REST API for tickets.

Source: ww1.autotask.net, Developer Help: "Tickets" (required fields), "TicketNotes" (required fields, publish), "Basic
query calls", "Authentication"; errors are a list below ``errors``, with status 500 for a refused body.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer

USER, SECRET, CODE = "api@acme-msp.example", "s3cret-of-autotask", "s3cret-integration-code"
Status, Priority = Literal[1, 5, 7, 8, 9, 12], Literal[1, 2, 3, 4]


class Create(msgspec.Struct, forbid_unknown_fields=True):
    companyID: int
    status: Status
    priority: Priority
    title: Annotated[str, Meta(min_length=1, max_length=255)]
    description: Annotated[str, Meta(max_length=8000)] = ""
    externalID: Annotated[str, Meta(max_length=50)] = ""
    queueID: int | None = None
    assignedResourceID: int | None = None
    assignedResourceRoleID: int | None = None


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    id: int
    status: Status | None = None
    priority: Priority | None = None
    assignedResourceID: int | None = None
    assignedResourceRoleID: int | None = None


class Note(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=250)]
    description: Annotated[str, Meta(min_length=1, max_length=32_000)]
    noteType: int
    publish: Literal[1, 2]


class Condition(msgspec.Struct, forbid_unknown_fields=True):
    op: Literal["eq", "gt", "gte", "beginsWith"]
    field: str
    value: str | int


class Query(msgspec.Struct, forbid_unknown_fields=True):
    filter: Annotated[list[Condition], Meta(min_length=1)]
    includeFields: list[str] = []
    maxRecords: Annotated[int, Meta(ge=1, le=500)] = 500


class Autotask(StrictServer):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/v1.0/Tickets")

    def problem(self, text: str) -> Any:
        return {"errors": [text]}

    def answer(self, asked: Asked) -> Reply:
        sent = [asked.headers.get(name) for name in ("apiintegrationcode", "username", "secret")]
        if sent != [CODE, USER, SECRET]:
            raise Refused(401, self.problem("The logged in Resource does not have the adequate permissions"))
        if asked.path == "/v1.0/Tickets/entityInformation":
            return Reply(200, {"info": {"name": "Ticket"}})
        if asked.path == "/v1.0/Tickets/query":
            return Reply(200, {"items": self._select(asked, [self._ticket(kept) for kept in self.kept.values()])})
        if asked.path == "/v1.0/TicketNotes/query":
            return Reply(200, {"items": self._select(asked, self.told)})
        if self.creates(asked):
            body = self.read(asked, Create, 500)
            self._role(body.assignedResourceID, body.assignedResourceRoleID)
            kept = self.keep(key=body.externalID, status=body.status, priority=body.priority,
                             owner=body.assignedResourceID, company=body.companyID, version=1)  # fmt: skip
            return Reply(200, {"itemId": int(kept.id)})
        if (asked.method, asked.path) == ("PATCH", "/v1.0/Tickets"):
            change = self.read(asked, Patch, 500)
            self._role(change.assignedResourceID, change.assignedResourceRoleID)
            kept = self.of(str(change.id), Refused(404, self.problem("No ticket of this id")))
            changes = (("status", change.status), ("priority", change.priority), ("owner", change.assignedResourceID))
            for name, value in changes:
                kept.fields[name] = value if value is not None else kept.fields[name]
            kept.fields["version"] += 1
            return Reply(200, {"itemId": change.id})
        if (found := re.fullmatch(r"/v1\.0/Tickets/(\d+)(/Notes)?", asked.path)) is None:
            raise Refused(404, self.problem("No such resource"))
        if not found[2]:
            ticket = self.kept.get(found[1])
            return Reply(200, {"item": self._ticket(ticket) if ticket else None})
        kept = self.of(found[1], Refused(404, self.problem("No ticket of this id")))
        note = self.read(asked, Note, 500)
        kept.notes.append((note.description, note.publish == 1))
        number = next(self._numbers)
        self.told.append({"id": number, "ticketID": int(kept.id), "title": note.title, "description": note.description,
                          "publish": note.publish, "creatorResourceID": 29})  # fmt: skip
        kept.fields["version"] += 1
        return Reply(200, {"itemId": number})

    def person_notes(self, number: str, text: str) -> None:
        self.told.append({"id": next(self._numbers), "ticketID": int(number), "title": "Looked at it",
                          "description": text, "publish": 2, "creatorResourceID": 31})  # fmt: skip
        self.person_does(number)

    def _role(self, resource: int | None, role: int | None) -> None:
        if (resource is None) != (role is None):
            raise Refused(500, self.problem("A Resource must be assigned together with a Role"))

    def _select(self, asked: Asked, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        tests: dict[str, Any] = {
            "eq": lambda a, b: a == b, "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b,
            "beginsWith": lambda a, b: a.startswith(b),
        }  # fmt: skip
        for one in self.read(asked, Query, 500).filter:
            rows = [row for row in rows if tests[one.op](row[one.field], one.value)]
        return rows

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        return {"id": int(kept.id), "externalID": fields["key"], "status": fields["status"],
                "assignedResourceID": fields["owner"],
                "lastActivityDate": f"2026-11-26T10:00:{fields['version'] % 60:02}.12Z"}  # fmt: skip
