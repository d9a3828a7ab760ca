"""A journal that is forwarded to a history store: what is reported, and whether it arrived."""

import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from forewarn_collector.store.external.address import Login, address_of, tls_of
from forewarn_collector.store.external.interface import HistoryStore, SeriesName
from forewarn_collector.store.external.victoriametrics import VictoriaMetrics
from forewarn_collector.store.forwarding.bookmark import Bookmark
from forewarn_collector.store.forwarding.forwarder import Forwarder
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point
from forewarn_collector.store.place import Place
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state

START = 1_795_737_600.0
FIELDS = ("cpu.used_percent", "memory.used_percent", "filesystem.used_percent|/data")
_sites = itertools.count()


class Site:
    """A journal, the state beside it, and what sends from the one to a store as the other says."""

    def __init__(self, journal: Path | Place, state: Path | Server) -> None:
        self.journal = Journal(journal)
        self.state: sa.Engine = open_state(state)
        self.rows = 0
        number = next(_sites)
        self.devices = [f"shop-{number}-{n}" for n in range(4)]
        self.running: list[Forwarder] = []

    def report(self, count: int, fields: tuple[str, ...] = FIELDS, kind: str = "load") -> None:
        """As many reports, a second apart, each of another device."""
        for first in range(0, count, 1000):
            batch = []
            for number in range(self.rows + first, self.rows + min(first + 1000, count)):
                values = tuple(math.nan if (number + n) % 7 == 0 else number + n / 10 for n in range(len(fields)))
                at = START + number
                point = Point(self.devices[number % 4], kind, "", at, fields, values, b"{}")
                batch.append(Accepted(point.device, "b", None, at, at, (point,)))
            self.journal.commit(batch)
        self.rows += count

    def forwarder(self, store: HistoryStore, judged: Callable[[], int] = lambda: 10**9) -> Forwarder:
        bookmark = Bookmark(self.state, store.name)
        made = Forwarder(
            store, bookmark, self.journal.reader, judged, lambda dead: self.journal.commit((), dead), time.time
        )
        self.running.append(made)
        return made

    def end(self, forwarder: Forwarder) -> None:
        """As when the collector ends."""
        self.running.remove(forwarder)
        forwarder.stop()
        forwarder.join()
        forwarder.close()

    def close(self) -> None:
        for forwarder in list(self.running):
            self.end(forwarder)
        self.journal.close()
        self.state.dispose()

    def same_in(self, store: HistoryStore, kind: str = "load", fields: tuple[str, ...] = FIELDS) -> int:
        """How many rows there are in the store; those that are there are what was reported."""
        found = 0
        for device in self.devices:
            rows = list(
                store.rows(
                    SeriesName(device, kind, ""), round(START * 1000) - 10_000, round((START + self.rows) * 1000)
                )
            )
            for row in rows:
                number = round(row.at / 1000 - START)
                assert self.devices[number % 4] == device
                expected = {f: math.nan if (number + n) % 7 == 0 else number + n / 10 for n, f in enumerate(fields)}
                got = dict(zip(row.fields, row.values, strict=True))
                assert got.keys() == expected.keys()
                assert all(a == pytest.approx(expected[f], rel=1e-9, nan_ok=True) for f, a in got.items())
            assert len({row.at for row in rows}) == len(rows)
            found += len(rows)
        return found


def sent(forwarder: Forwarder) -> bool:
    return forwarder.view().unsent == 0


def patient(url: str, seconds: float) -> VictoriaMetrics:
    """With another idea of how long what was taken may be lost."""
    return VictoriaMetrics(address_of(url), Login(), tls_of(None, None, None), flush_seconds=seconds)
