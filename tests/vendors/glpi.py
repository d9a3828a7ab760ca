"""GLPI's REST API (apirest.php).

Source: GLPI's apirest.md: sessions, search, add and update of items, errors; the columns of glpi_tickets.
"""

import html
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer

USER_TOKEN, APP_TOKEN = "s3cret-of-glpi-user", "s3cret-of-glpi-app"
ITEM = re.compile(r"/apirest\.php/Ticket/(\d+)(?:/(Ticket_User|ITILFollowup))?")
Status = Literal[1, 2, 3, 4, 5, 6]
Level = Literal[1, 2, 3, 4, 5]


class Ticket(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    content: Annotated[str, Meta(min_length=1)]
    type: Literal[1, 2] = 1
    status: Status = 1
    urgency: Level = 3
    impact: Level = 3
    itilcategories_id: int = 0
    _users_id_assign: int = 0


class Changed(msgspec.Struct, forbid_unknown_fields=True):
    status: Status | None = None
    urgency: Level | None = None
    impact: Level | None = None
    _users_id_assign: int | None = None


class Followup(msgspec.Struct, forbid_unknown_fields=True):
    itemtype: Literal["Ticket"]
    items_id: int
    content: Annotated[str, Meta(min_length=1)]
    is_private: Literal[0, 1] = 0


class NewTicket(msgspec.Struct, forbid_unknown_fields=True):
    input: Ticket


class ChangedTicket(msgspec.Struct, forbid_unknown_fields=True):
    input: Changed


class NewFollowup(msgspec.Struct, forbid_unknown_fields=True):
    input: Followup


class Glpi(StrictServer):
    """``sessions``: those that are valid; taking one away is what GLPI does after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: set[str] = set()
        self.followups: dict[str, list[dict[str, Any]]] = {}

    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/apirest.php/Ticket")

    def problem(self, text: str) -> Any:
        return ["ERROR_GLPI_ADD", text]

    def answer(self, asked: Asked) -> Reply:
        if asked.method == "GET" and asked.body:
            raise Refused(400, ["ERROR", "GET requests must have an empty body"])
        if asked.headers.get("app-token") != APP_TOKEN:
            raise Refused(400, ["ERROR_WRONG_APP_TOKEN_PARAMETER", "parameter app_token seems wrong"])
        if asked.path == "/apirest.php/initSession":
            if asked.headers.get("authorization") != f"user_token {USER_TOKEN}":
                raise Refused(401, ["ERROR_GLPI_LOGIN_USER_TOKEN", "parameter user_token seems invalid"])
            self.sessions.add(session := f"session-{next(self._numbers)}")
            return Reply(200, {"session_token": session})
        if asked.headers.get("session-token") not in self.sessions:
            raise Refused(401, ["ERROR_SESSION_TOKEN_INVALID", "session_token seems invalid"])
        if asked.path == "/apirest.php/getFullSession":
            return Reply(200, {"session": {"glpiname": "forewarn"}})
        if asked.path == "/apirest.php/search/Ticket":
            return self._search(asked.query)
        if self.creates(asked):
            made = self.read(asked, NewTicket).input
            fields = msgspec.structs.asdict(made)
            return Reply(201, {"id": int(self.keep(**fields, version=1).id), "message": ""})
        missing = Refused(404, ["ERROR_ITEM_NOT_FOUND", "Item not found"])
        if (asked.method, asked.path) == ("POST", "/apirest.php/ITILFollowup"):
            told = self.read(asked, NewFollowup).input
            kept = self.of(str(told.items_id), missing)
            kept.notes.append((_text(told.content), not told.is_private))
            kept.fields["version"] += 1
            number = next(self._numbers)
            self.followups.setdefault(kept.id, []).append(
                {
                    "id": number,
                    "content": html.escape(told.content),
                    "is_private": told.is_private,
                    "users_id": "forewarn",
                }
            )
            return Reply(201, {"id": number, "message": ""})
        found = ITEM.fullmatch(asked.path)
        if found is None:
            raise Refused(400, ["ERROR_RESOURCE_NOT_FOUND_NOR_COMMONDBTM", "resource not found"])
        kept = self.of(found[1], missing)
        if found[2] == "Ticket_User":
            owner = kept.fields["_users_id_assign"]
            people = [{"users_id": 3, "type": 1}] + ([{"users_id": owner, "type": 2}] if owner else [])
            return Reply(200, people)
        if found[2] == "ITILFollowup":
            return Reply(200, self.followups.get(kept.id, []))
        if asked.method == "PUT":
            changed = msgspec.structs.asdict(self.read(asked, ChangedTicket).input)
            kept.fields.update({name: value for name, value in changed.items() if value is not None})
            kept.fields["version"] += 1
            return Reply(200, [{kept.id: True, "message": ""}])
        return Reply(200, self._ticket(kept))

    def person_notes(self, number: str, text: str) -> None:
        content = html.escape(f"<p>{html.escape(text)}</p>")
        one = {"id": next(self._numbers), "content": content, "is_private": 1, "users_id": "li.wei"}
        self.followups.setdefault(number, []).append(one)
        self.person_does(number)

    def _search(self, query: dict[str, str]) -> Reply:
        if (query["criteria[0][field]"], query["criteria[0][searchtype]"]) != ("1", "contains"):
            raise Refused(400, ["ERROR", "unknown criteria"])
        wanted = query["criteria[0][value]"].casefold()
        rows = [
            {"1": kept.fields["name"], "2": int(kept.id), "80": "Root entity"}
            for kept in self.kept.values()
            if wanted in kept.fields["name"].casefold()
        ]
        answer: dict[str, Any] = {"totalcount": len(rows), "count": len(rows)}
        return Reply(200, {**answer, "data": rows} if rows else answer)

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        modified = f"2026-11-26 10:00:{kept.fields['version'] % 60:02}"
        return {"id": int(kept.id), "name": kept.fields["name"], "status": kept.fields["status"], "date_mod": modified}


def _text(content: str) -> str:
    return html.unescape(content.replace("</p><p>", "\n\n").replace("<br>", "\n")[3:-4])
