"""Every vendor as a row: its strict server, the configuration of a destination, and the words to be seen there."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vendors import (
    autotask,
    connectwise,
    freshdesk,
    glpi,
    halopsa,
    jira,
    opsgenie,
    osticket,
    pagerduty,
    servicenow,
    zammad,
)
from vendors.strict import Kept, StrictServer


class Case(NamedTuple):
    """``path``: behind the server's address. ``states`` and ``priorities``: what the vendor keeps for ours; ``seen``:
    where a ticket there has them. ``refused``: a word of ours that the vendor does not know, as configuration.
    ``addresses``: options that hold the server's address."""

    kind: str
    server: Callable[[], StrictServer]
    token: str
    states: Mapping[str, Any]
    priorities: Mapping[str, Any]
    seen: Callable[[Kept], tuple[Any, Any]]
    options: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    path: str = ""
    users: Mapping[str, str] = {}
    refused: Mapping[str, Mapping[str, str]] = {}
    addresses: tuple[str, ...] = ()


def fields(state: str, priority: str) -> Callable[[Kept], tuple[Any, Any]]:
    return lambda kept: (kept.fields.get(state), kept.fields.get(priority))


# Tickets come back from these.
SYSTEMS = [
    Case(
        "servicenow", servicenow.ServiceNow, servicenow.PASSWORD,
        {"open": "1", "acknowledged": "2", "resolved": "6"}, {"warning": ("2", "2"), "critical": ("1", "1")},
        lambda kept: (kept.fields["state"], (kept.fields["impact"], kept.fields["urgency"])),
        {"user": servicenow.USER}, users={"Li Wei": f"{7:032x}"}, refused={"states": {"open": "triaged"}},
    ),
    Case(
        "jira", jira.Jira, jira.TOKEN,
        {"open": "To Do", "acknowledged": "In Progress", "resolved": "Done"},
        {"warning": "High", "critical": "Highest"}, fields("status", "priority"),
        {"user": jira.USER, "project": "OPS"}, users={"Li Wei": "li-wei"},
        refused={"priorities": {"warning": "Rather high"}},
    ),
    Case(
        "zammad", zammad.Zammad, zammad.TOKEN,
        {"open": "new", "acknowledged": "open", "resolved": "closed"},
        {"warning": "2 normal", "critical": "3 high"}, fields("state", "priority"),
        {"customer": "noc@example.org"}, users={"Li Wei": "li.wei@example.org"}, refused={"states": {"open": "fresh"}},
    ),
    Case(
        "glpi", glpi.Glpi, glpi.USER_TOKEN, {"open": 1, "acknowledged": 2, "resolved": 5},
        {"warning": 4, "critical": 5}, fields("status", "urgency"), secrets={"app_token": glpi.APP_TOKEN},
        path="/apirest.php", users={"Li Wei": "12"}, refused={"states": {"open": "9"}},
    ),
    Case(
        "freshdesk", freshdesk.Freshdesk, freshdesk.API_KEY, {"open": 2, "acknowledged": 2, "resolved": 4},
        {"warning": 3, "critical": 4}, fields("status", "priority"), {"email": "noc@example.org"},
        users={"Li Wei": "43009"}, refused={"priorities": {"warning": "7"}},
    ),
    Case(
        "connectwise", connectwise.ConnectWise, connectwise.PRIVATE,
        {"open": "New", "acknowledged": "In Progress", "resolved": "Completed"},
        {"warning": "Priority 2 - High", "critical": "Priority 1 - Critical"}, fields("status", "priority"),
        {"login_company": connectwise.COMPANY, "public_key": connectwise.PUBLIC, "client_id": connectwise.CLIENT,
         "companies": "Acme=AcmeCo; Rest"},
        users={"Li Wei": "lwei"}, refused={"queues": {"default": "No such board"}},
    ),
    Case(
        "autotask", autotask.Autotask, autotask.SECRET, {"open": 1, "acknowledged": 8, "resolved": 5},
        {"warning": 1, "critical": 4}, fields("status", "priority"),
        {"user": autotask.USER, "companies": "Acme=174; 0", "role": "29683459"}, {"integration_code": autotask.CODE},
        users={"Li Wei": "31"}, refused={"states": {"open": "77"}},
    ),
    Case(
        "halopsa", halopsa.HaloPsa, halopsa.SECRET, {"open": 1, "acknowledged": 2, "resolved": 8},
        {"warning": 2, "critical": 1}, fields("status_id", "priority_id"),
        {"client_id": halopsa.CLIENT_ID, "agent": "forewarn", "clients": "Acme=12; 1", "ticket_type": "1"},
        users={"Li Wei": "9"}, refused={"states": {"open": "77"}},
    ),
    Case(
        "pagerduty-incidents", pagerduty.PagerDutyIncidents, pagerduty.ROUTING_KEY,
        {"open": "triggered", "acknowledged": "acknowledged", "resolved": "resolved"},
        {"warning": "warning", "critical": "critical"}, fields("state", "severity"), {"from": pagerduty.FROM},
        {"api_token": pagerduty.API_TOKEN}, users={"Li Wei": "PLIWEI"},
        refused={"priorities": {"warning": "rather bad"}}, addresses=("api_url",),
    ),
]  # fmt: skip

# These are only told, and know the same key again.
ALERTING = [
    Case(
        "pagerduty", pagerduty.PagerDuty, pagerduty.ROUTING_KEY,
        {"open": "triggered", "acknowledged": "acknowledged", "resolved": "resolved"},
        {"warning": "warning", "critical": "critical"}, fields("state", "severity"),
        refused={"priorities": {"warning": "rather bad"}},
    ),
    Case(
        "opsgenie", opsgenie.Opsgenie, opsgenie.KEY,
        {"open": "open", "acknowledged": "acknowledged", "resolved": "closed"}, {"warning": "P3"},
        fields("state", "priority"), refused={"priorities": {"warning": "P0"}},
    ),
    Case(
        "jsm-operations", lambda: opsgenie.Opsgenie("/jsm/ops/integration"), opsgenie.KEY,
        {"open": "open", "acknowledged": "acknowledged", "resolved": "closed"}, {"warning": "P3"},
        fields("state", "priority"), path="/jsm/ops/integration", refused={"priorities": {"warning": "P0"}},
    ),
    Case(
        "servicenow-events", servicenow.ServiceNowEvents, servicenow.PASSWORD,
        {"open": "open", "resolved": "closed"}, {"warning": "4", "critical": "1"}, fields("state", "severity"),
        {"user": servicenow.USER}, refused={"priorities": {"warning": "9"}},
    ),
]  # fmt: skip

# Makes tickets and can nothing else.
OSTICKET = Case(
    "osticket", osticket.OsTicket, osticket.API_KEY, {"open": "open"}, {"warning": 3}, fields("state", "priority"),
    {"email": "noc@example.org"}, refused={"priorities": {"warning": "9"}},
)  # fmt: skip
