"""Wires the history store: what is sent to it, and what may leave the journal because of it."""

import sys
from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.config_store import Store
from forewarn_collector.store.external.interface import HistoryStore
from forewarn_collector.store.far import FarHistory
from forewarn_collector.store.forwarding.bookmark import Bookmark
from forewarn_collector.store.forwarding.forwarder import Forwarder
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal


def configured_store(config: Store) -> HistoryStore | None:
    """Raise StoreError for a file that cannot be read."""
    if config.history is None:
        return None
    # Late: the client library that it needs would take 12 MB of each collector without such a store.
    from forewarn_collector.store.external.opening import open_store

    return open_store(config.history)


class Outside:
    """The store beside the journal, or none: then all of this does nothing."""

    def __init__(
        self,
        store: HistoryStore | None,
        engine: sa.Engine,
        journal: Journal,
        judged: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._judged = judged
        self.forwarder: Forwarder | None = None
        if store is not None:
            bookmark = Bookmark(engine, store.name)
            self.forwarder = Forwarder(
                store, bookmark, journal.reader, judged, lambda letters: journal.commit((), letters), now
            )

    def may_be_sealed(self) -> int:
        """The position up to which rows are judged, and are in the store for good."""
        return min(self._judged(), self.forwarder.safe if self.forwarder else sys.maxsize)

    def far(self, near: History) -> FarHistory:
        return FarHistory(near, self._store)

    def start(self) -> None:
        if self.forwarder:
            self.forwarder.start()

    def stop(self) -> None:
        if self.forwarder:
            self.forwarder.stop()

    def close(self) -> None:
        """Once it is stopped."""
        if self.forwarder:
            self.forwarder.join()
            self.forwarder.close()
