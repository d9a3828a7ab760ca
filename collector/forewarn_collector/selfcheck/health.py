"""The condition of a running collector, put together for those who ask."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from forewarn_collector.api.views import Health
from forewarn_collector.clock import Clock
from forewarn_collector.ingest.intake import Intake
from forewarn_collector.ingest.listener import Listener
from forewarn_collector.ingest.subscriber import Subscriber
from forewarn_collector.judge.judges import Judges
from forewarn_collector.notify.phones import Phones
from forewarn_collector.selfcheck.canary import Canary
from forewarn_collector.selfcheck.ping import Ping
from forewarn_collector.selfcheck.troubles import backlog_troubles
from forewarn_collector.several.members import Member
from forewarn_collector.store.forwarding.forwarder import Forwarder
from forewarn_collector.store.reader import Reader
from forewarn_collector.store.state import database_trouble
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Allowance
from forewarn_collector.tickets.push import Push
from forewarn_collector.version import version


class StateFigures(NamedTuple):
    """What the state says of the collector's work. The oldest ones: Unix seconds, None when there is none."""

    tickets: dict[str, int]
    budget: Allowance
    deliveries: dict[str, int]
    oldest_unsent: float | None
    notifications: dict[str, int]
    oldest_due: float | None


class Condition:
    """``read`` from any thread. ``canaries``, ``ping`` and ``forwarder`` are set once they are there."""

    def __init__(
        self,
        clock: Clock,
        mqtt_url: Callable[[], str | None],
        reader: Reader,
        intake: Intake,
        listener: Listener,
        subscriber: Subscriber | None,
        broker_url: str | None,
        judge: Judges,
        desk: Desk,
        push: Push,
        phones: Phones,
        other_troubles: Sequence[Callable[[], str | None]],
        members: Callable[[], list[Member]] = list,
    ) -> None:
        self.canaries: Sequence[Canary] = ()
        self.ping: Ping | None = None
        self.forwarder: Forwarder | None = None
        self._started_at = clock.now()
        self._clock = clock
        self._mqtt_url = mqtt_url
        self._reader = reader
        self._intake = intake
        self._listener = listener
        self._subscriber = subscriber
        self._broker_url = broker_url
        self._judge = judge
        self._desk = desk
        self._push = push
        self._phones = phones
        self._other_troubles = other_troubles
        self._state = state_figures(desk, push, phones)
        self._members = members

    def read(self) -> Health:
        now = self._clock.now()
        counts = self._reader.counts()
        subscriber = self._subscriber
        state_trouble = self._look_at_the_state()
        unjudged = self._unjudged(now)
        # Where there are several collectors one of them forwards, and only that one knows how it is.
        forwarder = self.forwarder if self.forwarder and self.forwarder.works else None
        history = forwarder.view() if forwarder else None
        unsent, untold = _age(now, self._state.oldest_unsent), _age(now, self._state.oldest_due)
        canaries = [canary.last for canary in self.canaries if canary.last is not None]
        troubles = [
            self._intake.trouble,
            self._judge.trouble,
            state_trouble,
            forwarder.trouble if forwarder else None,
            subscriber.trouble if subscriber else None,
            *(subscriber.shortcomings if subscriber else []),
            *(trouble() for trouble in self._other_troubles),
            *backlog_troubles(
                unjudged, unsent, untold, history.unsent_seconds if history else None, self._clock.played
            ),
            *(canary.trouble for canary in canaries),
        ]
        return Health(
            version=version(),
            now=now,
            started_at=self._started_at,
            mqtt=self._mqtt_url(),
            broker=self._broker_url,
            connections=len(self._listener.clients),
            queue=self._intake.depth,
            intake_rate=self._intake.rate,
            stored=counts.reports,
            duplicates=counts.duplicates,
            dead_letters=counts.dead_letters,
            position=counts.max_position,
            judged_position=counts.max_position if (judged := self._judge.position) is None else judged,
            unjudged_seconds=unjudged,
            skipped=self._judge.skipped,
            devices=counts.devices,
            file_bytes=counts.file_bytes,
            tickets=self._state.tickets,
            budget=self._state.budget,
            deliveries=self._state.deliveries,
            unsent_seconds=unsent,
            notifications=self._state.notifications,
            untold_seconds=untold,
            connections_ended=dict(self._listener.ended),
            dead_letter_reasons=self._reader.dead_letter_totals(),
            broker_dropped=subscriber.dropped if subscriber else None,
            canaries=canaries,
            collectors=self._members(),
            ping=self.ping.view if self.ping else None,
            history=history,
            troubles=[trouble for trouble in troubles if trouble],
        )

    def _look_at_the_state(self) -> str | None:
        """Its trouble; the figures are then those of the last time that it answered."""
        try:
            self._state = state_figures(self._desk, self._push, self._phones)
        except Exception as error:
            if (known := database_trouble(error)) is None:
                raise
            return f"state: {known}; tickets, deliveries and notifications are shown as they last were"
        return None

    def _unjudged(self, now: float) -> float | None:
        return _age(now, self._judge.oldest_unjudged(self._reader))


def state_figures(desk: Desk, push: Push, phones: Phones) -> StateFigures:
    return StateFigures(
        desk.ticket_counts(), desk.budget(), push.outbox.summary(), push.outbox.oldest_unsent(), phones.summary(),
        phones.oldest_due(),
    )  # fmt: skip


def _age(now: float, since: float | None) -> float | None:
    return None if since is None else max(0.0, now - since)
