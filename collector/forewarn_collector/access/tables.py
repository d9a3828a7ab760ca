"""Users, tokens, one-time links and the audit log in ``state.db``. Of what is secret only a hash is ever stored."""

import sqlalchemy as sa
from sqlalchemy import Column, Float, Table, Text

from forewarn_collector.store.columns import Integer, String
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

_ONLY_ADDED_TO = "the audit log is only ever added to"
_STATEMENTS = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
        f"BEGIN SELECT RAISE(ABORT, '{_ONLY_ADDED_TO}'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_ONLY_ADDED_TO}'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()",
    ],
}

for _dialect, _statements in _STATEMENTS.items():
    for _statement in _statements:
        sa.event.listen(
            audit,
            "after_create",
            sa.DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )
