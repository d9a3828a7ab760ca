"""Zammad's REST API.

Source: docs.zammad.org, "API": tickets, articles, states, priorities; a refused body is answered with 422.
"""

import re
from html import escape
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer

TOKEN, ME = "s3cret-of-zammad", {"id": 5, "login": "forewarn@example.org"}
TICKET = re.compile(r"/api/v1/tickets/(\d+)")
State = Literal["new", "open", "pending reminder", "pending close", "closed", "merged"]
Priority = Literal["1 low", "2 normal", "3 high"]
Text = Annotated[str, Meta(min_length=1)]


class FirstArticle(msgspec.Struct, forbid_unknown_fields=True):
    body: Text
    subject: str = ""
    content_type: Literal["text/plain", "text/html"] = "text/plain"
    type: Literal["note", "phone", "email", "web"] = "note"
    internal: bool = False


class Create(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=250)]
    group: Literal["Users", "2nd Level"]
    customer_id: Annotated[str, Meta(pattern=r"^guess:[^@\s]+@[^@\s]+$")]
    article: FirstArticle
    state: State = "new"
    priority: Priority = "2 normal"
    owner: str = "-"
    pending_time: str | None = None


class Update(msgspec.Struct, forbid_unknown_fields=True):
    state: State | None = None
    priority: Priority | None = None
    owner: str | None = None
    pending_time: str | None = None


class Article(msgspec.Struct, forbid_unknown_fields=True):
    ticket_id: int
    body: Text
    content_type: Literal["text/plain", "text/html"] = "text/plain"
    type: Literal["note", "phone", "email"] = "note"
    internal: bool = False


class Zammad(StrictServer):
    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/api/v1/tickets")

    def problem(self, text: str) -> Any:
        return {"error": text, "error_human": text}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Token token={TOKEN}":
            raise Refused(401, {"error": "Invalid BasicAuth credentials"})
        if asked.path == "/api/v1/users/me":
            return Reply(200, ME)
        if asked.path == "/api/v1/tickets/search":
            return self._search(asked.query)
        if self.creates(asked):
            body = self.read(asked, Create, 422)
            self._needs_time(body.state, body.pending_time)
            kept = self.keep(title=body.title, state=body.state, priority=body.priority, owner=body.owner, version=1)
            self._add(kept, body.article.body, body.article.internal)
            return Reply(201, self._ticket(kept))
        missing = Refused(404, {"error": "Couldn't find Ticket"})
        if asked.path.startswith("/api/v1/ticket_articles/by_ticket/"):
            kept = self.of(asked.path.rpartition("/")[2], missing)
            return Reply(200, kept.fields["articles"])
        if asked.path == "/api/v1/ticket_articles":
            article = self.read(asked, Article, 422)
            kept = self.of(str(article.ticket_id), missing)
            kept.notes.append((article.body, not article.internal))
            return Reply(201, self._add(kept, article.body, article.internal))
        found = TICKET.fullmatch(asked.path)
        if found is None:
            raise Refused(404, {"error": "No route matches"})
        kept = self.of(found[1], missing)
        if asked.method == "PUT":
            body_ = self.read(asked, Update, 422)
            self._needs_time(body_.state, body_.pending_time)
            changed = {name: value for name, value in msgspec.structs.asdict(body_).items() if value is not None}
            kept.fields.update(changed, version=kept.fields["version"] + 1)
        return Reply(200, self._ticket(kept))

    def person_notes(self, number: str, text: str) -> None:
        article = self._add(self.kept[number], f"<div>{escape(text)}</div>", True)
        article.update(created_by_id=9, created_by="li.wei@example.org", content_type="text/html")

    def _needs_time(self, state: str | None, pending_time: str | None) -> None:
        if state is not None and state.startswith("pending") and not pending_time:
            raise Refused(422, self.problem("Missing required value for field 'pending_time'!"))

    def _add(self, kept: Kept, body: str, internal: bool) -> dict[str, Any]:
        article = {"id": 100 + next(self._numbers), "body": body, "internal": internal, "created_by_id": ME["id"],
                   "created_by": ME["login"], "content_type": "text/plain"}  # fmt: skip
        kept.fields.setdefault("articles", []).append(article)
        kept.fields["version"] += 1
        return article

    def _search(self, query: dict[str, str]) -> Reply:
        words, tickets = query["query"], [self._ticket(kept) for kept in self.kept.values()]
        since = re.fullmatch(r"updated_at:\[(\S+) TO \*\]", words)
        if since:
            return Reply(200, [ticket for ticket in tickets if ticket["updated_at"] >= since[1]])
        return Reply(200, [ticket for ticket in tickets if words.casefold() in ticket["title"].casefold()])

    def _ticket(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        return {
            "id": int(kept.id), "title": fields["title"], "state": fields["state"], "priority": fields["priority"],
            "owner": fields["owner"], "updated_by": ME["login"],
            "updated_at": f"2026-11-26T10:00:{fields['version'] % 60:02}.000Z",
        }  # fmt: skip
