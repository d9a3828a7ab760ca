"""ServiceNow's Table API for incidents and its event service.

Source: ServiceNow documentation, "Table API" (unknown fields are ignored, answers below ``result``), "Incident
Management state model", data policy "Make close info mandatory when resolved or closed", "Pushing events to the
instance using web service API".
"""

import json
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer, basic

USER, PASSWORD = "forewarn", "s3cret-of-servicenow"
INCIDENT = re.compile(r"/api/now/table/incident(?:/([0-9a-f]{32}))?")
KNOWN = {
    "short_description", "description", "correlation_id", "correlation_display", "state", "impact", "urgency",
    "assignment_group", "assigned_to", "caller_id", "work_notes", "comments", "close_code", "close_notes",
    "hold_reason",
}  # fmt: skip
SYS_ID = re.compile(r"[0-9a-f]{32}")


class Fields(msgspec.Struct):
    short_description: Annotated[str, Meta(max_length=160)] = ""
    correlation_id: Annotated[str, Meta(max_length=100)] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    state: Literal["", "1", "2", "3", "6", "7", "8"] = ""
    impact: Literal["", "1", "2", "3"] = ""
    urgency: Literal["", "1", "2", "3"] = ""
    hold_reason: Literal["", "1", "3", "4", "5"] = ""


class Event(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    event_class: str
    node: str
    type: str
    severity: Literal["0", "1", "2", "3", "4", "5"]
    message_key: Annotated[str, Meta(max_length=1024)]
    description: str
    time_of_event: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")]
    additional_info: str
    resource: str = ""
    metric_name: str = ""
    resolution_state: Literal["New", "Closing"] = "New"


class Events(msgspec.Struct, forbid_unknown_fields=True):
    records: Annotated[list[Event], Meta(min_length=1)]


class ServiceNow(StrictServer):
    """``kept``: incidents by number; a ``sys_id`` has 32 hexadecimal digits."""

    def __init__(self) -> None:
        super().__init__()
        self.journal: list[dict[str, str]] = []
        self.clock = iter(range(10_000))

    def creates(self, asked: Asked) -> bool:
        return asked.method == "POST"

    def problem(self, text: str) -> Any:
        return {"error": {"message": "Operation Failed", "detail": text}, "status": "failure"}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != basic(USER, PASSWORD):
            raise Refused(401, {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth"}})
        if asked.path == "/api/now/table/sys_journal_field":
            wanted = asked.query["sysparm_query"].partition("^")[0].removeprefix("element_id=")
            return Reply(200, {"result": [row for row in self.journal if row["element_id"] == wanted]})
        found = INCIDENT.fullmatch(asked.path)
        if found is None:
            raise Refused(400, self.problem("Invalid table"))
        if asked.method == "GET" and not found[1]:
            return Reply(200, {"result": self._search(asked.query)})
        if asked.method == "POST" and not found[1]:
            self.read(asked, Fields)
            kept = self.keep(
                sys_id=f"{len(self.kept) + 1:032x}", state="1", correlation_id="", assigned_to="", version=0
            )
            self._write(kept, asked)
            return Reply(201, {"result": self._row(kept)})
        kept = next((one for one in self.kept.values() if one.fields["sys_id"] == found[1]), None)
        if kept is None:
            raise Refused(404, {"error": {"message": "No Record found", "detail": "Record doesn't exist"}})
        if asked.method == "PATCH":
            self._write(kept, asked)
        elif asked.method != "GET":
            raise Refused(405, self.problem("Method not allowed"))
        return Reply(200, {"result": self._row(kept)})

    def _write(self, kept: Kept, asked: Asked) -> None:
        self.read(asked, Fields)
        given = {name: value for name, value in json.loads(asked.body).items() if name in KNOWN}
        after = {**kept.fields, **given}
        if after["state"] in ("6", "7") and not (after.get("close_code") and after.get("close_notes")):
            raise Refused(403, self.problem("Data Policy Exception: The following fields are mandatory: Close code"))
        if after["state"] == "3" and not after.get("hold_reason"):
            raise Refused(
                403, self.problem("Data Policy Exception: The following fields are mandatory: On hold reason")
            )
        for name in ("assignment_group", "assigned_to", "caller_id"):
            if after.get(name) and not SYS_ID.fullmatch(after[name]):
                raise Refused(400, self.problem(f"{name}: not a reference"))
        for name in ("work_notes", "comments"):
            if text := given.pop(name, ""):
                kept.notes.append((text, name == "comments"))
                self.journal.append(self._entry(kept, name, text, USER))
        kept.fields.update(given, by=USER, version=kept.fields["version"] + 1, updated=self._now())

    def person_notes(self, number: str, text: str) -> None:
        self.journal.append(self._entry(self.kept[number], "work_notes", text, "li.wei"))
        self.person_does(number, updated=self._now(), by="li.wei")

    def _entry(self, kept: Kept, element: str, text: str, who: str) -> dict[str, str]:
        number = f"{len(self.journal) + 1:032x}"
        return {
            "sys_id": number, "element_id": kept.fields["sys_id"], "element": element, "value": text,
            "sys_created_by": who, "sys_created_on": self._now(),
        }  # fmt: skip

    def _now(self) -> str:
        at = next(self.clock)
        return f"2026-11-26 10:{at // 60 % 60:02}:{at % 60:02}"

    def _search(self, query: dict[str, str]) -> list[dict[str, str]]:
        found = [self._row(kept) for kept in self.kept.values()]
        for condition in query["sysparm_query"].split("^"):
            if condition.startswith("correlation_id="):
                found = [row for row in found if row["correlation_id"] == condition.partition("=")[2]]
            elif condition.startswith("correlation_idSTARTSWITH"):
                start = condition.removeprefix("correlation_idSTARTSWITH")
                found = [row for row in found if row["correlation_id"].startswith(start)]
            elif condition.startswith("sys_updated_on>="):
                found = [row for row in found if row["sys_updated_on"] >= condition.removeprefix("sys_updated_on>=")]
            elif condition and not condition.startswith("ORDERBY"):
                raise Refused(400, self.problem(f"Invalid query: {condition}"))
        return found[: int(query.get("sysparm_limit", "10000"))]

    def _row(self, kept: Kept) -> dict[str, str]:
        fields = kept.fields
        return {
            "sys_id": fields["sys_id"], "correlation_id": fields["correlation_id"], "state": fields["state"],
            "assigned_to": fields["assigned_to"], "sys_mod_count": str(fields["version"]),
            "sys_updated_on": fields["updated"], "sys_updated_by": fields.get("by", USER),
        }  # fmt: skip


class ServiceNowEvents(StrictServer):
    """``kept``: one alert for each time that a message key was opened."""

    def creates(self, asked: Asked) -> bool:
        return b'"New"' in asked.body

    def problem(self, text: str) -> Any:
        return {"error": {"message": "Operation Failed", "detail": text}, "status": "failure"}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != basic(USER, PASSWORD):
            raise Refused(401, self.problem("User Not Authenticated"))
        if (asked.method, asked.path) != ("POST", "/api/global/em/jsonv2"):
            raise Refused(400, self.problem("Requested URI does not represent any resource"))
        for event in self.read(asked, Events).records:
            if not isinstance(json.loads(event.additional_info), dict):
                raise Refused(400, self.problem("additional_info is not JSON"))
            self._bind(event)
        return Reply(200, {"Default Bulk Endpoint": "1 events were inserted"})

    def _bind(self, event: Event) -> None:
        alerts = [one for one in self.kept.values() if one.fields["key"] == event.message_key]
        alert = next((one for one in alerts if one.fields["state"] == "open"), None)
        if event.severity == "0":
            if alert is not None:
                alert.fields["state"] = "closed"
            return
        alert = alert or self.keep(key=event.message_key, state="open")
        alert.fields["severity"] = event.severity
