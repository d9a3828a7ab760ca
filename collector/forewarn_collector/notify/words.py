"""What a message says. Pure.

The first line says everything that a phone shows on its locked screen: how bad, whose, which device, what. Much of it
comes from devices, so no line holds what could not be printed.
"""

from collections import Counter
from collections.abc import Sequence

from forewarn_collector.notify.model import Kind, Notification
from forewarn_collector.tickets.model import Ticket

TEST_TITLE = "forewarn: a test"
LINES = 10
DAY_SECONDS = 86_400.0

_BEGINNINGS = {
    Kind.OPENED: "",
    Kind.ROSE: "now {severity}: ",
    Kind.RESOLVED: "over: ",
    Kind.ASSIGNED: "yours: ",
    Kind.ESCALATED: "nobody has taken this: ",
    Kind.DUE: "running out of time: ",
}


def title(kind: Kind, ticket: Ticket) -> str:
    """One line: ``[critical] Acme, Store 12, pos-3: ...``"""
    beginning = _BEGINNINGS[kind].format(severity=ticket.severity)
    return _line(f"[{ticket.severity}] {_where(ticket)}: {beginning}{ticket.title}")


def body(kind: Kind, ticket: Ticket, text: str = "") -> str:
    """The rest: what is known, what to do, which ticket."""
    told = ticket.explanation
    lines = [text, str(told.get("what", ""))]
    if kind is not Kind.RESOLVED:
        lines += [_forecast(ticket), *(f"- {step}" for step in told.get("do", ()))]
    if ticket.part_serial:
        lines.append(f"part {ticket.part_serial}")
    lines.append(f"ticket {ticket.number}, {ticket.state}" + (f", {ticket.outcome}" if ticket.outcome else ""))
    return "\n".join(clean for line in lines if (clean := _line(line)))


def test_body(engineer: str, actor: str) -> str:
    return f"{actor} tries whether {engineer} is reached here. Nothing has happened."


def storm(items: Sequence[Notification]) -> tuple[str, str]:
    """Title and body of one message for many."""
    return _many(items, "{count} tickets at once")


def digest(items: Sequence[Notification]) -> tuple[str, str]:
    """Title and body of a day's low ones."""
    return _many(items, "{count} tickets of the day" if _tickets(items) != 1 else "one ticket of the day")


def _many(items: Sequence[Notification], beginning: str) -> tuple[str, str]:
    severities = Counter({item.ticket: item.severity for item in items}.values())
    worst = ", ".join(f"{severities[level]} {level}" for level in ("critical", "warning") if severities[level])
    customers = Counter({item.ticket: item.customer for item in items}.values())
    shares = ", ".join(f"{name} {count}" for name, count in customers.most_common(LINES))
    shown = sorted(items, key=lambda item: (item.severity != "critical", item.ticket or 0))[:LINES]
    lines = [shares, *(f"{item.title} (ticket {item.ticket})" for item in shown)]
    if len(items) > LINES:
        lines.append(f"and {len(items) - LINES} more: forewarn tickets")
    return f"{beginning.format(count=_tickets(items))}: {worst}", "\n".join(lines)


def _tickets(items: Sequence[Notification]) -> int:
    return len({item.ticket for item in items})


def _where(ticket: Ticket) -> str:
    return ", ".join(part for part in (ticket.customer, ticket.site, ticket.device) if part)


def _forecast(ticket: Ticket) -> str:
    if ticket.probability is None:
        return ""
    within = f" within {ticket.within_seconds / DAY_SECONDS:.0f} days" if ticket.within_seconds else ""
    return f"probability {ticket.probability:.0%}{within}"


def _line(text: str) -> str:
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
