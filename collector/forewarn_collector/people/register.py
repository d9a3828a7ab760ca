"""The applied directory as it counts now: kept in memory, replaced as a whole when another one is applied."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from forewarn_collector.directory import Enrolled, Whose
from forewarn_collector.people import rows
from forewarn_collector.people.duty import OnCall, StandIn, next_to_come
from forewarn_collector.people.lookup import People
from forewarn_collector.people.model import Changed, NoEntry, Version
from forewarn_collector.people.reading import check_directory
from forewarn_collector.people.schema import DirectoryFile, Schedule
from forewarn_collector.people.tables import directory_version
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state_to_read, reading


class Register:
    """Called from every thread. ``now``: the collector's clock."""

    def __init__(self, engine: sa.Engine, now: Callable[[], float]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        self.version: Version | None = None
        self.people = People(DirectoryFile())
        with self._reading.connect() as db:
            found = rows.newest(db)
        if found is not None:
            self.version, self.people = found[0], People(found[1])

    def refresh(self) -> None:
        """Take up a directory that another collector was given."""
        with self._reading.connect() as db:
            newest = rows.versions(db, 1)
            found = rows.newest(db) if newest and newest[0] != self.version else None
        if found is not None:
            self.version, self.people = found[0], People(found[1])

    def whose(self, device: str, enrolled: Enrolled | None = None) -> Whose | None:
        return self.people.whose(device, enrolled)

    def apply(self, file: DirectoryFile, actor: str, base: int | None = None) -> Version:
        """Let this directory count from now on. ``base``: the version that was looked at before, 0 for none. Raise
        DirectoryError for mistakes in it, Changed when another one was applied since then."""
        check_directory(file)
        people = People(file)
        with self._engine.begin() as db:
            found = rows.newest(db)
            number = found[0].number if found else 0
            if base is not None and base != number:
                by = f" by {found[0].actor}" if found else ""
                raise Changed(f"version {number} was applied{by} since you looked (at {base}); look again")
            self.version = rows.add_version(db, file, self._now(), actor)
            self.people = people
        return self.version

    def versions(self, limit: int) -> list[Version]:
        """The newest first."""
        with self._reading.connect() as db:
            return rows.versions(db, limit)

    def stand_ins(self) -> list[StandIn]:
        """Those that are not over."""
        with self._reading.connect() as db:
            return rows.stand_ins(db, self._now())

    def on_call(self, at: float, many: int = 1) -> list[tuple[Schedule, list[tuple[float, OnCall]]]]:
        """For each schedule who is on call at a time, and after each of the next changes."""
        with self._reading.connect() as db:
            stand_ins = rows.stand_ins(db, at)
        return [(one, next_to_come(one, stand_ins, at, many)) for one in self.people.file.on_call]

    def add_stand_in(self, schedule: str, engineer: str, start: float, end: float, actor: str) -> StandIn:
        """Raise NoEntry for an unknown schedule or engineer. ``schedule``: "" is the first of the directory."""
        known = [one.name for one in self.people.file.on_call]
        schedule = schedule or next(iter(known), "")
        if schedule not in known:
            raise NoEntry(f"the directory has no schedule {schedule!r}" if schedule else "the directory has no on_call")
        self.engineer(engineer)
        with self._engine.begin() as db:
            return rows.add_stand_in(db, StandIn(0, schedule, engineer, start, end, actor), self._now())

    def remove_stand_in(self, number: int, actor: str) -> StandIn:
        """Raise NoEntry when it is over, or was taken back, or never was."""
        known = next((one for one in self.stand_ins() if one.number == number), None)
        with self._engine.begin() as db:
            if known is None or not rows.remove_stand_in(db, number, actor, self._now()):
                raise NoEntry(f"there is no override {number} to take back; `forewarn on-call` lists them")
        return known

    def engineer(self, name: str) -> str:
        """Raise NoEntry for a name that the directory does not have."""
        if name not in self.people.engineers:
            known = ", ".join(self.people.engineers)
            raise NoEntry(f"the directory has no engineer {name!r}" + (f"; known: {known}" if known else ""))
        return name


def applied_in(where: Path | Server) -> People:
    """The directory that counts in a state, which is only read. Raise StoreError if there is none."""
    engine = open_state_to_read(where)
    try:
        # A file from before there were directories has no such table.
        known = sa.inspect(engine).has_table(directory_version.name)
        with engine.connect() as db:
            found = rows.newest(db) if known else None
    finally:
        engine.dispose()
    return People(found[1] if found else DirectoryFile())
