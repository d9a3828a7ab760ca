"""Request Tracker 5 by its REST2 interface. The behaviour that is worked around here was seen on RT 5.0.3.

RT answers 200 to a status that it does not take, so what came of a change is read again. Its answers carry the id of
a ticket's last transaction as ETag. A reply by staff moves a ticket to ``open``, whatever it was before.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from forewarn_collector.tickets.destination import DeliveryError
from forewarn_collector.tickets.systems.hooks import check_secret, json_object
from forewarn_collector.tickets.systems.http import Answer, Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Hint, HookRequest, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps

API = "/REST/2.0"
NOBODY = "Nobody"
GONE = "deleted"
FIELDS = "Status,Owner,LastUpdated,LastUpdatedBy,CustomFields"
PAGE = 100


class RequestTracker:
    def __init__(self, setup: Setup) -> None:
        self._http = Http(
            setup.url,
            {"Authorization": f"token {setup.token}"},
            secrets=[setup.token],
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )
        self._key_field = setup.options["key_field"]
        self._severity_field = setup.options["severity_field"]
        self._outcome_field = setup.options["outcome_field"]
        self._requestor = setup.options["requestor"]
        self._user = setup.options["user"]
        words = setup.maps.states
        self._ends = {GONE, "resolved", "rejected"} | {words[s] for s in ("resolved", "closed") if words.get(s)}
        self._queue = setup.maps.queue("")
        self._queues: set[str] = set()

    def check(self) -> str:
        found = self._http.ask("GET", f"{API}/rt").json()
        self._check_queue(self._queue)
        return f"RT {found.get('Version', '?')}, queue {self._queue}"

    def find(self, key: str) -> Remote | None:
        return next(self._tickets(f"CF.{{{self._key_field}}} = '{key}'", orderby="id"), None)

    def create(self, draft: Draft) -> str:
        self._check_queue(draft.queue)
        own = {self._key_field: draft.key, self._severity_field: draft.ticket.severity}
        said = {"Status": draft.state, "Priority": draft.priority, "Owner": draft.owner, "Requestor": self._requestor}
        body = {"Queue": draft.queue, "Subject": draft.title, "Content": draft.text, "ContentType": "text/plain"}
        fields = {name: value for name, value in own.items() if name}
        body |= {name: value for name, value in said.items() if value}
        made = self._http.ask("POST", f"{API}/ticket", body=body | {"CustomFields": fields}).json()
        return str(made["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._http.ask("GET", f"{API}/ticket/{quote(id_, safe='')}", also=(404,))
        if answer.status == 404:
            return None
        remote = self._remote(answer.json(), _version(answer))
        return None if remote.state == GONE else remote

    def note(self, remote: Remote, text: str, public: bool) -> None:
        # A correspondence would open an ended ticket again.
        public = public and not remote.ended
        kind = "correspond" if public else "comment"
        self._http.ask("POST", f"{API}/ticket/{remote.id}/{kind}", body={"Content": text, "ContentType": "text/plain"})
        if public and (after := self.read(remote.id)) is not None and after.state != remote.state:
            self.set_state(remote, Wanted(state=remote.state))

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        said = {"Status": wanted.state, "Priority": wanted.priority}
        body: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        if wanted.owner is not None:
            body["Owner"] = wanted.owner or NOBODY
        if wanted.outcome and self._outcome_field:
            body["CustomFields"] = {self._outcome_field: wanted.outcome}
        self._http.ask("PUT", f"{API}/ticket/{remote.id}", body=body)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        query = f"ObjectType = 'RT::Ticket' AND TicketId = {int(id_)} AND id > {int(after or 0)}"
        wanted = {
            "query": f"{query} AND (Type = 'Create' OR Type = 'Comment' OR Type = 'Correspond')",
            "fields": "Type,Creator",
            "per_page": str(PAGE),
        }
        items = self._http.ask("GET", f"{API}/transactions", params=wanted).json()["items"]
        return [self._heard(item) for item in sorted(items, key=lambda item: int(item["id"]))]

    def poll(self, since: float) -> Sequence[Remote]:
        # RT reads times in a query in the time zone of our user there, which it does not tell: so the newest first.
        day_before = datetime.fromtimestamp(since - 86_400.0, UTC).strftime("%Y-%m-%d")
        query = f"CF.{{{self._key_field}}} LIKE 'fw-' AND LastUpdated > '{day_before}'"
        newest_first: list[Remote] = []
        for remote in self._tickets(query, orderby="LastUpdated", order="DESC"):
            if remote.changed_at < since:
                break
            newest_first.append(remote)
        return newest_first[::-1]

    def parse_hook(self, request: HookRequest) -> Sequence[Hint]:
        """What a scrip of RT sends: ``{"ticket": 12}`` and whatever else."""
        check_secret(request)
        return [Hint(id=str(json_object(request).get("ticket", "")))]

    def _check_queue(self, queue: str) -> None:
        """RT takes a custom field that the queue does not have, and forgets it: the ticket would not be found again."""
        if queue in self._queues:
            return
        if not queue:
            raise DeliveryError("no queue is named; add queues: {default: ...}", permanent=True)
        found = self._http.ask("GET", f"{API}/queue/{quote(queue, safe='')}").json()
        fields = {field.get("name") for field in found.get("TicketCustomFields", [])}
        if self._key_field not in fields:
            raise DeliveryError(
                f"queue {queue} has no custom field {self._key_field}; make it there, for our user to see and modify",
                permanent=True,
            )
        self._queues.add(queue)

    def _tickets(self, query: str, **order: str) -> Iterator[Remote]:
        page, pages = 1, 1.0
        while page <= pages:
            wanted = {"query": query, "fields": FIELDS, "per_page": str(PAGE), "page": str(page), **order}
            answer = self._http.ask("GET", f"{API}/tickets", params=wanted).json()
            yield from (self._remote(item, "") for item in answer["items"])
            page, pages = page + 1, answer["pages"]

    def _remote(self, item: Mapping[str, Any], version: str) -> Remote:
        values = {field["name"]: field["values"] for field in item.get("CustomFields", [])}
        number, owner = str(item["id"]), _id(item["Owner"])
        changed = datetime.fromisoformat(item["LastUpdated"])
        return Remote(
            id=number,
            url=f"{self._http.base}/Ticket/Display.html?id={number}",
            key=_first(values.get(self._key_field)),
            state=item["Status"],
            owner="" if owner == NOBODY else owner,
            ended=item["Status"] in self._ends,
            version=version,
            changed_at=changed.timestamp(),
            outcome=_first(values.get(self._outcome_field)),
            changed_by=_id(item["LastUpdatedBy"]),
        )

    def _heard(self, item: Mapping[str, Any]) -> Heard:
        actor, number = _id(item["Creator"]), str(item["id"])
        return Heard(number, actor, self._content(number), item["Type"] == "Correspond", ours=actor == self._user)

    def _content(self, transaction: str) -> str:
        wanted = {"fields": "Content,ContentType", "per_page": str(PAGE)}
        items = self._http.ask("GET", f"{API}/transaction/{transaction}/attachments", params=wanted).json()["items"]
        texts = [item["Content"] for item in items if str(item.get("ContentType", "")).startswith("text/")]
        return str(texts[0]).strip() if texts else ""


def _version(answer: Answer) -> str:
    return answer.headers.get("etag", "").strip('"')


def _id(person: Mapping[str, Any]) -> str:
    return str(person.get("id", ""))


def _first(values: Sequence[str] | None) -> str:
    return str(values[0]) if values else ""


KIND = Kind(
    summary="Request Tracker 5 (REST2)",
    proof="real server",
    system=RequestTracker,
    url_example="https://rt.example",
    credential="authentication token of the user that forewarn is in RT",
    credential_needed=True,
    options={
        "key_field": Key("custom field that holds forewarn's key", "DedupKey", default="DedupKey"),
        "severity_field": Key("custom field for the severity", "Severity"),
        "outcome_field": Key("custom field for the outcome, read and written", "Outcome"),
        "user": Key("our user's name in RT: what it writes is never taken in", "forewarn"),
        "requestor": Key("requestor of every ticket", "service@acme.example"),
    },
    maps=Maps(
        states={
            "open": "new",
            "acknowledged": "open",
            "in progress": "open",
            "waiting": "stalled",
            "resolved": "resolved",
            "closed": "resolved",
            "false alarm": "rejected",
        },
        priorities={"warning": "50", "critical": "90"},
    ),
    hooks='a scrip that posts {"ticket": ID}',
    polls=True,
)
