"""The applied directory and what follows from it, in ``state.db``. All times are Unix seconds."""

from sqlalchemy import Column, Float, Index, Table, Text

from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.state import metadata

# Every version that was ever applied; the newest counts. ``document``: the whole of it, as JSON.
directory_version = Table(
    "directory_version",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("document", Text, nullable=False),
    sqlite_autoincrement=True,
)

# Who is on call instead of whom the directory says, made by command.
stand_in = Table(
    "stand_in",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("schedule", String(200), nullable=False),
    Column("engineer", String(200), nullable=False),
    Column("start", Float, nullable=False),
    Column("end", Float, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("removed_by", String(200)),
    Column("removed_at", Float),
    Index("stand_in_end", "end"),
    sqlite_autoincrement=True,
)

# Steps of escalations and warnings of clocks that were taken: each once, whatever happens in between. ``since``: when
# the ticket was opened, for it may be opened again.
duty_step = Table(
    "duty_step",
    metadata,
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("since", Float, primary_key=True),
    Column("step", String(60), primary_key=True),
    Column("at", Float, nullable=False),
    Column("told", Text, nullable=False),
)

# Since when a ticket is in which state and of which severity: what its clocks are counted by.
ticket_moment = Table(
    "ticket_moment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("state", String(20), nullable=False),
    Column("severity", String(10), nullable=False),
    sqlite_autoincrement=True,
)
