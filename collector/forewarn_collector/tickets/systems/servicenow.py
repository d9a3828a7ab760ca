"""ServiceNow incidents through the Table API.

Source: ServiceNow documentation, "Table API", "Incident Management state model" (1 New, 2 In Progress, 3 On Hold with a
reason, 6 Resolved, 7 Closed, 8 Canceled) and "Resolve an incident" (close code and close notes are mandatory). Nothing
keeps ``correlation_id`` unique, so incidents are looked for by it. The priority is made there from impact and urgency.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from forewarn_collector.tickets import life
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import KEY_PREFIX, NoWayBack, fit, unix

INCIDENTS = "/api/now/table/incident"
FIELDS = "sys_id,correlation_id,state,assigned_to,sys_mod_count,sys_updated_on,sys_updated_by"
LONGEST_SHORT_DESCRIPTION, LONGEST_DESCRIPTION = 160, 4000
ON_HOLD, ENDED = "3", ("6", "7", "8")


class ServiceNow(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._options = setup.options
        self._user = setup.options["user"]
        self._http = Http(
            setup.url,
            {"Accept": "application/json"} | ({} if self._user else {"x-sn-apikey": setup.token or ""}),
            auth=(self._user, setup.token or "") if self._user else None,
            secrets=(setup.token,),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def check(self) -> str:
        self._list(INCIDENTS, "", "sys_id", "1")
        return f"ServiceNow as {self._user or 'the owner of an API key'}"

    def find(self, key: str) -> Remote | None:
        found = self._list(INCIDENTS, f"correlation_id={key}^ORDERBYsys_created_on", FIELDS, "1")
        return self._remote(found[0]) if found else None

    def create(self, draft: Draft) -> str:
        impact, _, urgency = draft.priority.partition("/")
        fields = {
            "short_description": fit(draft.title, LONGEST_SHORT_DESCRIPTION),
            "description": fit(draft.text, LONGEST_DESCRIPTION),
            "correlation_id": draft.key,
            "correlation_display": "forewarn",
            "state": draft.state,
            "impact": impact,
            "urgency": urgency,
            "assignment_group": draft.queue,
            "assigned_to": draft.owner,
            "caller_id": self._options["caller"],
        }
        body = {name: value for name, value in fields.items() if value}
        made = self._http.ask("POST", INCIDENTS, body=body, params={"sysparm_fields": "sys_id"})
        return str(made.json()["result"]["sys_id"])

    def read(self, id_: str) -> Remote | None:
        params = {"sysparm_fields": FIELDS, "sysparm_exclude_reference_link": "true"}
        answer = self._http.ask("GET", f"{INCIDENTS}/{id_}", params=params, also=(404,))
        return None if answer.status == 404 else self._remote(answer.json()["result"])

    def note(self, remote: Remote, text: str, public: bool) -> None:
        # A comment may reopen a resolved incident there; a work note does not.
        field = "comments" if public and not remote.ended else "work_notes"
        self._http.ask("PATCH", f"{INCIDENTS}/{remote.id}", body={field: text})

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        body: dict[str, str] = {}
        if wanted.state is not None:
            body["state"] = wanted.state
        if wanted.state == ON_HOLD:
            body["hold_reason"] = self._options["hold_reason"]
        if wanted.state in ENDED:
            body["close_code"] = self._options["close_code"]
            body["close_notes"] = f"forewarn: {life.OUTCOMES.get(wanted.outcome, wanted.outcome or 'resolved')}"
        if wanted.priority:
            body["impact"], _, body["urgency"] = wanted.priority.partition("/")
        if wanted.owner:
            body["assigned_to"] = wanted.owner
        self._http.ask("PATCH", f"{INCIDENTS}/{remote.id}", body=body)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        query = f"element_id={id_}^elementINwork_notes,comments^ORDERBYsys_created_on"
        fields = "sys_id,sys_created_on,sys_created_by,element,value"
        rows = self._list("/api/now/table/sys_journal_field", query, fields, "1000")
        heard = [
            Heard(
                f"{row['sys_created_on']} {row['sys_id']}",
                row["sys_created_by"],
                row["value"],
                row["element"] == "comments",
                row["sys_created_by"] == self._user,
            )
            for row in rows
        ]
        return sorted((note for note in heard if note.entry > after), key=lambda note: note.entry)

    def poll(self, since: float) -> Sequence[Remote]:
        changed = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        query = f"correlation_idSTARTSWITH{KEY_PREFIX}^sys_updated_on>={changed}^ORDERBYsys_updated_on"
        return [self._remote(row) for row in self._list(INCIDENTS, query, FIELDS, "200")]

    def _list(self, path: str, query: str, fields: str, limit: str) -> list[dict[str, Any]]:
        params = {
            "sysparm_query": query,
            "sysparm_fields": fields,
            "sysparm_limit": limit,
            "sysparm_exclude_reference_link": "true",
        }
        found: list[dict[str, Any]] = self._http.ask("GET", path, params=params).json()["result"]
        return found

    def _remote(self, row: dict[str, Any]) -> Remote:
        return Remote(
            id=row["sys_id"],
            url=f"{self._http.base}/incident.do?sys_id={row['sys_id']}",
            key=row["correlation_id"],
            state=row["state"],
            owner=row["assigned_to"],
            ended=row["state"] in ENDED,
            version=row["sys_mod_count"],
            changed_at=unix(row["sys_updated_on"]),
            changed_by=row["sys_updated_by"],
        )


KIND = Kind(
    summary="ServiceNow, incidents",
    proof="documented format",
    system=ServiceNow,
    url_example="https://acme.service-now.com",
    credential="the user's password, or an API key where no user is named",
    credential_needed=True,
    options={
        "user": Key("the user that writes, with the role itil and the time zone GMT", "forewarn"),
        "caller": Key("sys_id of who is named as caller", "6816f79cc0a8016401c5a33be04be441"),
        "close_code": Key("close code of what forewarn resolves", "Solution provided", default="Solution provided"),
        "hold_reason": Key("why forewarn puts on hold: 1 caller, 3 problem, 4 vendor, 5 change", "4", default="4"),
    },
    maps=Maps(
        states={
            "open": "1", "acknowledged": "2", "in progress": "2", "waiting": "3",
            "resolved": "6", "closed": "6", "false alarm": "6",
        },
        heard={"7": "closed", "8": "false alarm"},
        priorities={"critical": "1/1", "warning": "2/2"},
    ),
    polls=True,
)  # fmt: skip
