"""What the judge found and how far it has come, in one transaction; and taking that up again after a start."""

import logging
from collections.abc import Iterable

from forewarn_collector.judge.facts import FactBook
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Change, Engine, Key, Kind

log = logging.getLogger(__name__)

Component = tuple[Kind, Key]


class Recorder:
    """Hands changes to the desk, with the snapshots of the components that they touched; those that are as they were
    recorded are not written again."""

    def __init__(self, desk: Desk, docket: Docket = EVERYTHING) -> None:
        self._desk = desk
        self._docket = docket
        self._saved: dict[Component, bytes] = {}
        self._position = 0

    def restore(self, engine: Engine) -> None:
        """Levels, timers and baselines as they were recorded, into an engine that is new."""
        saved: dict[Component, bytes] = {}
        for name, key, data in self._desk.snapshots():
            if not self._docket.holds(key[0]):
                continue
            try:
                engine.restore(Kind(name), key, data)
                saved[Kind(name), key] = data
            except ValueError as error:
                log.error("what was recorded of %s %s cannot be read: %s; it is judged anew", name, key, error)
        self._saved = saved

    def devices(self, kind: Kind) -> set[str]:
        """Devices of which something of a kind is recorded."""
        return {key[0] for of, key in self._saved if of is kind}

    def record(
        self,
        engine: Engine,
        book: FactBook,
        changes: Iterable[Change],
        touched: Iterable[Component],
        position: int | None = None,
        accepted: Acceptance | None = None,
    ) -> None:
        """``position``: how far the judge has come; None where it has not moved."""
        snapshots: list[tuple[str, Key, bytes | None]] = []
        for kind, key in touched:
            data = engine.snapshot(kind, key)
            if data != self._saved.get((kind, key)):
                snapshots.append((kind, key, data))
        found = [(change, book.part_of(change)) for change in changes]
        self._desk.record(position, found, snapshots, accepted, self._docket)
        self._position = self._position if position is None else position
        for name, key, data in snapshots:
            if data is None:
                self._saved.pop((Kind(name), key), None)
            else:
                self._saved[Kind(name), key] = data

    def position(self) -> int:
        """How far the judge had come when it last recorded."""
        self._position = self._desk.judged_position(self._docket)
        return self._position

    def move(self, position: int) -> None:
        """The judge has come so far without finding anything."""
        if position != self._position:
            self._desk.record(position, [], [], None, self._docket)
            self._position = position
