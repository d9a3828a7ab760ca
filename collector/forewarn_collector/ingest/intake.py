"""One bounded queue behind every front door, and the one thread that writes it into the journal.

A door hands over publishes and is told, after the commit, what became of each. Nothing is acknowledged before.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from forewarn_collector.ingest.accept import Publish, accept, dead_letter
from forewarn_collector.store.model import Accepted, DeadLetter, StoreError

log = logging.getLogger(__name__)

BATCH = 500
RETRY_SECONDS = 1.0


class Verdict(NamedTuple):
    """What the door may tell the sender: stored (also when it was stored before), or refused with a reason."""

    token: Any
    stored: bool
    reason: str


class Door(Protocol):
    """A way in. ``finish`` is called from the writer's thread after the commit."""

    def finish(self, verdicts: Sequence[Verdict]) -> None: ...


class Item(NamedTuple):
    """A publish, or what a door could not even read as one."""

    door: Door
    token: Any
    publish: Publish | DeadLetter


class Committer(Protocol):
    def commit(self, accepted: Sequence[Accepted], dead: Sequence[DeadLetter] = ()) -> Sequence[bool]: ...


class Intake:
    """The queue and its writer. ``after_commit`` wakes the judge."""

    def __init__(self, journal: Committer, after_commit: Callable[[], None], limit: int = 5000) -> None:
        self.limit = limit
        self.trouble: str | None = None
        self._journal = journal
        self._after_commit = after_commit
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="intake")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def depth(self) -> int:
        return len(self._items)

    def offer(self, item: Item) -> bool:
        """Queue an item. False says that the queue is full now: stop reading until ``depth`` falls."""
        with self._changed:
            self._items.append(item)
            self._changed.notify()
        return len(self._items) < self.limit

    def put(self, item: Item) -> None:
        """Queue an item, waiting while the queue is full (for doors with a thread of their own)."""
        with self._changed:
            while len(self._items) >= self.limit and not self._stopping:
                self._changed.wait(1.0)
            self._items.append(item)
            self._changed.notify()

    def _take(self) -> list[Item] | None:
        with self._changed:
            while not self._items:
                if self._stopping:
                    return None
                self._changed.wait(0.5)
            batch = [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
            self._changed.notify_all()
            return batch

    def _run(self) -> None:
        while (batch := self._take()) is not None:
            self._write(batch)

    def _write(self, batch: list[Item]) -> None:
        judged = [_accept(item.publish) for item in batch]
        accepted = [entry for entry in judged if isinstance(entry, Accepted)]
        dead = [entry for entry in judged if isinstance(entry, DeadLetter)]
        while True:
            try:
                self._journal.commit(accepted, dead)
                break
            except StoreError as error:
                # Nothing is acknowledged, so nothing is lost: the doors stop reading when the queue is full.
                self._say_trouble(str(error))
                with self._changed:
                    if self._stopping:
                        return
                    self._changed.wait(RETRY_SECONDS)
        self.trouble = None
        self._after_commit()
        self._tell(batch, judged)

    def _tell(self, batch: list[Item], judged: list[Accepted | DeadLetter]) -> None:
        by_door: dict[int, tuple[Door, list[Verdict]]] = {}
        for item, entry in zip(batch, judged, strict=True):
            refused = entry.reason if isinstance(entry, DeadLetter) else ""
            by_door.setdefault(id(item.door), (item.door, []))[1].append(Verdict(item.token, not refused, refused))
        for door, verdicts in by_door.values():
            door.finish(verdicts)

    def _say_trouble(self, text: str) -> None:
        if text != self.trouble:
            log.error("intake waits: %s", text)
        self.trouble = text


def _accept(publish: Publish | DeadLetter) -> Accepted | DeadLetter:
    """A report that trips over a mistake of ours must not stop the others: it is kept for a look."""
    if isinstance(publish, DeadLetter):
        return publish
    try:
        return accept(publish)
    except Exception as error:
        log.exception("a publish on %r could not be taken", publish.topic)
        return dead_letter(publish, "internal-error", f"{type(error).__name__}: {error}")
