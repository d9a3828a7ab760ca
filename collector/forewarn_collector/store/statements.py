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
