"""One bounded queue behind every front door, and the one thread that writes it into the journal.

A door hands over publishes and is told, after the commit, what became of each. Nothing is acknowledged before.
"""

import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from forewarn_collector.ingest.accept import Publish, accept, dead_letter
from forewarn_collector.ingest.rate import Rate
from forewarn_collector.store.model import Accepted, DeadLetter, StoreError

log = logging.getLogger(__name__)

BATCH = 2000
"""In one transaction: the more there are, the less each of them costs."""
RETRY_SECONDS = 1.0
LONG_SECONDS = 10.0
"""A commit that takes longer is a trouble."""
LIMIT_BYTES = 32 * 2**20


Verdict = tuple[Any, str]
"""What the door may tell the sender: the token, and the reason why it was refused; "": it is stored, or was before."""


class Door(Protocol):
    """A way in. ``finish`` is called from the writer's thread after the commit."""

    def finish(self, verdicts: Sequence[Verdict]) -> None: ...


class Item(msgspec.Struct, frozen=True, gc=False):
    """A publish, or what a door could not even read as one."""

    door: Door
    token: Any
    publish: Publish | DeadLetter


class Committer(Protocol):
    def commit(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter] = ()) -> Sequence[bool]: ...


class Stopped(Exception):
    """The collector ends while the journal cannot be written. What is queued was not acknowledged."""


class Intake:
    """The queue and its writer. ``after_commit`` wakes the judge.

    The queue is full with ``limit`` messages, or with payloads of ``limit_bytes``; doors then stop reading.
    """

    def __init__(
        self,
        journal: Committer,
        after_commit: Callable[[], None],
        limit: int = 5000,
        limit_bytes: int = LIMIT_BYTES,
        refusal: Callable[[str], str | None] = lambda _device: None,
        born: Callable[[Accepted], None] = lambda _birth: None,
    ) -> None:
        """``refusal`` says of a device why nothing of it is taken, or None; ``born`` is given every birth that was
        committed."""
        self.limit = limit
        self.limit_bytes = limit_bytes
        self._trouble: str | None = None
        self._asked_at: float | None = None
        self._rate = Rate(time.monotonic())
        self._journal = journal
        self._after_commit = after_commit
        self._refusal = refusal
        self._born = born
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def depth(self) -> int:
        return len(self._items)

    @property
    def trouble(self) -> str | None:
        asked_at = self._asked_at
        if self._trouble is None and asked_at is not None and (waited := time.monotonic() - asked_at) > LONG_SECONDS:
            return f"intake waits: the journal has not answered for {waited:.0f} s"
        return self._trouble

    @property
    def rate(self) -> float:
        """Messages written a second, over the last minute."""
        return self._rate.per_second(time.monotonic())

    @property
    def full(self) -> bool:
        return len(self._items) >= self.limit or self._bytes >= self.limit_bytes

    @property
    def has_room(self) -> bool:
        """The queue is at most half full: those who stopped reading may go on."""
        return len(self._items) <= self.limit // 2 and self._bytes <= self.limit_bytes // 2

    def offer(self, *items: Item) -> bool:
        """Queue items. False says that the queue is full now: stop reading until it ``has_room``."""
        with self._changed:
            self._append(items)
            return not self.full

    def put(self, item: Item, given_up: threading.Event) -> bool:
        """Queue an item, waiting while the queue is full (for doors with a thread of their own).

        False: it was ``given_up`` in the meantime, and the item is not queued.
        """
        with self._changed:
            while self.full:
                if given_up.is_set():
                    return False
                self._changed.wait(0.5)
            self._append((item,))
        return True

    def _append(self, items: Sequence[Item]) -> None:
        if not self._items:
            self._changed.notify_all()
        self._items += items
        self._bytes += _size(items)

    def _take(self) -> list[Item] | None:
        with self._changed:
            while not self._items:
                if self._stopping.is_set():
                    return None
                self._changed.wait(0.5)
        # Nobody else takes anything out, and doors need not wait meanwhile.
        batch = [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
        with self._changed:
            self._bytes -= _size(batch)
            self._changed.notify_all()
        return batch

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            try:
                judged = self._write(batch, [self._accept(item.publish) for item in batch])
                self._rate.note(len(batch), time.monotonic())
                self._after_commit()
                for entry in judged:
                    if isinstance(entry, Accepted) and entry.status is not None and entry.online:
                        self._born(entry)
                self._tell(batch, judged)
            except Stopped:
                return
            except Exception:
                # Not acknowledged, so the senders still have them.
                log.exception("%d messages could not be finished", len(batch))

    def _write(self, batch: list[Item], judged: list[Accepted | DeadLetter]) -> list[Accepted | DeadLetter]:
        """Commit, and say what became of each item. One that the journal trips over must not hold up the others:
        halving the batch finds it, and it is kept as a dead letter."""
        try:
            self._commit(judged)
            return judged
        except Stopped:
            raise
        except Exception as error:
            if len(batch) > 1:
                half = len(batch) // 2
                return self._write(batch[:half], judged[:half]) + self._write(batch[half:], judged[half:])
            if isinstance(judged[0], DeadLetter):
                raise
            return self._write(batch, [_internal_error(batch[0].publish, error)])

    def _commit(self, judged: list[Accepted | DeadLetter]) -> None:
        """Raise Stopped when the collector ends before the journal can be written again."""
        accepted = [entry for entry in judged if isinstance(entry, Accepted)]
        dead = [entry for entry in judged if isinstance(entry, DeadLetter)]
        while True:
            self._asked_at = time.monotonic()
            try:
                self._journal.commit(accepted, dead)
                self._trouble = None
                return
            except StoreError as error:
                # Nothing is acknowledged, so nothing is lost: the doors stop reading when the queue is full.
                self._say_trouble(str(error))
                if self._stopping.wait(RETRY_SECONDS):
                    raise Stopped from error
            finally:
                self._asked_at = None

    def _tell(self, batch: list[Item], judged: list[Accepted | DeadLetter]) -> None:
        """In the order in which they came, as MQTT wants it (MQTT-4.6.0-2)."""
        told: defaultdict[Door, list[Verdict]] = defaultdict(list)
        for item, entry in zip(batch, judged, strict=True):
            told[item.door].append((item.token, entry.reason if isinstance(entry, DeadLetter) else ""))
        for door, verdicts in told.items():
            door.finish(verdicts)

    def _accept(self, publish: Publish | DeadLetter) -> Accepted | DeadLetter:
        """A report that trips over a mistake of ours must not stop the others: it is kept for a look."""
        if isinstance(publish, DeadLetter):
            return publish
        try:
            return accept(publish, self._refusal)
        except Exception as error:
            return _internal_error(publish, error)

    def _say_trouble(self, text: str) -> None:
        if text != self._trouble:
            log.error("intake waits: %s", text)
        self._trouble = text


def _size(items: Sequence[Item]) -> int:
    return sum([len(item.publish.payload) for item in items])


def _internal_error(publish: Publish | DeadLetter, error: Exception) -> DeadLetter:
    assert isinstance(publish, Publish)
    log.error("a publish on %.200r could not be taken", publish.topic, exc_info=error)
    return dead_letter(publish, "internal-error", f"{type(error).__name__}: {error}")
