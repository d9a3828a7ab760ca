"""Users, tokens, one-time links and the audit log in ``state.db``. Of what is secret only a hash is ever stored."""

import sqlalchemy as sa
from sqlalchemy import Column, Float, Integer, String, Table, Text

from forewarn_collector.store.state import metadata

user = Table(
    "user_account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("customer", String(200)),
    Column("password", Text),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float),
)

token = Table(
    "token",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("user", String(64), nullable=False, index=True),
    Column("kind", String(10), nullable=False),
    Column("note", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
)

# ``user`` is null for the first administrator, who chooses a name.
link = Table(
    "one_time_link",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("user", String(64)),
    Column("hash", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("who", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("token", String(20), nullable=False),
    Column("address", String(64), nullable=False),
    Column("action", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("before", Text),
    Column("after", Text),
    sqlite_autoincrement=True,
)

for _change in ("UPDATE", "DELETE"):
    sa.event.listen(
        audit,
        "after_create",
        sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER audit_no_{_change.lower()} BEFORE {_change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END"
        ).execute_if(dialect="sqlite"),
    )
