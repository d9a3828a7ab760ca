"""osTicket's API, which makes tickets.

Source: osTicket's setup/doc/api.md and api/tickets.md: required fields, ``X-API-Key``, 201 with the number as text, an
error as text; an unsupported field is refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from vendors.strict import Asked, Refused, Reply, StrictServer

API_KEY = "s3cret-of-osticket"


class Create(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    name: Annotated[str, Meta(min_length=1)]
    subject: Annotated[str, Meta(min_length=1, max_length=255)]
    message: Annotated[str, Meta(min_length=1)]
    alert: bool = True
    autorespond: bool = True
    source: Literal["API", "Web", "Phone", "Email", "Other"] = "API"
    topicId: int | None = None
    priorityId: Literal[1, 2, 3, 4] | None = None


class OsTicket(StrictServer):
    def creates(self, asked: Asked) -> bool:
        return True

    def problem(self, text: str) -> Any:
        return text.encode()

    def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("x-api-key") != API_KEY:
            raise Refused(401, b"Valid API key required")
        if (asked.method, asked.path) != ("POST", "/api/tickets.json"):
            raise Refused(404, b"URL not supported")
        body = self.read(asked, Create)
        kept = self.keep(subject=body.subject, state="open", priority=body.priorityId)
        return Reply(201, f"12345{kept.id}".encode(), {"Content-Type": "text/html"})
