"""A PostgreSQL server: the way to it. Journal and state have a schema each, so that they may share a database.

psycopg is loaded at the first connection: it would take 10 MB of each collector that has no such server.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from forewarn_collector.store.model import StoreError

if TYPE_CHECKING:
    import psycopg

    from forewarn_collector.store.postgres_driver import Connection

OLDEST_SERVER = 120_000
"""PostgreSQL 12: generated columns."""

WRITERS_OPTIONS = (
    "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2 -c tcp_user_timeout=20s"
)
"""A collector that hangs or is cut off in the middle of a transaction holds up the others no longer than this."""


class Server:
    """``url``: postgresql://USER@HOST:PORT/DATABASE, without the password; ``None`` leaves it to libpq's own ways (its
    environment, its password file). ``schema``: whose tables are meant."""

    def __init__(self, url: str, password: str | None, schema: str) -> None:
        self._url = url
        self._password = password
        self.schema = schema

    @cached_property
    def name(self) -> str:
        from psycopg.conninfo import conninfo_to_dict

        where = conninfo_to_dict(self._url)
        return f"PostgreSQL at {where.get('host', 'this machine')}, database {where.get('dbname', 'of the user')}"

    def connect(self, autocommit: bool = False, options: str = "") -> "Connection":
        """``options``: more settings, as the server's command line takes them. Raise StoreError."""
        from psycopg import Error

        from forewarn_collector.store.postgres_driver import connect

        try:
            connection = connect(self._url, self._password, self.schema, autocommit, options)
        except Error as error:
            raise self.trouble(error) from error
        if (version := connection.info.server_version) < OLDEST_SERVER:
            connection.close()
            raise StoreError(f"{self.name}: this is PostgreSQL {version // 10_000}; forewarn needs 12 or newer")
        return connection

    def trouble(self, error: "psycopg.Error") -> StoreError:
        """What the server said, in one line, with the remedy."""
        from forewarn_collector.store.postgres_driver import in_words

        return StoreError(f"{self.name}: {in_words(error, self.schema)}")
