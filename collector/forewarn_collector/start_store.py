"""From the configuration to where what is known is kept."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from forewarn_collector.config_store import Store
from forewarn_collector.several.claims import Claims
from forewarn_collector.several.members import Member
from forewarn_collector.start import optional_secret
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.place import Connection
from forewarn_collector.version import version

if TYPE_CHECKING:
    from forewarn_collector.store.postgres import Postgres


def journal_place(store: Store, data: Path) -> "Path | Postgres":
    """The data directory unless there is a server for it. Raise StartError for its password file."""
    entry = store.journal
    if entry is None:
        return data
    from forewarn_collector.store.postgres import Postgres  # late: see postgres_server.py

    return Postgres(entry.url, optional_secret(entry.password_file))


def open_journal(store: Store, data: Path) -> Journal:
    """Raise StoreError or StartError."""
    return Journal(journal_place(store, data))


def claims_of(
    store: Store,
    journal: Journal,
    check_state: Callable[[], None],
    address: Callable[[], str],
    now: Callable[[], float],
) -> Claims | None:
    """None where this collector is the only one. ``check_state`` raises TooNew."""
    if store.journal is None:
        return None
    name = collector_name(store)

    def check(connection: Connection) -> None:
        journal.place.check_version(connection)
        check_state()

    def myself() -> Member:
        return Member(name=name, address=address(), version=version(), since=now())

    return Claims(journal.place.second_writer, myself, check)


def collector_name(store: Store) -> str:
    """Among those that share the journal."""
    return store.journal.name if store.journal and store.journal.name else socket.gethostname()
