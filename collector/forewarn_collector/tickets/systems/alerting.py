"""What alerting systems are told of a ticket. They recognise the same key by themselves, so nothing is looked for.

Pure. Three steps are all they know: trigger, acknowledge, resolve. An update alone tells them nothing: a new trigger
would open again what somebody has ended there; only a worse severity is worth that.
"""

from forewarn_collector.tickets import life
from forewarn_collector.tickets.model import Ticket

TRIGGER, ACKNOWLEDGE, RESOLVE = "trigger", "acknowledge", "resolve"


def step(event: str, ticket: Ticket) -> str | None:
    """``event``: of the delivery. None: there is nothing to tell."""
    if ticket.state in life.ENDED:
        return RESOLVE
    if event == "opened" or _became_critical(ticket):
        return TRIGGER
    return None if ticket.state == life.OPEN else ACKNOWLEDGE


def _became_critical(ticket: Ticket) -> bool:
    """The newest that is told of it is that a rule has become critical (``RULE warning -> critical: ...``)."""
    newest = ticket.timeline[-1] if ticket.timeline else None
    if newest is None or newest.kind != "evidence" or ticket.severity != "critical":
        return False
    return newest.text.partition(":")[0].endswith(" -> critical")


def details(ticket: Ticket) -> dict[str, str]:
    """What is known of the fault, by the names that our labels have; what is not known is left out."""
    found = {
        "customer": ticket.customer,
        "site": ticket.site,
        "engineer": ticket.engineer,
        "device": ticket.device,
        "device_serial": ticket.device_serial,
        "part": ticket.part_serial,
        "fault": ticket.fault,
        "severity": ticket.severity,
    }
    return {name: value for name, value in found.items() if value}
