"""The loops that tell people: each takes what is due on one channel, sends it, and only then marks it sent.

At least once: whoever is killed between the two tells it again. What fails is tried again for a day and parked then,
with its last error. A channel that hangs stops only its own.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from forewarn_collector.notify import rows
from forewarn_collector.notify.decide import Action, Decision
from forewarn_collector.notify.gather import MINUTE, Guard
from forewarn_collector.notify.model import Contacts, Kind, State
from forewarn_collector.notify.pace import delay_after, free_at
from forewarn_collector.notify.senders.sender import Sender, SendError
from forewarn_collector.notify.turn import Outgoing, next_turn
from forewarn_collector.store.state import database_trouble, reading
from forewarn_collector.worker import Worker

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
AT_ONCE = 2000
# A slow channel takes minutes for what is due, and a ticket may be over by then.
BEFORE_LOOKING_AGAIN = 5
GIVE_UP_SECONDS = 86_400.0
LONGEST_PAUSE = 60.0
GONE = "this channel is no longer configured"


class Phones:
    """All channels, a thread for each."""

    def __init__(
        self, engine: sa.Engine, senders: Iterable[Sender], contacts: Contacts, guard: Guard, now: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        self._lines = [_Line(engine, sender, contacts, guard, now) for sender in senders]

    def start(self) -> None:
        """Whatever was decided before is decided again, by the configuration of today."""
        now = self._now()
        with self._engine.begin() as db:
            rows.take_up(db, [line.name for line in self._lines], GONE, now, now - GIVE_UP_SECONDS)
        for line in self._lines:
            line.start()

    def stop(self) -> None:
        for line in self._lines:
            line.stop()
        for line in self._lines:
            line.join()

    def wake(self) -> None:
        for line in self._lines:
            line.wake()

    def summary(self) -> dict[str, int]:
        with self._reading.connect() as db:
            return rows.counts(db)

    def oldest_due(self) -> float | None:
        """Since when the oldest notification is due that has not been told; None: there is none."""
        with self._reading.connect() as db:
            return rows.oldest_due(db, self._now())


class _Line(Worker):
    """One channel."""

    def __init__(
        self, engine: sa.Engine, sender: Sender, contacts: Contacts, guard: Guard, now: Callable[[], float]
    ) -> None:
        self.name = sender.name
        self._engine = engine
        self._reading = reading(engine)
        self._sender = sender
        self._contacts = contacts
        self._guard = guard
        self._now = now
        self._tries: deque[float] = deque(maxlen=sender.per_minute)
        super().__init__(f"notify {self.name}")

    def start(self) -> None:
        with self._reading.connect() as db:
            self._tries.extend(at for _, at in rows.sent_since(db, self.name, self._now() - MINUTE))
        super().start()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            try:
                wanted = self._turn()
            except Exception as error:  # the next turn may be better, and nobody else looks after this channel
                known = database_trouble(error)
                log.error("a turn of the notifications on %s: %s", self.name, known or error, exc_info=known is None)
                wanted = LOOK_SECONDS
            if wanted is None:
                pause = 0.0
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()
            else:
                pause = min(LONGEST_PAUSE, max(LOOK_SECONDS, 2 * pause))
                self._stopping.wait(max(pause, wanted))

    def _turn(self) -> float | None:
        """Tell what is due. None: it went well; else how long to leave the channel alone at least."""
        now = self._now()
        if not self._is_free():
            return None
        with self._reading.connect() as db:
            waiting = rows.waiting(db, self.name, now, AT_ONCE)
            if not waiting:
                return None
            windows, sent = rows.windows_open(db, now), rows.sent_since(db, self.name, now - MINUTE)
        turn = next_turn(waiting, self.name, self._contacts.contact, windows, sent, self._guard, now)
        self._change(turn.changes)
        if len(turn.outgoing) > BEFORE_LOOKING_AGAIN:
            self._wake.set()
        for outgoing in turn.outgoing[:BEFORE_LOOKING_AGAIN]:
            if self._stopping.is_set() or not self._is_free():
                break
            error = self._send(outgoing)
            if error is not None:
                self._failed(outgoing, error)
                return error.pause_seconds
            self._sent(outgoing)
        return None

    def _is_free(self) -> bool:
        now = self._now()
        return free_at(self._tries, self._sender.per_minute, now) <= now

    def _send(self, outgoing: Outgoing) -> SendError | None:
        self._tries.append(self._now())
        try:
            self._sender.send(outgoing.message)
        except SendError as error:
            return error
        except Exception as error:  # a sender's own mistake must not stop the loop
            log.exception("notification %d on %s", outgoing.items[0].id, self.name)
            return SendError(f"{type(error).__name__}: {error}")
        return None

    def _change(self, changes: Iterable[tuple[int, Decision]]) -> None:
        found = list(changes)
        if not found:
            return
        with self._engine.begin() as db:
            for number, decision in found:
                if decision.action is Action.DROP:
                    rows.update(db, [number], state=State.DROPPED, reason=decision.reason)
                else:
                    rows.update(db, [number], not_before=decision.until, reason=decision.reason)

    def _sent(self, outgoing: Outgoing) -> None:
        first, *others = outgoing.ids
        now = self._now()
        with self._engine.begin() as db:
            rows.mark_sent(db, first, others, now)
            for item in outgoing.items:
                rows.note_told(db, item, now)

    def _failed(self, outgoing: Outgoing, error: SendError) -> None:
        now = self._now()
        with self._engine.begin() as db:
            for item in outgoing.items:
                old = now - max(item.created_at, item.not_before) > GIVE_UP_SECONDS
                parked = old or item.kind == Kind.TEST
                rows.update(
                    db, [item.id],
                    state=State.PARKED if parked else State.WAITING,
                    tries=item.tries + 1,
                    next_try_at=now + delay_after(item.tries),
                    last_error=str(error),
                )  # fmt: skip
        log.warning("notification %d on %s: %s", outgoing.items[0].id, self.name, error)
