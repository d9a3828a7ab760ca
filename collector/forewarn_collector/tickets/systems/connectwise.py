"""ConnectWise PSA (Manage) service tickets through its REST API.

Source: developer.connectwise.com, "PSA API Requests" (conditions, PATCH as JSON Patch, response codes, 429 with
Retry-After) and "Authentication" (company+public key and private key, ``clientId``). ``externalXRef`` is the field for
foreign keys. Times are UTC.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import KEY_PREFIX, NoWayBack, basic, by_customer, fit, iso, unix

TICKETS = "/service/tickets"
FIELDS = "id,externalXRef,status,owner,closedFlag,_info"
LONGEST_SUMMARY = 100


class ConnectWise(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._options = setup.options
        public_key = setup.options["public_key"]
        user = f"{setup.options['login_company']}+{public_key}"
        self._http = Http(
            setup.url,
            {"Authorization": basic(user, setup.token or ""), "clientId": setup.options["client_id"]},
            secrets=(setup.token, basic(user, setup.token or "")),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def check(self) -> str:
        return f"ConnectWise PSA {self._http.ask('GET', '/system/info').json()['version']}"

    def find(self, key: str) -> Remote | None:
        found = self._list(TICKETS, f'externalXRef="{key}"', "id asc", FIELDS, "1")
        return self._remote(found[0]) if found else None

    def create(self, draft: Draft) -> str:
        body: dict[str, Any] = {
            "summary": fit(draft.title, LONGEST_SUMMARY),
            "initialInternalAnalysis": draft.text,
            "externalXRef": draft.key,
            "company": {"identifier": by_customer(self._options["companies"], draft.ticket.customer)},
            **_named(board=draft.queue, status=draft.state, priority=draft.priority),
        }
        if draft.owner:
            body["owner"] = {"identifier": draft.owner}
        return str(self._http.ask("POST", TICKETS, body=body).json()["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._http.ask("GET", f"{TICKETS}/{id_}", params={"fields": FIELDS}, also=(404,))
        return None if answer.status == 404 else self._remote(answer.json())

    def note(self, remote: Remote, text: str, public: bool) -> None:
        body = {"text": text, "detailDescriptionFlag": public, "internalAnalysisFlag": not public}
        self._http.ask("POST", f"{TICKETS}/{remote.id}/notes", body=body)

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        changes: dict[str, Any] = _named(status=wanted.state, priority=wanted.priority)
        if wanted.owner:
            changes["owner"] = {"identifier": wanted.owner}
        patch = [{"op": "replace", "path": path, "value": value} for path, value in changes.items()]
        self._http.ask("PATCH", f"{TICKETS}/{remote.id}", body=patch)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        fields = "id,text,createdBy,internalAnalysisFlag"
        rows = self._list(f"{TICKETS}/{id_}/notes", f"id>{after or 0}", "id asc", fields, "1000")
        return [self._heard(row) for row in rows]

    def _heard(self, row: Mapping[str, Any]) -> Heard:
        ours = row["createdBy"] == self._options["public_key"]
        return Heard(str(row["id"]), row["createdBy"], row["text"], not row["internalAnalysisFlag"], ours)

    def poll(self, since: float) -> Sequence[Remote]:
        conditions = f'externalXRef like "{KEY_PREFIX}*" and lastUpdated>=[{iso(since)}]'
        return [self._remote(row) for row in self._list(TICKETS, conditions, "lastUpdated asc", FIELDS, "200")]

    def _list(self, path: str, conditions: str, order: str, fields: str, size: str) -> list[dict[str, Any]]:
        params = {"conditions": conditions, "orderBy": order, "fields": fields, "pageSize": size}
        found: list[dict[str, Any]] = self._http.ask("GET", path, params=params).json()
        return found

    def _remote(self, row: Mapping[str, Any]) -> Remote:
        changed = row["_info"]["lastUpdated"]
        return Remote(
            id=str(row["id"]),
            url=f"{self._http.base}{TICKETS}/{row['id']}",
            key=row.get("externalXRef") or "",
            state=row["status"]["name"],
            owner=(row.get("owner") or {}).get("identifier", ""),
            ended=bool(row["closedFlag"]),
            version=changed,
            changed_at=unix(changed),
            changed_by=row["_info"].get("updatedBy", ""),
        )


def _named(**fields: str | None) -> dict[str, Any]:
    return {field: {"name": name} for field, name in fields.items() if name}


KIND = Kind(
    summary="ConnectWise PSA (Manage), service tickets",
    proof="documented format",
    system=ConnectWise,
    url_example="https://na.myconnectwise.net/v4_6_release/apis/3.0",
    credential="private key of the API member",
    credential_needed=True,
    options={
        "login_company": Key("company id as at the login", "acme_msp", needed=True),
        "public_key": Key("public key of the API member", "AbCdEf0123456789", needed=True),
        "client_id": Key("client id of the integration", "6c8d2ad4-8b3c-4b1c-9ed1-d8f5ad0c5d41", needed=True),
        "companies": Key("company identifier of each customer, and of the rest", "Acme=AcmeCo; Rest", needed=True),
    },
    maps=Maps(
        states={
            "open": "New", "acknowledged": "In Progress", "in progress": "In Progress",
            "waiting": "Waiting Customer Response", "resolved": "Completed",
            "closed": "Closed", "false alarm": "Closed",
        },
        priorities={"critical": "Priority 1 - Critical", "warning": "Priority 2 - High"},
        queues={"default": "Professional Services"},
    ),
    polls=True,
)  # fmt: skip
