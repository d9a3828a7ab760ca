"""Jira and Jira Service Management (cloud) through the platform's REST API, version 3.

Source: developer.atlassian.com, "The Jira Cloud platform REST API": create issue, "Search for issues using JQL enhanced
search" (``/search`` itself is gone), transitions, comments, webhooks (``X-Hub-Signature``), rate limits (429 with
Retry-After). Jira has no field for a key: a label is one. New issues are found by JQL some seconds later.
"""

import math
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from forewarn_collector.tickets.destination import DeliveryError
from forewarn_collector.tickets.systems import adf
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
from forewarn_collector.tickets.systems.plain import KEY_PREFIX, fit, fit_note, unix

LABEL = "forewarn"
LONGEST_SUMMARY, LONGEST_TEXT = 255, 32_000
FIELDS = ("labels", "status", "assignee", "updated")


class Jira:
    def __init__(self, setup: Setup) -> None:
        self._options = setup.options
        self._http = Http(
            setup.url,
            {"Accept": "application/json"},
            auth=(setup.options["user"], setup.token or ""),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    @cached_property
    def _me(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._http.ask("GET", "/rest/api/3/myself").json()
        return found

    def check(self) -> str:
        return f"Jira as {self._me['displayName']}"

    def find(self, key: str) -> Remote | None:
        found = self._search(f'labels = "{key}" ORDER BY created ASC', 1)
        return found[0] if found else None

    def create(self, draft: Draft) -> str:
        fields: dict[str, Any] = {
            "project": {"key": draft.queue or self._options["project"]},
            "issuetype": {"name": self._options["issue_type"]},
            "summary": fit(" ".join(draft.title.split()), LONGEST_SUMMARY),
            "description": adf.document(fit(draft.text, LONGEST_TEXT)),
            "labels": [LABEL, draft.key],
        }
        if draft.priority:
            fields["priority"] = {"name": draft.priority}
        if draft.owner:
            fields["assignee"] = {"accountId": draft.owner}
        if self._options["request_type"]:
            fields[self._options["request_type_field"]] = self._options["request_type"]
        return str(self._http.ask("POST", "/rest/api/3/issue", body={"fields": fields}).json()["key"])

    def read(self, id_: str) -> Remote | None:
        params = {"fields": ",".join(FIELDS)}
        answer = self._http.ask("GET", f"/rest/api/3/issue/{id_}", params=params, also=(404,))
        return None if answer.status == 404 else self._remote(answer.json())

    def note(self, remote: Remote, text: str, public: bool) -> None:
        # Outside of service projects the property means nothing, and every comment is for all who see the issue.
        inside = [] if public else [{"key": "sd.public.comment", "value": {"internal": True}}]
        body = {"body": adf.document(fit_note(text, LONGEST_TEXT)), "properties": inside}
        self._http.ask("POST", f"/rest/api/3/issue/{remote.id}/comment", body=body)

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        fields: dict[str, Any] = {}
        if wanted.priority:
            fields["priority"] = {"name": wanted.priority}
        if wanted.owner:
            fields["assignee"] = {"accountId": wanted.owner}
        if fields:
            self._http.ask("PUT", f"/rest/api/3/issue/{remote.id}", body={"fields": fields})
        if wanted.state is not None and wanted.state != remote.state:
            self._move(remote, wanted.state)

    def _move(self, remote: Remote, state: str) -> None:
        """A workflow says which ways lead out of a status; we take the one to the status that is wanted."""
        path = f"/rest/api/3/issue/{remote.id}/transitions"
        ways = self._http.ask("GET", path).json()["transitions"]
        for way in ways:
            if way["to"]["name"].casefold() == state.casefold():
                self._http.ask("POST", path, body={"transition": {"id": way["id"]}})
                return
        names = ", ".join(sorted(way["to"]["name"] for way in ways)) or "none"
        raise DeliveryError(
            f"no transition leads from {remote.state!r} to {state!r}; there are: {names}", permanent=True
        )

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        params = {"orderBy": "-created", "maxResults": "100"}
        found = self._http.ask("GET", f"/rest/api/3/issue/{id_}/comment", params=params).json()["comments"]
        new = [comment for comment in found if int(comment["id"]) > int(after or 0)]
        return [self._heard(comment) for comment in sorted(new, key=lambda comment: int(comment["id"]))]

    def _heard(self, comment: Mapping[str, Any]) -> Heard:
        author = comment["author"]
        ours = author["accountId"] == self._me["accountId"]
        public = bool(comment.get("jsdPublic", True))
        return Heard(comment["id"], author["displayName"], adf.words(comment["body"]), public, ours)

    def poll(self, since: float) -> Sequence[Remote]:
        # A time in JQL is one of the user's time zone; minutes ago are the same everywhere.
        minutes = max(1, math.ceil((time.time() - since) / 60) + 1)
        return self._search(f'labels = "{LABEL}" AND updated >= -{minutes}m ORDER BY updated ASC', 100)

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        check_signature(request, "x-hub-signature", "sha256", "sha256=")
        issue = json_object(request).get("issue")
        if not isinstance(issue, dict) or "key" not in issue:
            raise HookRefused("no issue in it")
        return [Hint(id=str(issue["key"]))]

    def _search(self, jql: str, most: int) -> list[Remote]:
        body = {"jql": jql, "fields": list(FIELDS), "maxResults": most}
        found = self._http.ask("POST", "/rest/api/3/search/jql", body=body).json()["issues"]
        return [self._remote(issue) for issue in found]

    def _remote(self, issue: Mapping[str, Any]) -> Remote:
        fields = issue["fields"]
        return Remote(
            id=issue["key"],
            url=f"{self._http.base}/browse/{issue['key']}",
            key=next((label for label in fields["labels"] if label.startswith(KEY_PREFIX)), ""),
            state=fields["status"]["name"],
            owner=(fields.get("assignee") or {}).get("accountId", ""),
            ended=fields["status"]["statusCategory"]["key"] == "done",
            version=fields["updated"],
            changed_at=unix(fields["updated"]),
        )


KIND = Kind(
    summary="Jira and Jira Service Management, issues (cloud)",
    proof="documented format",
    system=Jira,
    url_example="https://acme.atlassian.net",
    credential="API token of the user",
    credential_needed=True,
    options={
        "user": Key("e-mail address of the user that writes", "forewarn@example.org", needed=True),
        "project": Key("key of the project where no queue names another", "OPS", needed=True),
        "issue_type": Key("type of the issues", "Task", default="Task"),
        "request_type": Key("of a service project: what its customers see", "ops/incident"),
        "request_type_field": Key("the field that holds it", "customfield_10010", default="customfield_10010"),
    },
    maps=Maps(
        states={
            "open": "To Do", "acknowledged": "In Progress", "in progress": "In Progress",
            "resolved": "Done", "closed": "Done", "false alarm": "Done",
        },
        priorities={"critical": "Highest", "warning": "High"},
    ),
    hooks="a web-hook of Jira with a secret: issue updated, comment created",
    polls=True,
)  # fmt: skip
