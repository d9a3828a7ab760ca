"""The strict servers are strict: the request that makes a ticket is taken, and refused when anything of it is not as
the vendor's documentation has it."""

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from vendors import cases
from vendors.cases import Case
from vendors.strict import Asked

Bench = Callable[..., Any]


class Form(NamedTuple):
    """Where the fields are in the body, which of them are needed, and (field, value) that are refused. ServiceNow's
    Table API needs none and passes over those that it does not know."""

    inside: tuple[str | int, ...]
    needed: tuple[str, ...]
    wrong: dict[str, Any]
    open: bool = False


FORMS = {
    "servicenow": Form((), (), {"short_description": "x" * 161, "impact": "4", "state": "5"}, open=True),
    "jira": Form(
        ("fields",), ("project", "issuetype", "summary"),
        {"summary": "x" * 256, "description": "text", "labels": ["with space"], "priority": {"name": "Worst"}},
    ),
    "zammad": Form((), ("title", "group", "customer_id", "article"), {"state": "fresh", "article": {"body": ""}}),
    "glpi": Form(("input",), ("name", "content"), {"name": "x" * 256, "urgency": 6, "status": "1"}),
    "freshdesk": Form(
        (), ("subject", "description", "email", "status", "priority"),
        {"priority": 5, "status": 1, "email": "nobody", "custom_fields": {"cf_other": "x"}},
    ),
    "connectwise": Form(
        (), ("summary", "company"), {"summary": "x" * 101, "board": {"name": "Nowhere"}, "company": "AcmeCo"}
    ),
    "autotask": Form(
        (), ("companyID", "status", "priority", "title"),
        {"title": "", "externalID": "x" * 51, "assignedResourceRoleID": None, "status": "1"},
    ),
    "halopsa": Form((0,), ("summary", "details", "tickettype_id"), {"status_id": 77, "summary": "x" * 256}),
    "pagerduty-incidents": Form((), ("routing_key", "event_action", "payload"), {"routing_key": "short"}),
    "pagerduty": Form(
        (), ("routing_key", "event_action", "payload"), {"dedup_key": "x" * 256, "event_action": "open"}
    ),
    "opsgenie": Form((), ("message", "alias"), {"message": "x" * 131, "priority": "P6", "tags": ["x"] * 21}),
    "jsm-operations": Form((), ("message", "alias"), {"details": {"x": "y" * 8000}, "responders": [{"type": "all"}]}),
    "servicenow-events": Form(
        ("records", 0), ("source", "node", "severity", "message_key"), {"severity": "6", "time_of_event": "today"}
    ),
    "osticket": Form((), ("email", "name", "subject", "message"), {"email": "nobody", "priorityId": "4"}),
}  # fmt: skip
EVERYBODY: list[Case] = [*cases.SYSTEMS, *cases.ALERTING, cases.OSTICKET]
# What says who we are; taking any away must be refused.
WHO = {
    "authorization",
    "x-api-key",
    "app-token",
    "session-token",
    "clientid",
    "apiintegrationcode",
    "username",
    "secret",
}


def post(bench: Any, asked: Asked, body: Any, headers: dict[str, str]) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(bench.server.url + asked.path, content, headers, method=asked.method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("case", EVERYBODY, ids=[case.kind for case in EVERYBODY])
def test_what_is_refused(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    asked = next(one for one in bench.server.asked if bench.server.creates(one))
    form = FORMS[case.kind]
    headers = {name: value for name, value in asked.headers.items() if name not in ("host", "content-length")}
    before = len(bench.server.kept)

    def refused(said: str, body: Any, headers: dict[str, str]) -> None:
        code = post(bench, asked, body, headers)
        assert 400 <= code <= 500, (said, code)
        assert len(bench.server.kept) == before, said

    good = json.loads(asked.body)

    def changed(change: Callable[[dict[str, Any]], Any]) -> Any:
        body = copy.deepcopy(good)
        fields = body
        for step in form.inside:
            fields = fields[step]
        change(fields)
        return body

    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
        refused(kind, good, headers | {"content-type": kind})
    refused("no JSON", b"{", headers)
    for name in sorted(WHO & set(headers)):
        refused(name, good, {key: value for key, value in headers.items() if key != name})
        refused(name, good, headers | {name: "wrong"})
    for name in form.needed:
        refused(f"without {name}", changed(lambda fields, name=name: fields.pop(name)), headers)
    for name, value in form.wrong.items():
        refused(
            f"{name}: {value}", changed(lambda fields, name=name, value=value: fields.update({name: value})), headers
        )
    if not form.open:
        refused("an unknown field", changed(lambda fields: fields.update(colour="red")), headers)
    assert post(bench, asked, good, headers) in (200, 201, 202), "the request itself is taken"
