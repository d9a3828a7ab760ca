"""Intake that goes on beside what is measured, at a steady rate."""

import threading
import time
from types import TracebackType

from history_data import LOAD_FIELDS

from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point

EVERY_SECONDS = 0.1


class SteadyIntake:
    """Commits load reports in a thread of this process, as a collector does, ten times a second."""

    def __init__(self, journal: Journal, devices: int, rate: float, start: float) -> None:
        """``rate``: reports a second, of device-00000 to as many devices, each a minute after its last one; the first
        are made at ``start``."""
        self._journal = journal
        self._devices = devices
        self._batch = max(1, round(rate * EVERY_SECONDS))
        self._start = start
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._stored = 0
        self._seconds = 0.0

    @property
    def per_second(self) -> float:
        """What it came to."""
        return self._stored / self._seconds

    def __enter__(self) -> "SteadyIntake":
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(max(0.0, began + self._turn * EVERY_SECONDS - time.monotonic())):
            self._journal.commit([self._report(self._stored + number) for number in range(self._batch)])
            self._stored += self._batch
        self._seconds = time.monotonic() - began

    @property
    def _turn(self) -> int:
        return self._stored // self._batch

    def _report(self, number: int) -> Accepted:
        turn, place = divmod(number, self._devices)
        device, at = f"device-{place:05}", self._start + 60.0 * turn
        values = tuple(float((number + column) % 50) for column in range(len(LOAD_FIELDS)))
        return Accepted(
            device, "beside", turn + 1, at, at, (Point(device, "load", "", at, LOAD_FIELDS, values, b"{}"),)
        )
