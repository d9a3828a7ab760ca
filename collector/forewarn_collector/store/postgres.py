"""A journal in PostgreSQL, which several collectors share: a connection that gives what the store uses of SQLite's.

Statements are translated (``?`` and ``:name``; those of ``statements`` that differ), numbers with decimals come as
float, and every error is a StoreError with its remedy. A connection that was lost is opened anew by the next statement.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import FloatLoader
from psycopg.types.string import StrDumper

from forewarn_collector.store.database import transaction
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.place import Closing
from forewarn_collector.store.place import Connection as AnyConnection
from forewarn_collector.store.postgres_tables import MIGRATIONS, SCHEMA, VERSION
from forewarn_collector.store.statements import POSTGRESQL, READ, WRITE

OLDEST_SERVER = 120_000
"""PostgreSQL 12: generated columns."""

_MARK = re.compile(r"\?|(?<!:):([a-z_]+)")
_CONNECT_SECONDS = 5
# A server that is gone without a word is noticed after so long.
_SILENT_MILLISECONDS = 10_000

_NOTHING_STORED = "nothing of this was stored"
# By SQLSTATE, the first that fits: https://www.postgresql.org/docs/15/errcodes-appendix.html
_REMEDIES = (
    ("28", "check the user in the URL and the password file, and what pg_hba.conf allows"),
    ("3D000", "create the database, or name another one in the URL"),
    ("42501", "give this user the right to use and to create the schema {schema}"),
    ("25006", "the server takes no writes: name the primary, not a standby"),
    ("53100", f"{_NOTHING_STORED}: free some space on the server"),
    ("53300", "the server has no connection left: raise its max_connections"),
    ("57P03", "the server is starting or stopping: it is tried again"),
    ("08", f"{_NOTHING_STORED}; it is tried again"),
)
_UNREACHABLE = "check that the server runs and can be reached from here; it is tried again"


class _Text(StrDumper):
    """PostgreSQL's text cannot hold the character NUL, which a foreign client may send."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd"))


class Connection:
    """Not thread-safe beyond what its users lock. Statements outside of a transaction are one each."""

    def __init__(self, place: "Postgres") -> None:
        self._place = place
        self._open: psycopg.Connection[Any] = place.connect()
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

    def _there(self) -> psycopg.Connection[Any]:
        if self._ended:
            raise StoreError(f"{self._place.name}: this connection was closed")
        if self._open.closed:
            self._open = self._place.connect()
        return self._open


class Postgres:
    """One journal for several collectors. ``url``: postgresql://USER@HOST:PORT/DATABASE, without the password."""

    def __init__(self, url: str, password: str | None) -> None:
        self._url = url
        self._password = password
        where = conninfo_to_dict(url)
        self.name = f"PostgreSQL at {where.get('host', 'this machine')}, database {where.get('dbname', 'of the user')}"

    def lock(self) -> Closing:
        """It is for several."""
        return BytesIO()

    def writer(self) -> AnyConnection:
        connection = Connection(self)
        try:
            with transaction(connection):
                self._bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def second_writer(self) -> AnyConnection:
        return Connection(self)

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

    def note_rows(self, connection: AnyConnection) -> None:
        connection.execute("UPDATE written SET position = GREATEST(position, (SELECT MAX(position) FROM head))")

    def size(self, connection: AnyConnection) -> int:
        sizes = "SELECT SUM(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE schemaname = ?"
        return int(connection.execute(sizes, (SCHEMA,)).fetchone()[0] or 0)

    def connect(self) -> "psycopg.Connection[Any]":
        """Raise StoreError."""
        try:
            connection = psycopg.connect(
                self._url, autocommit=True, password=self._password, connect_timeout=_CONNECT_SECONDS,
                application_name="forewarn", options=f"-c search_path={SCHEMA}", keepalives_idle=5,
                keepalives_interval=2, keepalives_count=2, tcp_user_timeout=_SILENT_MILLISECONDS,
            )  # fmt: skip
        except psycopg.Error as error:
            raise self.trouble(error) from error
        if connection.info.server_version < OLDEST_SERVER:
            connection.close()
            version = connection.info.server_version // 10_000
            raise StoreError(f"{self.name}: this is PostgreSQL {version}; forewarn needs 12 or newer")
        connection.adapters.register_loader("numeric", FloatLoader)
        connection.adapters.register_dumper(str, _Text)
        return connection

    def trouble(self, error: psycopg.Error) -> StoreError:
        """What the server said, in one line, with the remedy."""
        said = " ".join(str(error).split()) or type(error).__name__
        state = error.sqlstate or ""
        remedy = next((text for code, text in _REMEDIES if state.startswith(code)), "")
        if not state and isinstance(error, psycopg.OperationalError):
            remedy = _remedy_before_there_is_a_state(said)
        return StoreError(f"{self.name}: {said}" + (f"; {remedy.format(schema=SCHEMA)}" if remedy else ""))

    def _bring_up_to_date(self, connection: AnyConnection) -> None:
        version, oldest = _versions(connection)
        self._check(version or VERSION, oldest)
        if version == 0:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.execute("CREATE TABLE about (version INTEGER NOT NULL, oldest INTEGER NOT NULL)")
            connection.execute("INSERT INTO about VALUES (0, 0)")
        for number in range(version, VERSION):
            works_with, script = MIGRATIONS[number]
            connection.execute(script)
            connection.execute("UPDATE about SET version = ?, oldest = ?", (number + 1, works_with))
        connection.execute("UPDATE written SET turn = turn")  # a server that takes no writes says so now

    def _check(self, version: int, oldest: int) -> None:
        if version == 0:
            raise StoreError(f"{self.name}: there is no journal here; start a collector with this database once")
        if oldest > VERSION:
            raise StoreError(f"{self.name}: written by a newer forewarn (schema version {version}); update this one")


@lru_cache(maxsize=512)
def translated(statement: str) -> str:
    """SQLite's parameters to psycopg's, and what differs."""
    meant = POSTGRESQL.get(statement, statement).replace("%", "%%")
    return _MARK.sub(lambda mark: f"%({mark[1]})s" if mark[1] else "%s", meant)


def _versions(connection: AnyConnection) -> tuple[int, int]:
    """Of the tables, and of the oldest that can work with them; 0 where there are none."""
    if connection.execute("SELECT to_regclass(?)", (f"{SCHEMA}.about",)).fetchone()[0] is None:
        return 0, 0
    version, oldest = connection.execute("SELECT version, oldest FROM about").fetchone()
    return int(version), int(oldest)


def _remedy_before_there_is_a_state(said: str) -> str:
    """What fails while connecting has no SQLSTATE, only words."""
    if "authentication failed" in said or "no password supplied" in said or "pg_hba.conf" in said:
        return _REMEDIES[0][1]
    if "does not exist" in said and "database" in said:
        return _REMEDIES[1][1]
    return _UNREACHABLE
