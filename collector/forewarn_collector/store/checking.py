"""Look through everything that is stored: the databases as SQLite sees them, and every block of history unpacked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from forewarn_collector.store.backup import DATABASES, check_database
from forewarn_collector.store.blocks import BlockError, decode
from forewarn_collector.store.reader import Reader


class Checked(NamedTuple):
    """``problems``: in words, empty when all is well."""

    blocks: int
    rows_in_blocks: int
    unsealed_rows: int
    problems: list[str]


def check(data: Path, progress: Callable[[int, int], None] = lambda _done, _all: None) -> Checked:
    """Read-only, also while a collector runs. ``progress`` is told how many of how many blocks. Raise StoreError."""
    problems = [trouble for name in DATABASES if (data / name).exists() and (trouble := check_database(data / name))]
    blocks = rows = 0
    with Reader(data) as reader, reader.snapshot() as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM block").fetchone()
        (unsealed,) = connection.execute("SELECT COUNT(*) FROM head").fetchone()
        for key, expected, body in connection.execute("SELECT key, rows, body FROM block"):
            blocks += 1
            problems += _problems_of(key, expected, body)
            rows += expected
            progress(blocks, count)
    return Checked(blocks, rows, unsealed, problems)


def _problems_of(key: int, expected: int, body: bytes) -> Iterator[str]:
    try:
        times, columns = decode(body)
    except (BlockError, ValueError, IndexError) as error:
        yield f"block {key} cannot be unpacked: {error}"
        return
    if len(times) != expected or any(len(column) != expected for column in columns):
        yield f"block {key} holds {len(times)} rows, not {expected}"
