"""What a ticket has beside its row in ``state.db``: how it is told, what it is linked to, who found it, how it was
rated. Of a link only the hash of its secret is stored."""

from sqlalchemy import Column, Float, Index, Table, Text

from forewarn_collector.store.columns import Integer, String
from forewarn_collector.store.state import metadata

# When evidence was last noted on the timeline, and how much came since, of which the last is kept.
evidence_note = Table(
    "evidence_note",
    metadata,
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("noted_at", Float, nullable=False, index=True),
    Column("kept", Integer, nullable=False),
    Column("newest", Text, nullable=False),
    Column("newest_at", Float, nullable=False),
)

# A ticket that follows another one about the same fault.
ticket_link = Table(
    "ticket_link",
    metadata,
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("follows", Integer, nullable=False, index=True),
    Column("at", Float, nullable=False),
)

# An ended ticket was opened again, and how it had ended.
reopening = Table(
    "reopening",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),
    Column("outcome", String(40)),
)

# Who found a fault that forewarn did not find; a ticket without a row is one that forewarn found.
ticket_report = Table(
    "ticket_report",
    metadata,
    Column("ticket", Integer, primary_key=True, autoincrement=False),
    Column("found_by", String(20), nullable=False),
    Column("at", Float, nullable=False),
)

rating_link = Table(
    "rating_link",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("ticket", Integer, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)

rating = Table(
    "rating",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Integer, nullable=False),
    Column("stars", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("rating_ticket", "ticket"),
)
