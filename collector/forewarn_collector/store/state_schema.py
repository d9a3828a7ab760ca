"""Brings the tables of the state to this version, in SQLite and PostgreSQL alike, within the transaction that opens it.

Tables that are missing are made as they are now; what existing ones lack is what ``STEPS`` are for. Beside the version
stands the oldest one that can still work with the tables, so that during an upgrade an older collector goes on.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from forewarn_collector.store.model import TooNew

VERSION, OLDEST = "schema_version", "schema_oldest"


class Step(NamedTuple):
    """``run`` may find a table that already is as it should be, for it was just made. ``oldest``: which version can
    work with what it leaves."""

    run: Callable[[sa.Connection], None]
    oldest: int


# From version 1 to 2, from 2 to 3, and so on; a released step is never changed.
STEPS: Sequence[Step] = ()


def bring_up_to_date(
    connection: sa.Connection, metadata: sa.MetaData, name: str, steps: Sequence[Step] | None = None
) -> None:
    """Raise TooNew when a newer forewarn wrote what this one cannot work with. ``name``: of the database."""
    steps = STEPS if steps is None else steps
    meta = metadata.tables["meta"]
    mine = 1 + len(steps)
    version, oldest = _versions(connection, meta, mine)
    _check(max(version, oldest), oldest, mine, name)
    metadata.create_all(connection)
    for number in range(version, mine):
        steps[number - 1].run(connection)
        oldest = max(oldest, steps[number - 1].oldest)
    # Written at every start, so that a database that takes no writes says so now.
    for key, value in ((VERSION, max(version, mine)), (OLDEST, oldest)):
        if connection.execute(meta.update().where(meta.c.key == key).values(value=str(value))).rowcount == 0:
            connection.execute(meta.insert().values(key=key, value=str(value)))
    if connection.dialect.name == "sqlite":
        # What releases before this table of versions look at.
        connection.exec_driver_sql(f"PRAGMA user_version = {oldest}")


def check_version(oldest: str | None, name: str) -> None:
    """``oldest``: what stands in the tables now. Raise TooNew."""
    if oldest is not None:
        _check(int(oldest), int(oldest), 1 + len(STEPS), name)


def _check(version: int, oldest: int, mine: int, name: str) -> None:
    if oldest > mine:
        raise TooNew(f"{name}: written by a newer forewarn (schema {version}); update forewarn")


def _versions(connection: sa.Connection, meta: sa.Table, mine: int) -> tuple[int, int]:
    """Of the tables, and the oldest that can work with them; those of a new database are made as they are now."""
    version, oldest = mine, 1
    if sa.inspect(connection).has_table(meta.name):
        found = connection.execute(sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_((VERSION, OLDEST))))
        kept = {str(key): int(value) for key, value in found}
        # A release that did not write it down left version 1.
        version, oldest = kept.get(VERSION, 1), kept.get(OLDEST, 1)
    if connection.dialect.name == "sqlite":
        oldest = max(oldest, int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()))
    return version, oldest
