"""E-mail through a mail server. What is told of one ticket is one thread, also for ticket systems that read a mailbox.

Source: RFC 5322 (Message-ID, References), RFC 3834 (Auto-Submitted), RFC 5321 (which replies are for ever). A message
that is sent again has the same Message-ID, by which receivers drop it.
"""

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import urlsplit

import msgspec

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import DeliveryError, Parcel, Unreachable
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.kind import Key, Kind, Setup

LONGEST_REPLY = 200
# Replies below 500 are for now: a mailbox is full, a sender is grey-listed.
FOR_EVER = 500
SHOWN_ENTRIES = 5


def message(parcel: Parcel, ticket: Ticket, sender: str, receiver: str) -> EmailMessage:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    root = f"<{wording.dedup_key(ticket)}@{domain}>"
    first = parcel.event == "opened" and not _ended_before(ticket)
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, receiver
    mail["Subject"] = wording.title(ticket)
    mail["Date"] = format_datetime(datetime.fromtimestamp(parcel.created_at, UTC))
    mail["Message-ID"] = root if first else f"<{parcel.event_id}@{domain}>"
    if not first:
        mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Forewarn-Key"] = wording.dedup_key(ticket)
    mail["X-Forewarn-State"] = ticket.state
    mail["X-Priority"] = "1" if ticket.severity == "critical" else "3"
    mail.set_content("\n\n".join([_news(ticket, first), wording.description(ticket)]).strip() + "\n")
    return mail


def _ended_before(ticket: Ticket) -> bool:
    """It is opened again: the thread is there already."""
    return any(entry.kind == "state" and entry.text.startswith(life.ENDED) for entry in ticket.timeline)


def _news(ticket: Ticket, first: bool) -> str:
    if first:
        return ""
    entries = ticket.timeline[-SHOWN_ENTRIES:]
    return "\n".join([f"Ticket {ticket.number} is {ticket.state}.", *(f"{e.actor}: {e.text}" for e in entries)])


class Mail:
    """``url``: smtp://HOST:25 or :587 (encrypted where the server offers it, and always with a password), or
    smtps://HOST:465."""

    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._maps = setup.maps
        self._url = urlsplit(setup.url)
        self._from, self._to = setup.options["from"], setup.options["to"]
        self._user, self._password = setup.options["user"], setup.token or ""
        self._timeout = setup.timeout

    def send(self, parcel: Parcel) -> None:
        ticket = msgspec.json.decode(parcel.body, type=Ticket)
        receiver = self._maps.queue(ticket.queue) or self._to
        mail = message(parcel, ticket, self._from, receiver)
        try:
            server = self._server()
        except smtplib.SMTPAuthenticationError as error:
            raise Unreachable(self._said(error.smtp_code, error.smtp_error) + " (is the password right?)") from None
        except OSError as error:
            raise Unreachable(self._hidden(f"{type(error).__name__}: {error}")) from None
        try:
            with server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()))
            raise DeliveryError(self._said(code, reply), permanent=code >= FOR_EVER) from None
        except smtplib.SMTPResponseException as error:
            text = self._said(error.smtp_code, error.smtp_error)
            raise DeliveryError(text, permanent=error.smtp_code >= FOR_EVER) from None
        except OSError as error:
            raise DeliveryError(self._hidden(f"{type(error).__name__}: {error}")) from None

    def _server(self) -> smtplib.SMTP:
        """Connected, encrypted as far as the server offers it, and logged in where there is a user."""
        host, context = self._url.hostname or "", ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._url.port or 465, timeout=self._timeout, context=context)
        else:
            server = smtplib.SMTP(host, self._url.port or 25, timeout=self._timeout)
        try:
            self._greet(server, context)
        except (OSError, DeliveryError):
            server.close()
            raise
        return server

    def _greet(self, server: smtplib.SMTP, context: ssl.SSLContext) -> None:
        server.ehlo()
        if self._url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
        elif self._url.scheme == "smtp" and self._user:
            raise DeliveryError("no STARTTLS is offered, and the password would go in plain text", permanent=True)
        if self._user:
            server.login(self._user, self._password)

    def _said(self, code: int, reply: bytes | str) -> str:
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        return self._hidden(f"SMTP {code}: {' '.join(text.split())}")

    def _hidden(self, text: str) -> str:
        shown = text.replace(self._password, "...") if self._password else text
        return "".join(char for char in shown if char.isprintable())[:LONGEST_REPLY]


KIND = Kind(
    summary="e-mail, one thread for each ticket",
    proof="real server",
    sender=Mail,
    url_example="smtp://mail.example.org:587",
    schemes=("smtp", "smtps"),
    credential="password at the mail server",
    options={
        "from": Key("who sends", "forewarn <forewarn@example.org>", needed=True),
        "to": Key("who gets what no queue has an address for", "desk@example.org", needed=True),
        "user": Key("user at the mail server", "forewarn"),
    },
)
