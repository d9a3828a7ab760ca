"""Jira's platform REST API, version 3, with the workflow To Do, In Progress, Done.

Source: developer.atlassian.com, "The Jira Cloud platform REST API": issues, "Search for issues using JQL enhanced
search" (fields must be named), transitions, comments, status codes; "Atlassian Document Format".
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Kept, Refused, Reply, StrictServer, basic

USER, TOKEN, ACCOUNT = "forewarn@example.org", "s3cret-of-jira", "5b10ac8d82e05b22cc7d4ef5"
STATUSES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
ISSUE = re.compile(r"/rest/api/3/issue/([A-Z]+-\d+)(?:/(comment|transitions))?")
CONDITION = re.compile(r'labels = "([^"]+)"(?: AND updated >= -(\d+)m)? ORDER BY (?:created|updated) ASC')


class Node(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["paragraph", "text", "hardBreak"]
    text: Annotated[str, Meta(min_length=1)] | None = None
    content: "list[Node]" = []


class Document(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["doc"]
    version: Literal[1]
    content: list[Node]


class Named(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["Highest", "High", "Medium", "Low", "Lowest"]


class Key(msgspec.Struct, forbid_unknown_fields=True):
    key: Literal["OPS"]


class Type(msgspec.Struct, forbid_unknown_fields=True):
    name: Literal["Task", "Incident"]


class Person(msgspec.Struct, forbid_unknown_fields=True):
    accountId: str


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    project: Key
    issuetype: Type
    summary: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\r\n]*$")]
    description: Document | None = None
    labels: list[Annotated[str, Meta(max_length=255, pattern=r"^\S+$")]] = []
    priority: Named | None = None
    assignee: Person | None = None


class Create(msgspec.Struct, forbid_unknown_fields=True):
    fields: Fields


class Changed(msgspec.Struct, forbid_unknown_fields=True):
    priority: Named | None = None
    assignee: Person | None = None


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    fields: Changed


class Property(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    value: dict[str, bool]


class Comment(msgspec.Struct, forbid_unknown_fields=True):
    body: Document
    properties: list[Property] = []


class Transition(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class Move(msgspec.Struct, forbid_unknown_fields=True):
    transition: Transition


class Search(msgspec.Struct, forbid_unknown_fields=True):
    jql: str
    fields: Annotated[list[str], Meta(min_length=1)]
    maxResults: Annotated[int, Meta(ge=1, le=5000)] = 50


class Jira(StrictServer):
    def __init__(self) -> None:
        super().__init__()
        self.comments: dict[str, list[dict[str, Any]]] = {}

    def creates(self, asked: Asked) -> bool:
        return (asked.method, asked.path) == ("POST", "/rest/api/3/issue")

    def problem(self, text: str) -> Any:
        return {"errorMessages": [text], "errors": {}}

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != basic(USER, TOKEN):
            raise Refused(401, b"Client must be authenticated to access this resource.")
        if asked.path == "/rest/api/3/myself":
            return Reply(200, {"accountId": ACCOUNT, "displayName": "forewarn"})
        if asked.path == "/rest/api/3/search/jql":
            return self._search(self.read(asked, Search))
        if self.creates(asked):
            fields = self.read(asked, Create).fields
            kept = self.keep(
                labels=fields.labels, status="To Do", version=1,
                priority=fields.priority.name if fields.priority else "Medium",
                owner=fields.assignee.accountId if fields.assignee else "",
            )  # fmt: skip
            return Reply(201, {"id": f"1000{kept.id}", "key": f"OPS-{kept.id}"})
        found = ISSUE.fullmatch(asked.path)
        if found is None:
            raise Refused(404, self.problem("dead link"))
        missing = Refused(404, self.problem("Issue does not exist or you do not have permission to see it."))
        kept = self.of(found[1].partition("-")[2], missing)
        if found[2] == "comment":
            return self._comment(kept, asked)
        if found[2] == "transitions":
            return self._transitions(kept, asked)
        if asked.method == "PUT":
            changed = self.read(asked, Edit).fields
            kept.fields["version"] += 1
            if changed.priority:
                kept.fields["priority"] = changed.priority.name
            if changed.assignee:
                kept.fields["owner"] = changed.assignee.accountId
            return Reply(204)
        return Reply(200, self._issue(kept))

    def person_notes(self, number: str, text: str) -> None:
        author = {"accountId": "li-wei", "displayName": "Li Wei"}
        block = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        told = self.comments.setdefault(number, [])
        body = {"type": "doc", "version": 1, "content": [block]}
        told.append({"id": str(20_000 + len(told)), "author": author, "body": body, "jsdPublic": False})
        self.person_does(number)

    def _comment(self, kept: Kept, asked: Asked) -> Reply:
        told = self.comments.setdefault(kept.id, [])
        if asked.method == "GET":
            return Reply(200, {"comments": told})
        comment = self.read(asked, Comment)
        internal = any(one.key == "sd.public.comment" and one.value.get("internal") for one in comment.properties)
        text = "\n\n".join("".join(node.text or "\n" for node in block.content) for block in comment.body.content)
        kept.notes.append((text, not internal))
        number = str(10_000 + sum(map(len, self.comments.values())))
        author = {"accountId": ACCOUNT, "displayName": "forewarn"}
        told.append(
            {"id": number, "author": author, "body": msgspec.to_builtins(comment.body), "jsdPublic": not internal}
        )
        kept.fields["version"] += 1
        return Reply(201, {"id": number})

    def _transitions(self, kept: Kept, asked: Asked) -> Reply:
        ways = {str(11 + n): name for n, name in enumerate(STATUSES) if name != kept.fields["status"]}
        if asked.method == "GET":
            return Reply(
                200,
                {"transitions": [{"id": number, "name": name, "to": {"name": name}} for number, name in ways.items()]},
            )
        wanted = self.read(asked, Move).transition.id
        if wanted not in ways:
            raise Refused(400, self.problem("It seems that you have tried to perform an illegal workflow operation."))
        kept.fields.update(status=ways[wanted], version=kept.fields["version"] + 1)
        return Reply(204)

    def _search(self, search: Search) -> Reply:
        condition = CONDITION.fullmatch(search.jql)
        if condition is None:
            raise Refused(400, self.problem(f"Error in the JQL Query: {search.jql}"))
        found = [self._issue(kept) for kept in self.kept.values() if condition[1] in kept.fields["labels"]]
        return Reply(200, {"issues": found[: search.maxResults], "isLast": True})

    def _issue(self, kept: Kept) -> dict[str, Any]:
        fields = kept.fields
        status = {"name": fields["status"], "statusCategory": {"key": STATUSES[fields["status"]]}}
        assignee = {"accountId": fields["owner"]} if fields["owner"] else None
        updated = f"2026-11-26T10:00:{fields['version'] % 60:02}.000+0000"
        return {
            "key": f"OPS-{kept.id}",
            "fields": {"labels": fields["labels"], "status": status, "assignee": assignee, "updated": updated},
        }
