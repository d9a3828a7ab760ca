"""ConnectWise PSA's REST API for service tickets.

Source: developer.connectwise.com, "PSA API Requests" (conditions, JSON Patch, response codes) and the published
OpenAPI description (required fields, lengths).
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer, basic

COMPANY, PUBLIC, PRIVATE, CLIENT = "acme_msp", "AbCdEf0123456789", "s3cret-of-connectwise", "6c8d2ad4-8b3c-4b1c"
TICKET = re.compile(r"/service/tickets/(\d+)(?:/(notes))?")
CLOSED = ("Completed", "Closed")


class Board(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["Professional Services"]


class Status(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["New", "In Progress", "Waiting Customer Response", "Completed", "Closed"]


class Priority(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["Priority 1 - Critical", "Priority 2 - High", "Priority 3 - Medium", "Priority 4 - Low"]


class Identified(msgspec.Struct, forbid_unknown_fields=True):
    identifier: Annotated[str, Meta(min_length=1)]


class Create(msgspec.Struct, forbid_unknown_fields=True):
    summary: Annotated[str, Meta(min_length=1, max_length=100)]
    company: Identified
    board: Board | None = None
    status: Status | None = None
    priority: Priority | None = None
    owner: Identified | None = None
    externalXRef: Annotated[str, Meta(max_length=100)] = ""
    initialInternalAnalysis: str = ""
    initialDescription: str = ""


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    op: Literal["replace", "add", "remove"]
    path: Literal["status", "priority", "owner"]
    value: dict[str, str]


class Note(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1)]
    detailDescriptionFlag: bool = False
    internalAnalysisFlag: bool = False
    resolutionFlag: bool = False


class ConnectWise(StrictServer):
    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, list[dict[str, Any]]] = {}

    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/service/tickets")

    def problem(self, text: str) -> Any:
        return {"code": "InvalidObject", "message": "ticket object is invalid", "errors": [{"message": text}]}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != basic(f"{COMPANY}+{PUBLIC}", PRIVATE):
            raise Refused(401, {"code": "Unauthorized", "message": "The authorization header is incorrect."})
        if asked.headers.get("clientid") != CLIENT:
            raise Refused(401, {"code": "ClientId", "message": "The clientId header is missing or unknown."})
        if asked.path == "/system/info":
            return Reply(200, {"version": "v2025.16"})
        if self.creates(asked):
            body = self.read(asked, Create)
            kept = self.keep(
                key=body.externalXRef, status=body.status.name if body.status else "New",
                priority=body.priority.name if body.priority else "Priority 3 - Medium",
                owner=body.owner.identifier if body.owner else "", company=body.company.identifier, version=1,
            )  # fmt: skip
            return Reply(201, self._ticket(kept))
        if asked.path == "/service/tickets":
            return Reply(200, self._search(asked.query["conditions"]))
        found = TICKET.fullmatch(asked.path)
        if found is None:
            raise Refused(404, {"code": "NotFound", "message": "no such route"})
        kept = self.of(found[1], Refused(404, {"code": "NotFound", "message": "ticket not found"}))
        if found[2]:
            return self._notes(kept, asked)
        if asked.method == "PATCH":
            for change in self.read(asked, list[Patch]):
                shape = {"status": Status, "priority": Priority, "owner": Identified}[change.path]
                try:
                    msgspec.convert(change.value, type=shape)
                except msgspec.ValidationError as error:
                    raise Refused(400, self.problem(str(error))) from None
                kept.fields[change.path] = next(iter(change.value.values()))
            kept.fields["version"] += 1
        return Reply(200, self._ticket(kept))

    def _notes(self, kept: Kept, asked: Asked) -> Reply:
        told = self.told.setdefault(kept.id, [])
        if asked.method == "GET":
            after = int(asked.query["conditions"].removeprefix("id>"))
            return Reply(200, [note for note in told if note["id"] > after])
        note = self.read(asked, Note)
        if note.detailDescriptionFlag == note.internalAnalysisFlag:
            raise Refused(400, self.problem("exactly one of the flags says where the note belongs"))
        kept.notes.append((note.text, note.detailDescriptionFlag))
        row = {"id": next(self._numbers), "text": note.text, "createdBy": PUBLIC,
               "internalAnalysisFlag": note.internalAnalysisFlag}  # fmt: skip
        told.append(row)
        kept.fields["version"] += 1
        return Reply(201, row)

    def person_notes(self, number: str, text: str) -> None:
        row = {"id": next(self._numbers), "text": text, "createdBy": "li.wei", "internalAnalysisFlag": True}
        self.told.setdefault(number, []).append(row)
        self.person_does(number)

    def _search(self, conditions: str) -> list[dict[str, Any]]:
        tickets = [self._ticket(kept) for kept in self.kept.values()]
        if equal := re.fullmatch(r'externalXRef="([^"]+)"', conditions):
            return [ticket for ticket in tickets if ticket["externalXRef"] == equal[1]]
        if since := re.fullmatch(r'externalXRef like "fw-\*" and lastUpdated>=\[([^]]+)\]', conditions):
            return [ticket for ticket in tickets if ticket["_info"]["lastUpdated"] >= since[1]]
        raise Refused(400, {"code": "InvalidCondition", "message": conditions})

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        return {
            "id": int(kept.id), "externalXRef": fields["key"], "status": {"id": 1, "name": fields["status"]},
            "owner": {"identifier": fields["owner"]} if fields["owner"] else None,
            "closedFlag": fields["status"] in CLOSED,
            "_info": {"lastUpdated": f"2026-11-26T10:00:{fields['version'] % 60:02}Z"},
        }  # fmt: skip
