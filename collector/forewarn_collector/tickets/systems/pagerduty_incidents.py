"""PagerDuty with its answers: opened through the Events API v2, then read and changed through the REST API.

Source: developer.pagerduty.com, "Incident Creation API" (monitoring opens incidents by events), "List incidents"
(``incident_key``), "Update an incident" and "Create a note" (``From``), "Verifying signatures" of V3 webhooks. An ended
incident stays ended, and the same key opens another; so the key is the id here, and stands for its newest incident.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from forewarn_collector.tickets.destination import DeliveryError
from forewarn_collector.tickets.systems.hooks import check_signature, json_object
from forewarn_collector.tickets.systems.http import Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Hint, HookRefused, HookRequest, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.pagerduty import CLIENT, event
from forewarn_collector.tickets.systems.plain import NoWayBack, unix

ACCEPT = "application/vnd.pagerduty+json;version=2"
RESOLVED = "resolved"
# Events are taken at once and worked off a little later.
LOOKS, BETWEEN_SECONDS = 10, 0.5


class PagerDutyIncidents(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._routing_key = setup.token or ""
        api_token = setup.secrets["api_token"]
        secrets = (setup.token, api_token)
        self._events = Http(setup.url, secrets=secrets, timeout=setup.timeout, per_minute=setup.requests_per_minute)
        headers = {"Authorization": f"Token token={api_token}", "Accept": ACCEPT, "From": setup.options["from"]}
        self._api = Http(
            setup.options["api_url"],
            headers,
            secrets=secrets,
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def check(self) -> str:
        found = self._api.ask("GET", "/abilities").json()["abilities"]
        return f"PagerDuty with {len(found)} abilities"

    def find(self, key: str) -> Remote | None:
        return self.read(key)

    def create(self, draft: Draft) -> str:
        self._trigger(event("trigger", draft.ticket, self._routing_key, draft.priority))
        return draft.key

    def read(self, id_: str) -> Remote | None:
        incident = self._newest(id_)
        if incident is None:
            return None
        people = [one["assignee"]["id"] for one in incident["assignments"]]
        changed = incident.get("updated_at") or incident["last_status_change_at"]
        return Remote(
            id=id_,
            url=incident["html_url"],
            key=incident["incident_key"],
            state=incident["status"],
            owner=people[0] if people else "",
            ended=incident["status"] == RESOLVED,
            version=f"{incident['id']} {changed}",
            changed_at=unix(changed),
        )

    def note(self, remote: Remote, text: str, public: bool) -> None:
        self._api.ask("POST", f"{self._path(remote.id)}/notes", body={"note": {"content": text}})

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        if wanted.state == "triggered" and remote.ended:
            self._trigger(self._event(remote, wanted.priority or "critical"))
            return
        if wanted.priority and not remote.ended:
            self._trigger(self._event(remote, wanted.priority))
        changes: dict[str, Any] = {"status": wanted.state} if wanted.state else {}
        if wanted.owner:
            changes["assignments"] = [{"assignee": {"id": wanted.owner, "type": "user_reference"}}]
        if wanted.state == RESOLVED and wanted.outcome:
            changes["resolution"] = f"forewarn: {wanted.outcome}"
        if changes:
            self._api.ask("PUT", self._path(remote.id), body={"incident": {"type": "incident", **changes}})

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        found = self._api.ask("GET", f"{self._path(id_)}/notes").json()["notes"]
        heard = [self._heard(note) for note in found]
        return sorted((note for note in heard if note.entry > after), key=lambda note: note.entry)

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        """A V3 webhook; that of a note has the incident within."""
        check_signature(request, "x-pagerduty-signature", "sha256", "v1=")
        told = json_object(request).get("event")
        data = told.get("data") if isinstance(told, dict) else None
        if not isinstance(data, dict):
            raise HookRefused("no event in it")
        inner = data.get("incident")
        key = (inner if isinstance(inner, dict) else data).get("incident_key")
        return [Hint(id=str(key))] if key else []

    def _heard(self, note: Mapping[str, Any]) -> Heard:
        return Heard(f"{note['created_at']} {note['id']}", note["user"]["id"], note["content"], False)

    def _trigger(self, body: dict[str, Any]) -> None:
        """Return when the incident is there to be read."""
        self._events.ask("POST", "/v2/enqueue", body=body)
        for look in range(LOOKS):
            incident = self._newest(body["dedup_key"])
            if incident is not None and incident["status"] != RESOLVED:
                return
            if look + 1 < LOOKS:
                time.sleep(BETWEEN_SECONDS)
        raise DeliveryError("the event was taken, and its incident is not there yet")

    def _event(self, remote: Remote, severity: str) -> dict[str, Any]:
        """The same alert once more. ``severity``: that of the event, which the newest one replaces."""
        incident = self._newest(remote.id) or {}
        payload = {"summary": incident.get("title") or remote.key, "source": CLIENT, "severity": severity}
        return {
            "routing_key": self._routing_key, "dedup_key": remote.key, "event_action": "trigger", "payload": payload,
            "client": CLIENT,
        }  # fmt: skip

    def _newest(self, key: str) -> Mapping[str, Any] | None:
        params = {"incident_key": key, "date_range": "all", "sort_by": "created_at:desc", "limit": "1"}
        found = self._api.ask("GET", "/incidents", params=params).json()["incidents"]
        return found[0] if found else None

    def _path(self, key: str) -> str:
        incident = self._newest(key)
        if incident is None:
            raise DeliveryError(f"there is no incident of {key}", permanent=True)
        return f"/incidents/{incident['id']}"


KIND = Kind(
    summary="PagerDuty, incidents read back",
    proof="documented format",
    system=PagerDutyIncidents,
    url="https://events.pagerduty.com",
    credential="integration key of an Events API v2 integration, 32 characters",
    credential_needed=True,
    options={
        "from": Key("e-mail address of the user that notes and changes come from", "noc@example.org", needed=True),
        "api_url": Key("address of the REST API", "https://api.eu.pagerduty.com", default="https://api.pagerduty.com"),
    },
    secrets={"api_token": Key("REST API token that may write", "pagerduty.token", needed=True)},
    maps=Maps(
        states={
            "open": "triggered", "acknowledged": "acknowledged", "in progress": "acknowledged",
            "waiting": "acknowledged", "resolved": "resolved", "closed": "resolved", "false alarm": "resolved",
        },
        priorities={"critical": "critical", "warning": "warning"},
    ),
    hooks="a V3 webhook of the service, with its secret",
)  # fmt: skip
