"""The state in PostgreSQL: what SQLite gives by itself, asked for in its words.

Those who write take turns, so that what was read before a write still holds at the commit; those who read see one
instant and wait for nobody. A connection that was lost is opened anew by the next transaction.
"""

from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres_server import WRITERS_OPTIONS, Server
from forewarn_collector.store.state_schema import OLDEST, check_version

SCHEMA = "forewarn_state"
_TURN = 0x4657524E  # whose lock it is in a database that others use too
_LOOK = f"SELECT value FROM meta WHERE key = '{OLDEST}'"  # noqa: S608 - a constant
_TAKE_TURN = f"SELECT pg_advisory_xact_lock({_TURN})"
# In one message; the second one sees what was committed while the first one waited.
_TAKE_TURN_AND_LOOK = f"{_TAKE_TURN}; {_LOOK}"

Prepare = Callable[[sa.Connection, sa.MetaData, str], None]


def open_engine(server: Server, metadata: sa.MetaData, prepare: Prepare) -> sa.Engine:
    """``prepare`` brings the tables up to date; of several collectors that start at once one does. Raise StoreError."""
    from psycopg import Error

    from forewarn_collector.store.postgres_driver import Connection, unhurried

    engine = _engine(server)
    try:
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(server.schema, if_not_exists=True))
            driver = connection.connection.driver_connection
            assert isinstance(driver, Connection)
            with unhurried(driver):
                prepare(connection, metadata, server.name)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, sa.exc.DBAPIError) and isinstance(error.orig, Error):
            raise server.trouble(error.orig) from None
        raise
    return engine.execution_options(checked=server.name)


def open_to_read(server: Server, metadata: sa.MetaData) -> sa.Engine:
    """Raise StoreError where no collector has made the tables."""
    engine = reading(_engine(server))
    if not sa.inspect(engine).has_table(metadata.tables["meta"].name):
        engine.dispose()
        raise StoreError(f"{server.name}: there is no state of a collector; start one with this database once")
    return engine


def reading(engine: sa.Engine) -> sa.Engine:
    return engine.execution_options(reading=True, isolation_level="REPEATABLE READ", postgresql_readonly=True)


def check_tables(engine: sa.Engine) -> None:
    """Raise TooNew when a newer forewarn has changed the tables so that this one cannot go on with them. That they
    cannot be had now is for others to say."""
    try:
        with reading(engine).connect() as db:
            oldest = db.exec_driver_sql(_LOOK).scalar()
    except (sa.exc.DBAPIError, StoreError):
        return
    check_version(oldest, "state in PostgreSQL")


def said(error: BaseException) -> str | None:
    """What PostgreSQL said, with the remedy; None where it was another database."""
    if not hasattr(error, "sqlstate"):  # which all of psycopg's have, and none of SQLite's
        return None
    from psycopg import Error

    from forewarn_collector.store.postgres_driver import in_words

    return f"state in PostgreSQL: {in_words(error, SCHEMA)}" if isinstance(error, Error) else None


def _engine(server: Server) -> sa.Engine:
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: server.connect(options=WRITERS_OPTIONS),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=15,
        use_native_hstore=False,
    )
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _on_begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("reading"):
        return
    if (name := options.get("checked")) is None:
        connection.exec_driver_sql(_TAKE_TURN)
        return
    answer = connection.exec_driver_sql(_TAKE_TURN_AND_LOOK, execution_options={"no_parameters": True})
    answer.cursor.nextset()
    oldest = answer.cursor.fetchone()
    answer.close()
    check_version(oldest[0] if oldest else None, name)
