"""What is to be told to people, and maintenance windows, in ``state.db``. All times are Unix seconds."""

from sqlalchemy import Boolean, Column, Float, Index, Table, Text

from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.state import metadata

# One row for each message, engineer and channel. ``ticket`` is null for a test. A row that was told together with
# others names the one that they were told with in ``told_with``.
notification = Table(
    "notification",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, index=True),
    Column("engineer", String(200), nullable=False),
    Column("channel", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("severity", String(10), nullable=False),
    Column("customer", String(200), nullable=False),
    Column("site", String(200), nullable=False),
    Column("device", String(63), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("not_before", Float, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_at", Float, nullable=False),
    Column("last_error", Text, nullable=False, default=""),
    Column("sent_at", Float),
    Column("told_with", Integer),
    Index("notification_due", "state", "channel", "not_before"),
    sqlite_autoincrement=True,
)

# Empty is "whichever": a window for a customer covers all its sites and devices.
maintenance = Table(
    "maintenance",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("customer", String(200), nullable=False),
    Column("site", String(200), nullable=False),
    Column("device", String(63), nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_by", String(200), nullable=False, default=""),
    sqlite_autoincrement=True,
)
