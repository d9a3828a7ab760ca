"""How far a collector has come, read from its files while it runs: what is stored, what is judged, what it costs."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from forewarn_collector.store.rollups import ROLLUPS
from forewarn_collector.tickets.desk import JUDGED

LOOK_EVERY_SECONDS = 0.1
# Rollups are rows too, and nobody waits for a verdict on them.
_POSITION = f"""
    SELECT position FROM head JOIN series ON series.id = head.series
    WHERE kind NOT IN ({", ".join(f"'{kind}'" for kind in sorted(ROLLUPS))}) ORDER BY position DESC LIMIT 1"""


class Look(NamedTuple):
    at: float
    position: int
    judged: int
    cpu: float
    rss: int


class Watch:
    """Looks at the collector and its files again and again, which costs the collector nothing."""

    def __init__(self, data: Path, process: psutil.Process) -> None:
        self.looks: list[Look] = []
        self._data, self._process = data, process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        journal, state = (
            sqlite3.connect(f"file:{self._data}/{name}?mode=ro", uri=True) for name in ("journal.db", "state.db")
        )
        while not self._over.wait(LOOK_EVERY_SECONDS):
            (position,) = journal.execute(_POSITION).fetchone() or (0,)
            found = state.execute("SELECT value FROM meta WHERE key = ?", (JUDGED,)).fetchone()
            times = self._process.cpu_times()
            cpu, rss = times.user + times.system, self._process.memory_info().rss
            self.looks.append(Look(time.time(), position, int(found[0]) if found else 0, cpu, rss))
        journal.close()
        state.close()


def lags(looks: list[Look]) -> list[float]:
    """Of each look, seconds until what the journal held then was judged, ascending; where it was not as long as was
    looked, until the last look. Pure."""
    found, later = [], 0
    for look in looks:
        while later < len(looks) - 1 and looks[later].judged < look.position:
            later += 1
        found.append(max(0.0, looks[later].at - look.at))
    return sorted(found)


def quantile(ascending: list[float], share: float) -> float:
    """Raise SystemExit where nothing was seen."""
    if not ascending:
        raise SystemExit("nothing was seen while it was looked at")
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))]
