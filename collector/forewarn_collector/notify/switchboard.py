"""Everything about phones that others ask for: telling, the delivery log, maintenance, and the loops behind them."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from forewarn_collector.language.explanation import Explanation
from forewarn_collector.notify import rows
from forewarn_collector.notify.config import Notify
from forewarn_collector.notify.gather import Guard
from forewarn_collector.notify.hearing import Hearing
from forewarn_collector.notify.maintenance import Maintenance
from forewarn_collector.notify.model import Contacts, Kind, Notification
from forewarn_collector.notify.notifier import Notifier
from forewarn_collector.notify.phones import Phones
from forewarn_collector.notify.senders.sender import Sender
from forewarn_collector.store.state import reading
from forewarn_collector.tickets.model import Ticket


class Switchboard:
    """Nothing is told and nothing written down while there are no ``senders``."""

    def __init__(
        self,
        engine: sa.Engine,
        notify: Notify,
        senders: Sequence[Sender],
        contacts: Contacts,
        explained: Callable[[Ticket, str], Explanation],
        now: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self.phones = Phones(engine, senders, contacts, Guard(notify.gather_seconds, notify.storm_after), now)
        self.notifier = Notifier(contacts, [sender.name for sender in senders], explained, now)
        self.notifier.wake = self.phones.wake
        self.hearing = Hearing(self.notifier)
        self.maintenance = Maintenance(engine, now, self.phones.wake)

    def escalate(
        self, db: sa.Connection, ticket: Ticket, engineer: str, reason: str, urgent: bool, text: str
    ) -> object:
        """Tell an engineer what escalation wants told; ``reason`` is the word of a ``Kind``. That it is a first step is
        no news to whoever hears of the ticket for the first time."""
        kind = Kind(reason)
        return self.notifier.tell(db, ticket, engineer, kind, urgent, "" if kind is Kind.OPENED else text)

    def test(self, engineer: str, actor: str) -> list[Notification]:
        """Send a message to an engineer on every channel. Raise NotifyError when there is none at all."""
        with self._engine.begin() as db:
            found = rows.of(db, self.notifier.test(db, engineer, actor))
        self.phones.wake()
        return found

    def log(
        self,
        engineer: str | None = None,
        state: str | None = None,
        ticket: int | None = None,
        limit: int = 100,
    ) -> list[Notification]:
        """The newest first."""
        with self._reading.connect() as db:
            return rows.listing(db, engineer=engineer, state=state, ticket_number=ticket, limit=limit)
