"""GLPI through its REST API (apirest.php, GLPI 9.5 to 11).

Source: GLPI's apirest.md: sessions, search, add and update of items, errors. Ticket status 1 new, 2 and 3 processing,
4 pending, 5 solved, 6 closed; urgency 1 (very low) to 5 (very high). A field for foreign keys is there only since
GLPI 11, so the name ends with the key. Times are those of the server's own zone, so nothing is asked by time.
"""

import html
from collections.abc import Sequence
from typing import Any

from forewarn_collector.tickets.destination import DeliveryError, Unreachable
from forewarn_collector.tickets.systems.http import Answer, Http
from forewarn_collector.tickets.systems.interface import Draft, Heard, Remote, Wanted
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup
from forewarn_collector.tickets.systems.maps import Maps
from forewarn_collector.tickets.systems.plain import NoWayBack, html_of, key_in, keyed, numbers, text_of, unix

LONGEST_NAME = 250
ENDED = ("5", "6")
NAME_FIELD, ID_FIELD = "1", "2"
ASSIGNED = 2


class Glpi(NoWayBack):
    def __init__(self, setup: Setup) -> None:
        self._user_token = setup.token or ""
        app_token = setup.secrets.get("app_token", "")
        self._session = ""
        self._http = Http(
            setup.url,
            {"Content-Type": "application/json"} | ({"App-Token": app_token} if app_token else {}),
            secrets=(setup.token, app_token),
            timeout=setup.timeout,
            per_minute=setup.requests_per_minute,
        )

    def check(self) -> str:
        session = self._ask("GET", "/getFullSession").json()["session"]
        return f"GLPI as {session['glpiname']}"

    def find(self, key: str) -> Remote | None:
        params = {
            "criteria[0][field]": NAME_FIELD,
            "criteria[0][searchtype]": "contains",
            "criteria[0][value]": key,
            "forcedisplay[0]": ID_FIELD,
            "sort": ID_FIELD,
            "order": "ASC",
        }
        rows = self._ask("GET", "/search/Ticket", params=params).json().get("data", [])
        found = [str(row[ID_FIELD]) for row in rows if key_in(html.unescape(str(row[NAME_FIELD]))) == key]
        return self.read(found[0]) if found else None

    def create(self, draft: Draft) -> str:
        fields: dict[str, Any] = {
            "name": keyed(draft.title, draft.key, LONGEST_NAME),
            "content": html_of(draft.text),
            "type": 1,
            **numbers(status=draft.state, itilcategories_id=draft.queue, _users_id_assign=draft.owner),
            **numbers(urgency=draft.priority, impact=draft.priority),
        }
        return str(self._ask("POST", "/Ticket", body={"input": fields}).json()["id"])

    def read(self, id_: str) -> Remote | None:
        answer = self._ask("GET", f"/Ticket/{id_}", also=(404,))
        if answer.status == 404:
            return None
        ticket = answer.json()
        people = self._ask("GET", f"/Ticket/{id_}/Ticket_User").json()
        owners = [str(person["users_id"]) for person in people if person["type"] == ASSIGNED]
        return Remote(
            id=str(ticket["id"]),
            url=f"{self._http.base.removesuffix('/apirest.php')}/front/ticket.form.php?id={ticket['id']}",
            key=key_in(html.unescape(ticket["name"])),
            state=str(ticket["status"]),
            owner=owners[0] if owners else "",
            ended=str(ticket["status"]) in ENDED,
            version=f"{ticket['date_mod']} {ticket['status']} {','.join(owners)}",
            changed_at=unix(ticket["date_mod"]),
        )

    def note(self, remote: Remote, text: str, public: bool) -> None:
        fields = {
            "itemtype": "Ticket", "items_id": int(remote.id), "content": html_of(text),
            "is_private": 0 if public else 1,
        }  # fmt: skip
        self._ask("POST", "/ITILFollowup", body={"input": fields})

    def set_state(self, remote: Remote, wanted: Wanted) -> None:
        fields = numbers(
            status=wanted.state, urgency=wanted.priority, impact=wanted.priority, _users_id_assign=wanted.owner
        )
        answer = self._ask("PUT", f"/Ticket/{remote.id}", body={"input": fields}).json()
        refused = [row.get("message") for row in answer if row.get(remote.id) is False]
        if refused:
            raise DeliveryError(self._http.said(f"not updated: {refused[0]}"), permanent=True)

    def notes(self, id_: str, after: str) -> Sequence[Heard]:
        params = {"expand_dropdowns": "true", "range": "0-999"}
        found = self._ask("GET", f"/Ticket/{id_}/ITILFollowup", params=params).json()
        return [
            Heard(str(one["id"]), str(one["users_id"]), _text(one["content"]), not one["is_private"])
            for one in sorted(found, key=lambda followup: int(followup["id"]))
            if int(one["id"]) > int(after or 0)
        ]

    def _ask(self, method: str, path: str, also: tuple[int, ...] = (), **options: Any) -> Answer:
        """Within a session, which GLPI may end whenever it likes."""
        for _ in range(2):
            headers = {"Session-Token": self._session or self._open()}
            answer = self._http.ask(method, path, headers=headers, also=(401, *also), **options)
            if answer.status != 401:
                return answer
            self._session = ""
        raise Unreachable("GLPI ends every session at once (is the token right?)")

    def _open(self) -> str:
        headers = {"Authorization": f"user_token {self._user_token}"}
        self._session = str(self._http.ask("GET", "/initSession", headers=headers).json()["session_token"])
        return self._session


def _text(content: str) -> str:
    """GLPI 10 gives its HTML escaped once more."""
    return text_of(content if "<" in content else html.unescape(content))


KIND = Kind(
    summary="GLPI 9.5 to 11",
    proof="documented format",
    system=Glpi,
    url_example="https://glpi.example.org/apirest.php",
    credential="remote access key of the user that writes",
    credential_needed=True,
    secrets={"app_token": Key("application token of GLPI's API client, where it asks for one", "glpi-app.token")},
    maps=Maps(
        states={
            "open": "1", "acknowledged": "2", "in progress": "2", "waiting": "4",
            "resolved": "5", "closed": "5", "false alarm": "5",
        },
        heard={"3": "in progress", "6": "closed"},
        priorities={"critical": "5", "warning": "4"},
    ),
)  # fmt: skip
