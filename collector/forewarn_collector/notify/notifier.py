"""Writes down who is to be told what: a row for each channel, in the caller's transaction. Sending is another loop."""

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from forewarn_collector.language.catalogue import ENGLISH
from forewarn_collector.language.explanation import Explanation
from forewarn_collector.notify import rows, words
from forewarn_collector.notify.decide import CRITICAL, Action, decide
from forewarn_collector.notify.model import Contact, Contacts, Kind, NotifyError, State, Subject
from forewarn_collector.tickets.life import ENDED, OPEN
from forewarn_collector.tickets.model import Ticket

UNREACHABLE = "it is not known how to reach this engineer; name a channel in notify.engineers"
NO_SUCH_CHANNEL = "no channel of this name is configured"


class Notifier:
    """``channels``: names of those that are configured; without any nobody is told, and nothing is written down."""

    def __init__(
        self,
        contacts: Contacts,
        channels: Collection[str],
        explained: Callable[[Ticket, str], Explanation],
        now: Callable[[], float],
    ) -> None:
        """``explained``: a ticket in the words of a language."""
        self.wake: Callable[[], None] = lambda: None
        self._contacts = contacts
        self._channels = channels
        self._explained = explained
        self._now = now

    @property
    def on(self) -> bool:
        """Whether anybody can be told at all."""
        return bool(self._channels)

    def tell(
        self, db: sa.Connection, ticket: Ticket, engineer: str, kind: Kind, urgent: bool, text: str = ""
    ) -> list[int]:
        """Tell an engineer about a ticket. Return the rows that will be sent; none when nobody can be reached, or when
        the same waits already.

        ``urgent`` breaks quiet hours and no digest waits for it. ``text``: one more sentence of the caller's. After
        the transaction, ``wake`` makes the loops look at once.
        """
        if not self.on:
            return []
        contact = self._contacts.contact(engineer)
        told = self._explained(ticket, contact.language if contact else ENGLISH)
        about: dict[str, Any] = {
            "ticket": ticket.number,
            "severity": ticket.severity,
            "customer": ticket.customer,
            "site": ticket.site,
            "device": ticket.device,
            "title": words.title(kind, ticket, told),
            "body": words.body(kind, ticket, told, text),
        }
        written = self._write(db, engineer, contact, kind, urgent, _subject(ticket), about)
        return [number for number, state in written if state is State.WAITING]

    def give(self, db: sa.Connection, ticket: Ticket, actor: str) -> None:
        """Tell the owner that ``actor`` gave the ticket to them."""
        contact = self._contacts.contact(ticket.owner)
        text = words.given(actor, contact.language if contact else ENGLISH)
        self.tell(db, ticket, ticket.owner, Kind.ASSIGNED, ticket.severity == CRITICAL, text)

    def test(self, db: sa.Connection, engineer: str, actor: str) -> list[int]:
        """A message on every channel of an engineer, at any hour; a row for each, whatever becomes of it. Raise
        NotifyError when nobody can be told at all."""
        if not self.on:
            raise NotifyError("no channel is configured; add notify.channels to the configuration")
        contact = self._contacts.contact(engineer)
        title, body = words.test(engineer, actor, contact.language if contact else ENGLISH)
        about = {
            "ticket": None, "severity": "", "customer": "", "site": "", "device": "", "title": title, "body": body,
        }  # fmt: skip
        written = self._write(db, engineer, contact, Kind.TEST, True, Subject("", "", "", ""), about)
        return [number for number, _ in written]

    def _write(
        self,
        db: sa.Connection,
        engineer: str,
        contact: Contact | None,
        kind: Kind,
        urgent: bool,
        subject: Subject,
        about: dict[str, Any],
    ) -> list[tuple[int, State]]:
        now = self._now()
        both = about | {
            "engineer": engineer, "kind": kind, "urgent": urgent, "created_at": now, "not_before": now,
            "next_try_at": now,
        }  # fmt: skip
        if contact is None or not contact.channels + contact.urgent_channels:
            number = rows.add(db, **both, channel="", state=State.PARKED, last_error=UNREACHABLE)
            return [(number, State.PARKED)]
        windows = rows.windows_open(db, now)
        written = []
        for channel in dict.fromkeys(contact.channels + (contact.urgent_channels if urgent else ())):
            if channel not in self._channels:
                number = rows.add(db, **both, channel=channel, state=State.PARKED, last_error=NO_SUCH_CHANNEL)
                written.append((number, State.PARKED))
                continue
            same = (both["ticket"], engineer, channel, both["severity"], urgent)
            if kind in (Kind.OPENED, Kind.ROSE) and rows.waits_already(db, *same):
                continue
            # Whether it was told before is known when it is due.
            found = decide(kind, urgent, now, subject, contact, windows, True, now)
            until = found.until if found.action is Action.HOLD else now
            held = both | {"not_before": until, "reason": found.reason}
            written.append((rows.add(db, **held, channel=channel, state=State.WAITING), State.WAITING))
        return written


def _subject(ticket: Ticket) -> Subject:
    return Subject(
        ticket.severity, ticket.customer, ticket.site, ticket.device,
        ended=ticket.state in ENDED, taken=ticket.state not in (OPEN, *ENDED), owner=ticket.owner,
    )  # fmt: skip
