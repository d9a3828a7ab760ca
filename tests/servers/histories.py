"""History stores outside, by the word in their address, and how tests speak to them."""

from collections.abc import Callable
from typing import Any

from servers.influxdb import Influx
from servers.victoriametrics import Victoria

from forewarn_collector.config_history import HistoryStoreEntry
from forewarn_collector.store.external.interface import HistoryStore
from forewarn_collector.store.external.opening import open_store

SERVERS: dict[str, Any] = {"influxdb": Influx, "victoriametrics": Victoria}


def opened(url: str, **keys: Any) -> HistoryStore:
    return open_store(HistoryStoreEntry(url=url, **keys))


class Tried:
    """A store, and how long to wait until what was written to it can be read."""

    def __init__(self, kind: str, store: HistoryStore, settle: Callable[[], None]) -> None:
        self.kind = kind
        self.store = store
        self._settle = settle

    def write(self, *samples: Any) -> None:
        self.store.write(list(samples))
        self._settle()
