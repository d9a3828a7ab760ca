"""Every kind of destination, by the word that the configuration has for it."""

from collections.abc import Mapping

from forewarn_collector.tickets import webhook
from forewarn_collector.tickets.systems import (
    alertmanager,
    autotask,
    connectwise,
    freshdesk,
    glpi,
    halopsa,
    jira,
    mail,
    opsgenie,
    osticket,
    pagerduty,
    pagerduty_incidents,
    redmine,
    rt,
    servicenow,
    servicenow_event,
    zammad,
)
from forewarn_collector.tickets.systems.kind import Kind

KINDS: Mapping[str, Kind] = {
    "alertmanager": alertmanager.KIND,
    "autotask": autotask.KIND,
    "connectwise": connectwise.KIND,
    "email": mail.KIND,
    "freshdesk": freshdesk.KIND,
    "glpi": glpi.KIND,
    "halopsa": halopsa.KIND,
    "jira": jira.KIND,
    "jsm-operations": opsgenie.JSM,
    "opsgenie": opsgenie.KIND,
    "osticket": osticket.KIND,
    "pagerduty": pagerduty.KIND,
    "pagerduty-incidents": pagerduty_incidents.KIND,
    "redmine": redmine.KIND,
    "rt": rt.KIND,
    "servicenow": servicenow.KIND,
    "servicenow-events": servicenow_event.KIND,
    "webhook": webhook.KIND,
    "zammad": zammad.KIND,
}
