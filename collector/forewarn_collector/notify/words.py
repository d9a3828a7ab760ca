"""What a message says, in the language of whoever reads it. Pure.

The first line says everything that a phone shows on its locked screen: how bad, whose, which device, what. Much of it
comes from devices, so no line holds what could not be printed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from forewarn_collector.language.catalogue import catalogue
from forewarn_collector.language.explanation import Explanation
from forewarn_collector.notify import texts
from forewarn_collector.notify.model import Kind, Notification
from forewarn_collector.tickets.life import OUTCOMES
from forewarn_collector.tickets.model import Ticket

LINES = 10
SECTIONS = ("what", "when", "do")
"""What of an explanation is told at once; the rest stands in the ticket."""


def title(kind: Kind, ticket: Ticket, told: Explanation) -> str:
    """One line: ``[critical] Acme, Store 12, pos-3: ...``; ``told``: the ticket in the reader's language."""
    say = catalogue(told.language).gettext
    severity = say(ticket.severity)
    where = ", ".join(part for part in (ticket.customer, ticket.site, ticket.device) if part)
    what = told.title
    if kind in texts.BEGINNINGS:
        what = say(texts.BEGINNINGS[kind]).format(severity=severity, title=told.title)
    return _line(f"[{severity}] {where}: {what}")


def body(kind: Kind, ticket: Ticket, told: Explanation, text: str = "") -> str:
    """The rest: what is known, by when, what to do, which ticket. ``text``: one more sentence, before all that."""
    return "\n".join(clean for line in (text, *_body(kind, ticket, told)) if (clean := _line(line)))


def _body(kind: Kind, ticket: Ticket, told: Explanation) -> Iterator[str]:
    say = catalogue(told.language).gettext
    for section in told.sections:
        if section.name in (SECTIONS[:1] if kind is Kind.RESOLVED else SECTIONS):
            yield from (f"- {line}" if section.name == "do" else line for line in section.lines)
    if ticket.part_serial:
        yield say(texts.PART).format(serial=ticket.part_serial)
    yield say(texts.TICKET).format(number=ticket.number, state=say(ticket.state))
    if ticket.outcome in OUTCOMES:
        yield say(OUTCOMES[ticket.outcome])


def given(actor: str, language: str) -> str:
    return catalogue(language).gettext(texts.GIVEN).format(actor=actor)


def test(engineer: str, actor: str, language: str) -> tuple[str, str]:
    """Title and body of a message that only tries whether it arrives."""
    say = catalogue(language).gettext
    return say(texts.TEST_TITLE), _line(say(texts.TEST_BODY).format(actor=actor, engineer=engineer))


def storm(items: Sequence[Notification], language: str) -> tuple[str, str]:
    """Title and body of one message for many."""
    return _many(items, texts.STORM, language)


def digest(items: Sequence[Notification], language: str) -> tuple[str, str]:
    """Title and body of a day's low ones."""
    return _many(items, texts.DIGEST, language)


def _many(items: Sequence[Notification], title: str, language: str) -> tuple[str, str]:
    say = catalogue(language).gettext
    severities = Counter({item.ticket: item.severity for item in items}.values())
    parts = [
        say(texts.SHARE).format(count=severities[one], severity=say(one)) for one in texts.SEVERITIES if severities[one]
    ]
    customers = Counter({item.ticket: item.customer for item in items}.values())
    shown = sorted(items, key=lambda item: (item.severity != texts.SEVERITIES[0], item.ticket or 0))[:LINES]
    lines = [
        ", ".join(f"{name} {count}" for name, count in customers.most_common(LINES)),
        *(say(texts.OF_TICKET).format(title=item.title, number=item.ticket) for item in shown),
    ]
    if len(items) > LINES:
        lines.append(say(texts.MORE).format(count=len(items) - LINES))
    return say(title).format(count=severities.total(), severities=", ".join(parts)), "\n".join(lines)


def _line(text: str) -> str:
    return "".join(char for char in " ".join(text.split()) if char.isprintable())
