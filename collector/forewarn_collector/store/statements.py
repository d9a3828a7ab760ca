"""The few statements that SQLite and PostgreSQL do not have in common, side by side.

The code speaks SQLite's; ``POSTGRESQL`` says what is meant. Everything else is written so that both understand it.
"""

READ = "BEGIN"
WRITE = "BEGIN IMMEDIATE"
COMMIT = "COMMIT"
ADD_ROW = "INSERT OR REPLACE INTO head (series, at, received, layout, vals) VALUES (?, ?, ?, ?, ?)"
MAX_POSITION = "SELECT seq FROM sqlite_sequence WHERE name = 'head'"
FREE_PAGES = "PRAGMA freelist_count"
PAGES = "PRAGMA page_count"
PAGE_BYTES = "PRAGMA page_size"

WRITERS_LOCK = 0x666F7265776A6F75
"""Whoever writes holds this advisory lock: positions are then committed in their order, as in SQLite."""

POSTGRESQL = {
    READ: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    WRITE: f"BEGIN; SELECT pg_advisory_xact_lock({WRITERS_LOCK})",
    # A row that replaces another one gets the position of a new row: the judge has to see it.
    ADD_ROW: """
        INSERT INTO head (series, at, received, layout, vals, share)
        SELECT new.series, new.at, new.received, new.layout, new.vals, series.share
        FROM (VALUES (?::bigint, ?::bigint, ?::bigint, ?::bigint, ?::bytea)) AS new (series, at, received, layout, vals)
        JOIN series ON series.id = new.series
        ON CONFLICT (series, at) DO UPDATE SET position = excluded.position, received = excluded.received,
            layout = excluded.layout, vals = excluded.vals""",
    # A sequence also counts what was rolled back, so the greatest position stands in a table.
    MAX_POSITION: "SELECT position FROM written",
    FREE_PAGES: "SELECT 0",
    PAGES: "SELECT 0",
    PAGE_BYTES: "SELECT 8192",
}


_TOGETHER = """
    SELECT json_group_array(position), json_group_array(series), json_group_array(at), json_group_array(received),
        json_group_array(layout), json_group_array(length(vals)), group_concat(hex(vals), '')
    FROM (SELECT position, series, at, received, layout, vals {chosen})"""
_TOGETHER_IN_POSTGRESQL = """
    SELECT json_agg(position)::text, json_agg(series)::text, json_agg(at)::text, json_agg(received)::text,
        json_agg(layout)::text, json_agg(length(vals))::text, encode(string_agg(vals, ''::bytea), 'hex')
    FROM (SELECT position, series, at, received, layout, vals {chosen}) AS found"""


def together(chosen: str) -> str:
    """The statement that gives unsealed rows as one: each column as a list in JSON, the values as hexadecimal digits
    one after the other. ``chosen`` says which rows: FROM, WHERE, LIMIT."""
    statement = _TOGETHER.format(chosen=chosen)
    POSTGRESQL[statement] = _TOGETHER_IN_POSTGRESQL.format(chosen=chosen)
    return statement
