"""PagerDuty's Events API v2, and its REST API for incidents.

Source: developer.pagerduty.com, "Events API v2 overview" and "Send an alert event": fields, lengths, response codes,
what a resolved key does; REST API reference, "Incidents" and "Notes" (``From``, ``Accept``).
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer

ROUTING_KEY = "R0UTINGKEY0123456789abcdefABCDEF"
LARGEST = 512 * 1024
API_TOKEN, FROM = "s3cret-0f-the-re5t-ap1", "noc@example.org"
INCIDENT = re.compile(r"/incidents/Q(\d+)(?:/(notes))?")


class Payload(msgspec.Struct, forbid_unknown_fields=True, rename={"class_": "class"}):
    summary: Annotated[str, Meta(min_length=1, max_length=1024)]
    source: Annotated[str, Meta(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | UnsetType = UNSET
    component: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    class_: str | UnsetType = UNSET
    custom_details: dict[str, Any] | UnsetType = UNSET


class Link(msgspec.Struct, forbid_unknown_fields=True):
    href: str
    text: str | UnsetType = UNSET


class Event(msgspec.Struct, forbid_unknown_fields=True):
    routing_key: Annotated[str, Meta(min_length=32, max_length=32)]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    payload: Payload | UnsetType = UNSET
    client: str | UnsetType = UNSET
    client_url: str | UnsetType = UNSET
    links: list[Link] | UnsetType = UNSET


class PagerDuty(StrictServer):
    """``kept`` has one alert for each time that a key was opened: ``key``, ``state``, ``severity`` and its log."""

    def creates(self, asked: Asked) -> bool:
        return b'"trigger"' in asked.body

    def problem(self, text: str) -> Any:
        return {"status": "invalid event", "message": "Event object is invalid", "errors": [text]}

    def answer(self, asked: Asked) -> Reply:
        if (asked.method, asked.path) != ("POST", "/v2/enqueue"):
            raise Refused(404, b"Not Found")
        if len(asked.body) > LARGEST:
            raise Refused(413, b"Payload Too Large")
        event = self.read(asked, Event)
        if event.routing_key != ROUTING_KEY:
            raise Refused(400, self.problem("'routing_key' is invalid"))
        if event.event_action == "trigger":
            self._trigger(event)
        elif event.dedup_key is UNSET:
            raise Refused(400, self.problem("'dedup_key' is missing"))
        else:
            # For a key that is not open these are dropped, and accepted all the same.
            for alert in self.kept.values():
                if alert.fields["key"] == event.dedup_key and alert.fields["state"] != "resolved":
                    alert.fields["state"] = f"{event.event_action}d"
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": event.dedup_key})

    def _trigger(self, event: Event) -> None:
        if event.payload is UNSET:
            raise Refused(400, self.problem("'payload' is missing or blank"))
        for alert in self.kept.values():
            if alert.fields["key"] == event.dedup_key and alert.fields["state"] != "resolved":
                break
        else:
            alert = self.keep(key=event.dedup_key, state="triggered")
        alert.fields["severity"] = event.payload.severity
        alert.notes.append((event.payload.summary, False))


class Person(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    type: Literal["user_reference"]


class Assignment(msgspec.Struct, forbid_unknown_fields=True):
    assignee: Person


class Changes(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["incident"]
    status: Literal["acknowledged", "resolved"] | None = None
    assignments: Annotated[list[Assignment], Meta(max_length=1)] = []
    resolution: str | None = None


class Update(msgspec.Struct, forbid_unknown_fields=True):
    incident: Changes


class Content(msgspec.Struct, forbid_unknown_fields=True):
    content: Annotated[str, Meta(min_length=1)]


class Note(msgspec.Struct, forbid_unknown_fields=True):
    note: Content


class PagerDutyIncidents(PagerDuty):
    """The REST API besides. ``late``: so many looks at incidents do not show what events have made."""

    def __init__(self) -> None:
        super().__init__()
        self.late = 0
        self.told: dict[str, list[dict[str, Any]]] = {}

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/v2/enqueue":
            return super().answer(asked)
        if asked.headers.get("authorization") != f"Token token={API_TOKEN}":
            raise Refused(401, {"error": {"message": "Unauthorized", "code": 2006}})
        if asked.headers.get("accept") != "application/vnd.pagerduty+json;version=2":
            raise Refused(406, {"error": {"message": "Not Acceptable"}})
        if asked.method != "GET" and asked.headers.get("from") != FROM:
            raise Refused(400, {"error": {"message": "Requester User Not Found", "code": 2100}})
        if asked.path == "/abilities":
            return Reply(200, {"abilities": ["teams"]})
        if asked.path == "/incidents":
            found = [self._incident(kept) for kept in self.kept.values()]
            found = [one for one in found if one["incident_key"] == asked.query["incident_key"]]
            if self.late > 0:
                self.late, found = self.late - 1, []
            return Reply(200, {"incidents": found[::-1][: int(asked.query["limit"])], "more": False})
        if (single := INCIDENT.fullmatch(asked.path)) is None:
            raise Refused(404, {"error": {"message": "Not Found", "code": 2100}})
        kept = self.of(single[1], Refused(404, {"error": {"message": "Not Found", "code": 2100}}))
        if single[2]:
            return self._notes(kept, asked)
        if asked.method == "PUT":
            changes = self.read(asked, Update).incident
            if kept.fields["state"] == "resolved":
                raise Refused(400, self.problem("Incident Already Resolved"))
            owner = changes.assignments[0].assignee.id if changes.assignments else kept.fields.get("owner", "")
            self.person_does(kept.id, state=changes.status or kept.fields["state"], owner=owner)
        return Reply(200, {"incident": self._incident(kept)})

    def person_notes(self, number: str, text: str) -> None:
        self._add(self.kept[number], text, "PLIWEI")

    def _notes(self, kept: Kept, asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply(200, {"notes": self.told.get(kept.id, [])})
        text = self.read(asked, Note).note.content
        kept.notes.append((text, False))
        return Reply(200, {"note": self._add(kept, text, "PFOREWARN")})

    def _add(self, kept: Kept, text: str, who: str) -> dict[str, Any]:
        number = next(self._numbers)
        user = {"id": who, "type": "user_reference"}
        note = {"id": f"PN{number}", "user": user, "content": text, "created_at": f"2026-11-26T11:00:{number % 60:02}Z"}
        self.told.setdefault(kept.id, []).append(note)
        self.person_does(kept.id)
        return note

    def _incident(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        assignee = {"id": fields.get("owner"), "type": "user_reference"}
        return {
            "id": f"Q{kept.id}", "incident_key": fields["key"], "status": fields["state"], "title": "Sectors",
            "html_url": f"https://acme.pagerduty.example/incidents/Q{kept.id}",
            "assignments": [{"assignee": assignee}] if fields.get("owner") else [],
            "updated_at": f"2026-11-26T10:00:{fields.get('version', 0) % 60:02}Z",
        }  # fmt: skip
