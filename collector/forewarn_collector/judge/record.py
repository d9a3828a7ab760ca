"""What the judge found and how far it has come, in one transaction; and taking that up again after a start."""

import logging
from collections.abc import Iterable, Sequence

from forewarn_collector.judge.facts import FactBook
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.docket import EVERYTHING, Docket
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Change, Engine, Key, Kind

log = logging.getLogger(__name__)

Component = tuple[Kind, Key]


class Recorder:
    """Hands changes to the desk, with the snapshots of the components that were touched; the engine knows which are as
    they were recorded, and these are not written again."""

    def __init__(self, desk: Desk, docket: Docket = EVERYTHING) -> None:
        self._desk = desk
        self._docket = docket
        self._position = 0

    def restore(self, engine: Engine) -> list[Component]:
        """Levels, timers and baselines as they were recorded, into an engine that is new; return of which components
        something is recorded."""
        found: list[Component] = []
        for name, key, data in self._desk.snapshots():
            if not self._docket.holds(key[0]):
                continue
            try:
                engine.restore(Kind(name), key, data)
                engine.note_saved(Kind(name), key, data)
                found.append((Kind(name), key))
            except ValueError as error:
                log.error("what was recorded of %s %s cannot be read: %s; it is judged anew", name, key, error)
        return found

    def record(
        self,
        engine: Engine,
        book: FactBook,
        changes: Iterable[Change],
        touched: Iterable[tuple[Kind, Sequence[Key]]],
        position: int | None = None,
        accepted: Acceptance | None = None,
    ) -> None:
        """``position``: how far the judge has come; None where it has not moved."""
        snapshots = {(kind, key): data for kind, keys in touched for key, data in engine.unsaved(kind, keys)}
        found = book.parts_of(changes)
        written = [(str(kind), key, data) for (kind, key), data in snapshots.items()]
        self._desk.record(position, found, written, accepted, self._docket)
        self._position = self._position if position is None else position
        for (kind, key), data in snapshots.items():
            engine.note_saved(kind, key, data)

    def position(self) -> int:
        """How far the judge had come when it last recorded."""
        self._position = self._desk.judged_position(self._docket)
        return self._position

    def move(self, position: int) -> None:
        """The judge has come so far without finding anything."""
        if position != self._position:
            self._desk.record(position, [], [], None, self._docket)
            self._position = position
