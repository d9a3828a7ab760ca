"""A journal in PostgreSQL, which several collectors share: a connection that gives what the store uses of SQLite's.

Statements are translated (``?`` and ``:name``; those of ``statements`` that differ), numbers with decimals come as
float, and every error is a StoreError with its remedy. A connection that was lost is opened anew by the next statement.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from forewarn_collector.store.database import transaction
from forewarn_collector.store.model import StoreError, TooNew
from forewarn_collector.store.place import Closing
from forewarn_collector.store.place import Connection as AnyConnection
from forewarn_collector.store.postgres_driver import Connection as Driver
from forewarn_collector.store.postgres_driver import unhurried
from forewarn_collector.store.postgres_server import WRITERS_OPTIONS, Server
from forewarn_collector.store.postgres_tables import MIGRATIONS, SCHEMA, VERSION
from forewarn_collector.store.statements import POSTGRESQL, READ, WRITE

_VERSIONS = "SELECT version, oldest FROM about"
_MARK = re.compile(r"\?|(?<!:):([a-z_]+)")


class Connection:
    """Not thread-safe beyond what its users lock. Statements outside of a transaction are one each."""

    def __init__(self, place: "Postgres", options: str = "") -> None:
        self._place = place
        self._options = options
        self._open = place.connect(autocommit=True, options=options)
        self._ended = False

    @property
    def in_transaction(self) -> bool:
        return not self._open.closed and self._open.info.transaction_status != TransactionStatus.IDLE

    def execute(self, statement: str, values: Any = (), /) -> "psycopg.Cursor[Any]":
        try:
            if values:
                return self._there().execute(translated(statement), values)
            try:
                return self._there().execute(POSTGRESQL.get(statement, statement))
            except psycopg.OperationalError:
                # A server that was restarted since the last transaction is noticed only now; nothing has begun yet.
                if statement not in (READ, WRITE) or not self._open.closed:
                    raise
                return self._there().execute(POSTGRESQL[statement])
        except psycopg.Error as error:
            raise self._place.trouble(error) from error

    def executemany(self, statement: str, rows: Iterable[Any], /) -> object:
        if not (kept := list(rows)):
            return None
        try:
            with self._there().cursor() as cursor:
                cursor.executemany(translated(statement), kept)
        except psycopg.Error as error:
            raise self._place.trouble(error) from error
        return None

    def close(self) -> None:
        self._ended = True
        self._open.close()

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        with unhurried(self._there()):
            yield

    def _there(self) -> Driver:
        if self._ended:
            raise StoreError(f"{self._place.name}: this connection was closed")
        if self._open.closed:
            self._open = self._place.connect(autocommit=True, options=self._options)
        return self._open


class Postgres(Server):
    """One journal for several collectors. ``url``: postgresql://USER@HOST:PORT/DATABASE, without the password."""

    def __init__(self, url: str, password: str | None) -> None:
        super().__init__(url, password, SCHEMA)

    def lock(self) -> Closing:
        """It is for several."""
        return BytesIO()

    def writer(self) -> AnyConnection:
        connection = Connection(self, WRITERS_OPTIONS)
        try:
            with connection.unhurried(), transaction(connection):
                self._bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def second_writer(self) -> AnyConnection:
        return Connection(self, WRITERS_OPTIONS)

    def reader(self) -> AnyConnection:
        connection = Connection(self)
        try:
            self._check(*_versions(connection))
        except BaseException:
            connection.close()
            raise
        return connection

    def take_turn(self, connection: AnyConnection) -> int:
        return int(connection.execute("UPDATE written SET turn = turn + 1 RETURNING turn").fetchone()[0])

    def check_version(self, connection: AnyConnection) -> None:
        self._check(*connection.execute(_VERSIONS).fetchone())

    def note_rows(self, connection: AnyConnection) -> None:
        connection.execute("UPDATE written SET position = GREATEST(position, (SELECT MAX(position) FROM head))")

    def size(self, connection: AnyConnection) -> int:
        sizes = "SELECT SUM(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE schemaname = ?"
        return int(connection.execute(sizes, (SCHEMA,)).fetchone()[0] or 0)

    def _bring_up_to_date(self, connection: AnyConnection) -> None:
        version, oldest = _versions(connection)
        self._check(version or VERSION, oldest)
        if version == 0:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.execute("CREATE TABLE about (version INTEGER NOT NULL, oldest INTEGER NOT NULL)")
            connection.execute("INSERT INTO about VALUES (0, 0)")
        elif version < VERSION:
            # Who writes waits from here on, and then sees that it was not the last one: `Journal.commit` looks again.
            self.take_turn(connection)
        for number in range(version, VERSION):
            works_with, script = MIGRATIONS[number]
            connection.execute(script)
            connection.execute("UPDATE about SET version = ?, oldest = ?", (number + 1, works_with))
        connection.execute("UPDATE written SET turn = turn")  # a server that takes no writes says so now

    def _check(self, version: int, oldest: int) -> None:
        if version == 0:
            raise StoreError(f"{self.name}: there is no journal here; start a collector with this database once")
        if oldest > VERSION:
            raise TooNew(f"{self.name}: written by a newer forewarn (schema version {version}); update this one")


@lru_cache(maxsize=512)
def translated(statement: str) -> str:
    """SQLite's parameters to psycopg's, and what differs."""
    meant = POSTGRESQL.get(statement, statement).replace("%", "%%")
    return _MARK.sub(lambda mark: f"%({mark[1]})s" if mark[1] else "%s", meant)


def _versions(connection: AnyConnection) -> tuple[int, int]:
    """Of the tables, and of the oldest that can work with them; 0 where there are none."""
    if connection.execute("SELECT to_regclass(?)", (f"{SCHEMA}.about",)).fetchone()[0] is None:
        return 0, 0
    version, oldest = connection.execute(_VERSIONS).fetchone()
    return int(version), int(oldest)
