"""PagerDuty's Events API v2.

Source: developer.pagerduty.com, "Events API v2 overview" and "Send an alert event": fields, lengths, response codes,
what a resolved key does.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from vendors.strict import Asked, Refused, Reply, StrictServer

ROUTING_KEY = "R0UTINGKEY0123456789abcdefABCDEF"
LARGEST = 512 * 1024


class Payload(msgspec.Struct, forbid_unknown_fields=True, rename={"class_": "class"}):
    summary: Annotated[str, Meta(min_length=1, max_length=1024)]
    source: Annotated[str, Meta(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | UnsetType = UNSET
    component: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    class_: str | UnsetType = UNSET
    custom_details: dict[str, Any] | UnsetType = UNSET


class Link(msgspec.Struct, forbid_unknown_fields=True):
    href: str
    text: str | UnsetType = UNSET


class Event(msgspec.Struct, forbid_unknown_fields=True):
    routing_key: Annotated[str, Meta(min_length=32, max_length=32)]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    payload: Payload | UnsetType = UNSET
    client: str | UnsetType = UNSET
    client_url: str | UnsetType = UNSET
    links: list[Link] | UnsetType = UNSET


class PagerDuty(StrictServer):
    """``kept`` has one alert for each time that a key was opened: ``key``, ``state``, ``severity`` and its log."""

    def creates(self, asked: Asked) -> bool:
        return b'"trigger"' in asked.body

    def problem(self, text: str) -> Any:
        return {"status": "invalid event", "message": "Event object is invalid", "errors": [text]}

    def answer(self, asked: Asked) -> Reply:
        if (asked.method, asked.path) != ("POST", "/v2/enqueue"):
            raise Refused(404, b"Not Found")
        if len(asked.body) > LARGEST:
            raise Refused(413, b"Payload Too Large")
        event = self.read(asked, Event)
        if event.routing_key != ROUTING_KEY:
            raise Refused(400, self.problem("'routing_key' is invalid"))
        if event.event_action == "trigger":
            self._trigger(event)
        elif event.dedup_key is UNSET:
            raise Refused(400, self.problem("'dedup_key' is missing"))
        else:
            # For a key that is not open these are dropped, and accepted all the same.
            for alert in self.kept.values():
                if alert.fields["key"] == event.dedup_key and alert.fields["state"] != "resolved":
                    alert.fields["state"] = f"{event.event_action}d"
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": event.dedup_key})

    def _trigger(self, event: Event) -> None:
        if event.payload is UNSET:
            raise Refused(400, self.problem("'payload' is missing or blank"))
        for alert in self.kept.values():
            if alert.fields["key"] == event.dedup_key and alert.fields["state"] != "resolved":
                break
        else:
            alert = self.keep(key=event.dedup_key, state="triggered")
        alert.fields["severity"] = event.payload.severity
        alert.notes.append((event.payload.summary, False))
