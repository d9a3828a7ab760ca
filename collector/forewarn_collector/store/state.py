"""State that is not a time series: verdicts, tickets, their timeline and deliveries, and how far the judge has come.

SQLAlchemy Core; the tables serve SQLite and PostgreSQL alike. All times are Unix seconds.
"""

from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Column, Float, Index, LargeBinary, Table, Text

from forewarn_collector.store import state_server
from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.database import damage, explanation
from forewarn_collector.store.model import StoreError
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state_schema import bring_up_to_date

LAST_NUMBER = 2**63 - 1
"""The greatest integer that a database can be asked for."""

metadata = sa.MetaData()

meta = Table("meta", metadata, Column("key", String(50), primary_key=True), Column("value", Text, nullable=False))

# What the engine must know again after a restart: timers, levels and baselines of one component.
component = Table(
    "component",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("device", String(63), primary_key=True),
    Column("part", String(250), primary_key=True),
    Column("snapshot", LargeBinary, nullable=False),
)

# A change of level is a row, and stays one.
verdict = Table(
    "verdict",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("device", String(63), nullable=False),
    Column("part", String(250), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("before", String(10), nullable=False),
    Column("after", String(10), nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("verdict_device", "device", "at"),
)

ticket = Table(
    "ticket",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("customer", String(200), nullable=False),
    Column("device_serial", String(200), nullable=False),
    Column("part_serial", String(250), nullable=False),
    Column("fault", String(50), nullable=False),
    # Equal to the key while the ticket is open and null afterwards, so the database itself refuses a second one.
    Column("open_key", String(700), unique=True),
    Column("device", String(63), nullable=False),
    Column("site", String(200), nullable=False),
    Column("engineer", String(200), nullable=False),
    Column("queue", String(50), nullable=False),
    Column("state", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("title", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("probability", Float),
    Column("within_seconds", Float),
    Column("opened_at", Float, nullable=False),
    Column("recorded_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("acknowledged_at", Float),
    Column("resolved_at", Float),
    Column("closed_at", Float),
    Column("owner", String(200), nullable=False, default=""),
    Column("waiting_for", String(200), nullable=False, default=""),
    Column("outcome", String(40)),
    Index("ticket_device", "device"),
    Index("ticket_state", "state"),
    sqlite_autoincrement=True,
)

# Which rules stand behind a ticket now, and what each last said.
evidence = Table(
    "evidence",
    metadata,
    Column("ticket", Integer, primary_key=True),
    Column("rule", String(100), primary_key=True),
    Column("component", String(350), primary_key=True),
    Column("level", String(10), nullable=False),
    Column("at", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# Predictions for which there was no ticket in the budget: what each rule says of a component, to be opened later.
watched = Table(
    "watched",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("device", String(63), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("component", String(350), nullable=False),
    Column("key", String(700), nullable=False, index=True),
    Column("part_serial", String(250), nullable=False),
    Column("reason", Text, nullable=False),
    Column("change", LargeBinary, nullable=False),
    Column("part", LargeBinary, nullable=False),
    sa.UniqueConstraint("device", "rule", "component"),
    sqlite_autoincrement=True,
)

# Tickets that were opened on a prediction, and when: what of the budget is used.
prediction = Table(
    "prediction",
    metadata,
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("opened_at", Float, nullable=False, index=True),
)

# Old faults that somebody took as known; the newest of a component counts.
acceptance = Table(
    "acceptance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("device", String(63), nullable=False),
    Column("part", String(250), nullable=False),
    Column("at", Float, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("values", Text, nullable=False),
    Index("acceptance_device", "device"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("visibility", String(10), nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, nullable=False, index=True),
    Column("destination", String(100), nullable=False),
    Column("event", String(60), nullable=False),
    Column("event_id", String(100), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", String(10), nullable=False, default="pending"),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("last_error", Text, nullable=False, default=""),
    Index("delivery_due", "state", "next_try_at"),
    sqlite_autoincrement=True,
)

# What was sent down to devices, or waits to be: settings (which replace each other) and commands.
device_order = Table(
    "device_order",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("device", String(63), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("name", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("state", String(10), nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("sent_at", Float),
    Column("sent_session", Integer),
    Column("answered_at", Float),
    Column("text", Text, nullable=False, default=""),
    Column("reply", LargeBinary),
    Index("device_order_device", "device"),
    Index("device_order_state", "state"),
    sqlite_autoincrement=True,
)

# Support bundles come in pieces.
order_piece = Table(
    "order_piece",
    metadata,
    Column("order_id", String(32), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("parts", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# What an engineer wants an agent to be set to.
device_setting = Table(
    "device_setting",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("value", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Float, nullable=False),
)

# Missing reports of one boot: how often they were asked for, and which of them the device does not have either.
gap_asked = Table(
    "gap_asked",
    metadata,
    Column("device", String(63), primary_key=True),
    Column("boot", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("head", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("lost", Text, nullable=False),
)


def open_state(where: Path | Server) -> sa.Engine:
    """Open or create the state: a file ``state.db``, or tables in PostgreSQL that several collectors may share.

    Raise StoreError when it is of a newer version that this one cannot work with, or is no database that can be used.
    """
    if isinstance(where, Server):
        return state_server.open_engine(where, metadata, bring_up_to_date)
    engine = sa.create_engine(f"sqlite:///{where}", connect_args={"timeout": 30})
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "begin", _on_begin)
    try:
        with engine.begin() as connection:
            bring_up_to_date(connection, metadata, str(where))
            if problem := damage(where, connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one):
                raise StoreError(problem)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, sa.exc.DatabaseError) and error.orig is not None:
            raise StoreError(explanation(where, error.orig)) from None
        raise
    return engine


def database_trouble(error: Exception) -> str | None:
    """What a database said, with the remedy, in one line; None where it is no error of a database."""
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        return state_server.said(error.orig) or explanation(Path("state.db"), error.orig)
    return None


def open_state_to_read(where: Path | Server) -> sa.Engine:
    """Open the state of a collector that may be running, and change nothing. Raise StoreError if there is none."""
    if isinstance(where, Server):
        return state_server.open_to_read(where, metadata)
    if not where.exists():
        raise StoreError(f"{where}: there is no such file; name the data directory of a collector")
    return sa.create_engine(f"sqlite:///file:{quote(str(where.absolute()))}?mode=ro&uri=true")


def reading(engine: sa.Engine) -> sa.Engine:
    """The same database for those who only read: they neither wait for who writes nor hold anybody up."""
    if engine.dialect.name == "postgresql":
        return state_server.reading(engine)
    return engine.execution_options(reading=True)


def _on_connect(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    # The driver's own transaction handling would begin too late; see _on_begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: sa.Connection) -> None:
    # Judge and API both read before they write; a deferred transaction could then not be upgraded.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")
