"""What the judge found and how far it has come, in one transaction; and taking that up again after a start."""

import logging
from collections.abc import Iterable

from forewarn_collector.judge.facts import FactBook
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Acceptance
from forewarn_rules import Change, Engine, Key, Kind

log = logging.getLogger(__name__)

Component = tuple[Kind, Key]


class Recorder:
    """Hands changes to the desk, with the snapshots of the components that they touched; those that are as they were
    recorded are not written again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._saved: dict[Component, bytes] = {}

    def restore(self, engine: Engine) -> None:
        """Levels, timers and baselines as they were recorded, into an engine that is new."""
        saved: dict[Component, bytes] = {}
        for name, key, data in self._desk.snapshots():
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
        self._desk.record(position, [(change, book.part_of(change)) for change in changes], snapshots, accepted)
        for name, key, data in snapshots:
            if data is None:
                self._saved.pop((Kind(name), key), None)
            else:
                self._saved[Kind(name), key] = data
