"""Unsealed rows, read many at a time.

sqlite3 lets the other threads have the interpreter at every row that it fetches, and then has to wait for it. In a
collector that is busy this takes longer than the row itself, so the database puts the rows together.
"""

from typing import Any, NamedTuple

import msgspec

from forewarn_collector.store.place import Connection

_numbers = msgspec.json.Decoder(list[int]).decode


class HeadRows(NamedTuple):
    """Column by column, in any order; times in milliseconds, values as in the table."""

    position: list[int]
    series: list[int]
    at: list[int]
    received: list[int]
    layout: list[int]
    values: list[bytes]


def head_rows(connection: Connection, statement: str, values: tuple[Any, ...]) -> HeadRows:
    """``statement`` is one of `statements.together`."""
    *columns, digits = connection.execute(statement, values).fetchone()
    position, series, at, received, layout, lengths = (_numbers(column or "[]") for column in columns)
    octets, end, measured = bytes.fromhex(digits or ""), 0, []
    for length in lengths:
        start, end = end, end + length
        measured.append(octets[start:end])
    return HeadRows(position, series, at, received, layout, measured)
