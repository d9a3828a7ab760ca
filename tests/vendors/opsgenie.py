"""Opsgenie's Alert API, and the same below another path in JSM operations.

Source: docs.opsgenie.com, "Alert API" (fields, limits, asynchronous answers, request status) and "Response codes";
developer.atlassian.com, "JSM operations REST API", integration events.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Refused, Reply, StrictServer

KEY = "5f1c9c1a-opsgenie-key"
ALERT = re.compile(r"/v2/alerts/([^/]+)(?:/(acknowledge|close|notes))?")


class Responder(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["team", "user", "escalation", "schedule"]
    id: str | None = None
    name: str | None = None
    username: str | None = None


class Create(msgspec.Struct, forbid_unknown_fields=True):
    message: Annotated[str, Meta(min_length=1, max_length=130)]
    alias: Annotated[str, Meta(max_length=512)]
    description: Annotated[str, Meta(max_length=15_000)] = ""
    responders: Annotated[list[Responder], Meta(max_length=50)] = []
    tags: Annotated[list[Annotated[str, Meta(max_length=50)]], Meta(max_length=20)] = []
    details: dict[str, str] = {}
    entity: Annotated[str, Meta(max_length=512)] = ""
    source: Annotated[str, Meta(max_length=100)] = ""
    priority: Literal["P1", "P2", "P3", "P4", "P5"] = "P3"
    user: Annotated[str, Meta(max_length=100)] = ""
    note: Annotated[str, Meta(max_length=25_000)] = ""


class Act(msgspec.Struct, forbid_unknown_fields=True):
    source: Annotated[str, Meta(max_length=100)] = ""
    user: Annotated[str, Meta(max_length=100)] = ""
    note: Annotated[str, Meta(max_length=25_000)] = ""


class Opsgenie(StrictServer):
    """``kept`` has one alert for each time that an alias was opened: ``alias``, ``state``, ``priority``, ``count``."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self._prefix = prefix
        self._results: dict[str, dict[str, Any]] = {}

    def creates(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path.endswith("/v2/alerts")

    def problem(self, text: str) -> Any:
        return {"message": text, "took": 0.001, "requestId": "0"}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"GenieKey {KEY}":
            raise Refused(401, self.problem("Could not authenticate"))
        path = asked.path.removeprefix(self._prefix)
        if not asked.path.startswith(self._prefix):
            raise Refused(404, b"")
        if self.creates(asked):
            return self._accept("Create", self._create(self.read(asked, Create, 422)))
        if asked.method == "GET" and path.startswith("/v2/alerts/requests/"):
            result = self._results.get(path.rpartition("/")[2])
            if result is None:
                raise Refused(404, self.problem("Request not found. It might not be processed yet."))
            return Reply(200, {"data": result, "took": 0.001, "requestId": "0"})
        found = ALERT.fullmatch(path)
        if found is None or asked.query.get("identifierType") != "alias":
            raise Refused(404, self.problem("No resource"))
        alias, action = found.groups()
        alert = next((one for one in self.kept.values() if self._is_open(one.fields, alias)), None)
        act = self.read(asked, Act, 422)
        if action == "notes" and not act.note:
            raise Refused(422, self.problem("Note can not be empty"))
        if alert is None:
            return self._accept(str(action), "Alert does not exist", success=False)
        if act.note:
            alert.notes.append((act.note, False))
        if action != "notes":
            alert.fields["state"] = {"acknowledge": "acknowledged", "close": "closed"}[str(action)]
        return self._accept(str(action), "Done")

    def _create(self, body: Create) -> str:
        if sum(len(name) + len(value) for name, value in body.details.items()) > 8000:
            raise Refused(422, self.problem("Details are too long"))
        for alert in self.kept.values():
            if self._is_open(alert.fields, body.alias):
                alert.fields["count"] += 1
                return "Deduplicated alert"
        self.keep(alias=body.alias, state="open", priority=body.priority, count=1)
        return "Created alert"

    def _is_open(self, fields: dict[str, Any], alias: str | None) -> bool:
        return fields["alias"] == alias and fields["state"] != "closed"

    def _accept(self, action: str, status: str, success: bool = True) -> Reply:
        number = f"request-{next(self._numbers)}"
        self._results[number] = {"success": success, "isSuccess": success, "action": action, "status": status}
        return Reply(202, {"result": "Request will be processed", "took": 0.002, "requestId": number})
