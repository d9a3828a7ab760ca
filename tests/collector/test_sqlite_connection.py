"""Many rows in few statements leave what row by row leaves."""

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_collector.store.sqlite_connection import MOST_ROWS, SQLiteConnection

TABLE = "CREATE TABLE seen (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, times INTEGER NOT NULL)"
STATEMENTS = (
    "INSERT INTO seen (name, times) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET times = times + excluded.times",
    "INSERT OR REPLACE INTO seen (name, times) VALUES (?, ?)",
    "UPDATE seen SET name = ?1 || '.' WHERE times = ?2 AND name = ?1",
)
ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 5)), max_size=3 * MOST_ROWS)


def left_by(connection: sqlite3.Connection, statement: str, rows: list[Any]) -> list[Any]:
    connection.execute(TABLE)
    connection.executemany(STATEMENTS[1], [("c", 1), ("d", 2)])
    connection.executemany(statement, rows)
    return connection.execute("SELECT id, name, times FROM seen ORDER BY id").fetchall()


@settings(max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(STATEMENTS))
def test_rows_leave_what_they_leave_one_by_one(rows: list[tuple[str, int]], statement: str) -> None:
    with sqlite3.connect(":memory:", factory=SQLiteConnection) as ours, sqlite3.connect(":memory:") as plain:
        assert left_by(ours, statement, rows) == left_by(plain, statement, rows)
    ours.close()
    plain.close()


@pytest.mark.parametrize(("rows", "statements"), [(1, 1), (2, 1), (MOST_ROWS, 1), (MOST_ROWS + 3, 3), (500, 7)])
def test_few_statements_are_sent(rows: int, statements: int) -> None:
    sent: list[str] = []
    with sqlite3.connect(":memory:", factory=SQLiteConnection, isolation_level=None) as connection:
        connection.execute(TABLE)
        connection.set_trace_callback(sent.append)
        connection.executemany(STATEMENTS[1], [(str(number), number) for number in range(rows)])
    connection.close()
    assert len(sent) == statements
    assert sum(text.count("(") - 1 for text in sent) == rows


def test_an_error_is_the_one_that_sqlite_says() -> None:
    with sqlite3.connect(":memory:", factory=SQLiteConnection) as connection:
        connection.execute(TABLE)
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            connection.executemany(STATEMENTS[1], [("a", 1), (None, 2)])
        with pytest.raises(sqlite3.ProgrammingError):
            connection.executemany(STATEMENTS[1], [("a", 1), ("b",)])
    connection.close()
