"""Moves a state from a file into an empty one in PostgreSQL: every row, in one transaction, counted on both sides."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from forewarn_collector.store.database import lock_directory
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import database_trouble, metadata, open_state, open_state_to_read, reading
from forewarn_collector.store.state_schema import OLDEST, VERSION

FILE = "state.db"
MOVED = "state.db.moved"
_ROWS_AT_ONCE = 1000


def move_state(
    data: Path, to: Server, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> dict[str, int]:
    """Return the number of rows by table. The file is set aside as ``state.db.moved``, so that nobody goes on with it.

    Raise StoreError when a collector runs on the directory, when the other state is not empty, or when something fails;
    then nothing is changed.
    """
    open_state_to_read(data / FILE).dispose()
    with lock_directory(data):
        source = open_state(data / FILE)
        try:
            target = open_state(to)
            try:
                with reading(source).connect() as old, target.begin() as new:
                    moved = _copy(old, new, to.name, progress)
            finally:
                target.dispose()
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(database_trouble(error) or str(error)) from None
        finally:
            source.dispose()
        (data / FILE).replace(data / MOVED)
    return moved


def _copy(old: sa.Connection, new: sa.Connection, name: str, progress: Callable[[int, int], None]) -> dict[str, int]:
    tables = {table: _count(old, table) for table in metadata.sorted_tables}
    for table in tables:
        if _count(new, table):
            raise StoreError(f"{name}: there is a state already ({table.name} is not empty); name an empty database")
    done, whole = 0, sum(tables.values())
    for table, count in tables.items():
        for rows in old.execute(_rows(table)).mappings().partitions(_ROWS_AT_ONCE):
            new.execute(table.insert(), [dict(row) for row in rows])
            done += len(rows)
            progress(done, whole)
        if (arrived := _count(new, table)) != count:
            raise StoreError(f"{name}: {arrived} of {count} rows of {table.name} arrived; nothing was moved")
        _count_on(old, new, table)
    return {table.name: count for table, count in tables.items()}


def _rows(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    """All but the version, of which each database has its own."""
    query = sa.select(table)
    return query.where(table.c.key.not_in((VERSION, OLDEST))) if table.name == "meta" else query


def _count(db: sa.Connection, table: sa.Table) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(_rows(table).subquery())).scalar_one())


def _count_on(old: sa.Connection, new: sa.Connection, table: sa.Table) -> None:
    """Numbers go on where they were; one that was given once is not given again."""
    column = table.autoincrement_column
    if column is None:
        return
    last = int(old.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one())
    if table.dialect_options["sqlite"]["autoincrement"]:
        given = old.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
        last = max(last, int(given or 0))
    if last:
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        new.execute(sa.select(sa.func.setval(sequence, last)))
