"""Look through everything that is stored: the databases as SQLite sees them, and every block of history unpacked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from forewarn_collector.store.backup import DATABASES, check_database
from forewarn_collector.store.blocks import BlockError, decode
from forewarn_collector.store.place import Connection, Place
from forewarn_collector.store.reader import Reader

_BLOCKS_AT_ONCE = 200
_NEXT_BLOCKS = f"SELECT key, rows, body FROM block WHERE key > ? ORDER BY key LIMIT {_BLOCKS_AT_ONCE}"  # noqa: S608


class Checked(NamedTuple):
    """``problems``: in words, empty when all is well."""

    blocks: int
    rows_in_blocks: int
    unsealed_rows: int
    problems: list[str]


def check(
    data: Path,
    journal: Path | Place | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Checked:
    """Read-only, also while a collector runs. ``journal``: where it is when it is not in ``data``; ``progress`` is told
    how many of how many blocks. Raise StoreError."""
    problems = [trouble for name in DATABASES if (data / name).exists() and (trouble := check_database(data / name))]
    blocks = rows = 0
    with Reader(journal or data) as reader, reader.snapshot() as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM block").fetchone()
        (unsealed,) = connection.execute("SELECT COUNT(*) FROM head").fetchone()
        for key, expected, body in _blocks(connection):
            blocks += 1
            problems += _problems_of(key, expected, body)
            rows += expected
            progress(blocks, count)
    return Checked(blocks, rows, unsealed, problems)


def _blocks(connection: Connection) -> Iterator[tuple[int, int, bytes]]:
    """A few at a time: all of them are more than the memory."""
    after = -1
    while found := connection.execute(_NEXT_BLOCKS, (after,)).fetchall():
        yield from found
        after = found[-1][0]


def _problems_of(key: int, expected: int, body: bytes) -> Iterator[str]:
    try:
        times, columns = decode(body)
    except (BlockError, ValueError, IndexError) as error:
        yield f"block {key} cannot be unpacked: {error}"
        return
    if len(times) != expected or any(len(column) != expected for column in columns):
        yield f"block {key} holds {len(times)} rows, not {expected}"
