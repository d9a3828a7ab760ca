"""Redmine by its REST interface. The behaviour that is worked around here was seen on Redmine 5.0.4.

Redmine answers 204 to a status that it does not have and leaves the issue as it was, so what came of a change is read
again. States and priorities are numbers in requests; in the configuration they stand by their names, and their numbers
are asked for. Logins are told to administrators alone, so people are known by their numbers. Whether an issue is ended
is a flag of its status, not its name.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from forewarn_collector.tickets.destination import DeliveryError
from forewarn_collector.tickets.systems.hooks import check_secret, json_object
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Hint, HookRequest, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps

PAGE = 100


class Redmine:
    def __init__(self, setup: Setup) -> None:
        self._http = Http(
            setup.url,
            {"X-Redmine-API-Key": setup.token or ""},
            secrets=[setup.token],
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )
        self._field = setup.options["key_field_id"]
        self._outcome = setup.options["outcome_field_id"]
        self._tracker = setup.options["tracker_id"]
        self._numbers = _Numbers(self._http)
        self._users = setup.maps.users

    def check(self) -> str:
        user = self._http.ask("GET", "/users/current.json").json()["user"]
        return f"Redmine as {user['login']}"

    def find(self, key: str) -> Remote | None:
        found = self._issues({f"cf_{self._field}": key, "status_id": "*", "sort": "id", "limit": "1"})
        return found[0] if found else None

    def create(self, draft: Draft) -> str:
        said = {
            "project_id": draft.queue,
            "tracker_id": self._tracker,
            "status_id": self._numbers.status(draft.state),
            "priority_id": self._numbers.priority(draft.priority),
            "assigned_to_id": draft.owner,
        }
        issue: dict[str, Any] = {name: value for name, value in said.items() if value}
        issue |= {"subject": draft.title[:255], "description": draft.text}
        issue["custom_fields"] = [{"id": self._field, "value": draft.key}]
        made = self._http.ask("POST", "/issues.json", body={"issue": issue}).json()["issue"]
        if _field(made, self._field) != draft.key:
            raise DeliveryError(
                f"{made['id']} was made without the key: project {draft.queue} has no custom field {self._field}",
                permanent=True,
            )
        return str(made["id"])

    def read(self, id_: str) -> Remote | None:
        issue = self._read(id_)
        return None if issue is None else self._remote(issue)

    def note(self, remote: Remote, text: str, public: bool) -> None:
        self._change(remote.id, {"notes": text, "private_notes": not public})

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        issue: dict[str, Any] = {}
        if wanted.state is not None:
            issue["status_id"] = self._numbers.status(wanted.state)
        if wanted.priority is not None:
            issue["priority_id"] = self._numbers.priority(wanted.priority)
        if wanted.owner is not None:
            issue["assigned_to_id"] = wanted.owner
        if wanted.outcome and self._outcome:
            issue["custom_fields"] = [{"id": self._outcome, "value": wanted.outcome}]
        self._change(remote.id, issue)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        issue = self._read(id_) or {}
        return [
            Heard(str(entry["id"]), self._who(entry["user"]), entry["notes"], not entry.get("private_notes"))
            for entry in issue.get("journals", [])
            if entry.get("notes") and entry["id"] > int(after or 0)
        ]

    def poll(self, since: float) -> Sequence[Remote]:
        when = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._issues(
            {"status_id": "*", "updated_on": f">={when}", f"cf_{self._field}": "*", "sort": "updated_on"}
        )

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        """What the plugin in ``deploy/destinations`` sends: ``{"issue": 12}``."""
        check_secret(request)
        return [Hint(id=str(json_object(request).get("issue", "")))]

    def _read(self, id_: str) -> dict[str, Any] | None:
        answer = self._http.ask("GET", f"/issues/{int(id_)}.json", params={"include": "journals"}, also=(404,))
        issue: dict[str, Any] | None = None if answer.status == 404 else answer.json()["issue"]
        return issue

    def _change(self, id_: str, issue: Mapping[str, Any]) -> None:
        self._http.ask("PUT", f"/issues/{id_}.json", body={"issue": issue})

    def _issues(self, wanted: Mapping[str, str]) -> list[Remote]:
        found: list[Remote] = []
        limit = int(wanted.get("limit", PAGE))
        while True:
            page = {**wanted, "limit": str(limit), "offset": str(len(found))}
            answer = self._http.ask("GET", "/issues.json", params=page).json()
            found += [self._remote(issue) for issue in answer["issues"]]
            if "limit" in wanted or not answer["issues"] or len(found) >= answer["total_count"]:
                return found

    def _remote(self, issue: Mapping[str, Any]) -> Remote:
        """``version``: journals are read only with a single issue; its last one says who changed it."""
        journals = issue.get("journals", [])
        status, owner = issue["status"], issue.get("assigned_to")
        return Remote(
            id=str(issue["id"]),
            url=f"{self._http.base}/issues/{issue['id']}",
            key=_field(issue, self._field),
            state=status["name"],
            owner=str(owner["id"]) if owner else "",
            ended=status["is_closed"],
            version=f"{journals[-1]['id'] if journals else 0}/{issue['updated_on']}",
            changed_at=datetime.fromisoformat(issue["updated_on"]).timestamp(),
            outcome=_field(issue, self._outcome),
            changed_by=self._who(journals[-1]["user"]) if journals else "",
        )

    def _who(self, user: Mapping[str, Any]) -> str:
        """The number, by which the configuration knows people, or a stranger's name."""
        number = str(user["id"])
        return number if number in self._users.values() else user["name"]


class _Numbers:
    """The numbers of statuses and priorities by their names, asked for when they are first needed."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[str, dict[str, int]] = {}

    def status(self, name: str | None) -> int | None:
        return self._number("/issue_statuses.json", "issue_statuses", name)

    def priority(self, name: str | None) -> int | None:
        return self._number("/enumerations/issue_priorities.json", "issue_priorities", name)

    def _number(self, path: str, list_: str, name: str | None) -> int | None:
        if not name:
            return None
        if name not in self._known.get(list_, {}):
            items = self._http.ask("GET", path).json()[list_]
            self._known[list_] = {item["name"]: item["id"] for item in items}
        known = self._known[list_]
        if name not in known:
            raise DeliveryError(f"{name!r} is none of its {list_}: {', '.join(known)}", permanent=True)
        return known[name]


def _field(issue: Mapping[str, Any], number: str) -> str:
    found = (field.get("value") for field in issue.get("custom_fields", []) if str(field["id"]) == number)
    return str(next(found, None) or "")


KIND = Kind(
    summary="Redmine 5 (REST)",
    proof="real server",
    system=Redmine,
    url_example="https://redmine.example",
    credential="API key of the user that forewarn is in Redmine",
    credential_needed=True,
    options={
        "key_field_id": Key("number of the custom field (text, used as a filter) for forewarn's key", "1", needed=True),
        "tracker_id": Key("number of the tracker", "1", needed=True),
        "outcome_field_id": Key("number of a custom field for the outcome, read and written", "2"),
    },
    maps=Maps(
        states={
            "open": "New",
            "acknowledged": "In Progress",
            "in progress": "In Progress",
            "waiting": "Feedback",
            "resolved": "Resolved",
            "closed": "Closed",
            "false alarm": "Rejected",
        },
        priorities={"warning": "Normal", "critical": "Urgent"},
    ),
    hooks='a plugin that posts {"issue": ID}',
    polls=True,
)
