"""Where a journal is kept, and what the store asks of a connection to it: what SQLite's gives."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Transactions are begun and ended by statements; see `database.transaction`."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: Any = ..., /) -> Cursor: ...

    def executemany(self, statement: str, rows: Iterable[Any], /) -> object: ...

    def close(self) -> None: ...


class Closing(Protocol):
    def close(self) -> None: ...


class Place(Protocol):
    """Opens connections to one journal. Every method raises StoreError with the remedy."""

    @property
    def name(self) -> str:
        """For people; it holds no password."""

    def lock(self) -> Closing:
        """Take it for this collector, where it is for one alone, until what is returned is closed."""

    def writer(self) -> Connection:
        """Make the tables or bring them up to date first."""

    def second_writer(self) -> Connection:
        """After ``writer``."""

    def reader(self) -> Connection: ...

    def take_turn(self, connection: Connection) -> int:
        """The number of the transaction that begins: one more than the last one's, of whichever collector."""

    def check_version(self, connection: Connection) -> None:
        """Raise TooNew when a newer forewarn has changed the tables so that this one cannot go on with them."""

    def note_rows(self, connection: Connection) -> None:
        """At the end of a transaction that may have added rows."""

    def size(self, connection: Connection) -> int:
        """Bytes on the disk."""
