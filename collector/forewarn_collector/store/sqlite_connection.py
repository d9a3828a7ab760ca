"""SQLite's connection, for a process in which other threads are busy.

sqlite3 lets them have the interpreter at every row of ``executemany``, and then has to wait for it: that takes longer
than the row. Here one statement has the values of many rows.
"""

import re
import sqlite3
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

MOST_ROWS = 128
"""In one statement. The other sizes are halves of it, so that few statements are to be prepared."""
_VALUES = re.compile(r"(?<=VALUES )\([?, ]+\)")


class SQLiteConnection(sqlite3.Connection):
    """Transactions are begun and ended by statements: nothing here begins one by itself."""

    def executemany(self, statement: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        left = rows if isinstance(rows, list) else list(rows)
        if len(left) < 2 or _VALUES.search(statement) is None:
            return super().executemany(statement, left)
        start, size = 0, MOST_ROWS
        while start < len(left):
            while size > len(left) - start:
                size //= 2
            cursor = self.execute(_of(statement, size), tuple(chain.from_iterable(left[start : start + size])))
            start += size
        return cursor


@lru_cache(maxsize=256)
def _of(statement: str, rows: int) -> str:
    """The statement with so many rows of values."""
    return _VALUES.sub(lambda values: ", ".join([values[0]] * rows), statement)
