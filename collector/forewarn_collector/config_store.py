"""The configuration's part about where what is known is kept, and for how long."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.addresses import address_parts, is_loopback
from forewarn_collector.config_history import HistoryStoreEntry, Mistake, history_mistakes

Days = Annotated[float, Meta(gt=0, le=36_500)]


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How many days history is kept; null keeps it for ever. Tickets, verdicts and the audit log always stay."""

    load_days: Annotated[
        Annotated[float, Meta(ge=2, le=36_500)] | None,
        Meta(description="load reports as they came; after that their hourly rollups are read", examples=[60]),
    ] = 30.0
    smart_days: Annotated[
        Annotated[float, Meta(ge=2, le=36_500)] | None,
        Meta(description="SMART reports as they came; after that their hourly rollups are read", examples=[800]),
    ] = 400.0
    rollup_days: Annotated[
        Days | None,
        Meta(description="least, greatest, sum, number and last of every hour", examples=[3652]),
    ] = 1826.0
    event_days: Annotated[Days | None, Meta(description="events of devices", examples=[90])] = 400.0
    dead_letter_days: Annotated[
        Days | None, Meta(description="messages that could not be accepted, the newest 10,000 at most", examples=[30])
    ] = 90.0
    message_days: Annotated[
        Days | None,
        Meta(description="deliveries and notifications that arrived, of tickets that are closed", examples=[90]),
    ] = 400.0


class InPostgreSQL(msgspec.Struct, frozen=True, kw_only=True):
    """Where a PostgreSQL is, and how to log in there."""

    url: Annotated[
        str,
        Meta(
            description="postgresql://USER@HOST:PORT/DATABASE; the database must be there, its tables are made",
            examples=["postgresql://forewarn@db.example:5432/forewarn?sslmode=verify-full"],
        ),
    ]
    password_file: Annotated[
        str | None,
        Meta(description="file that holds the password; default PGPASSWORD or ~/.pgpass", examples=["pg.pw"]),
    ] = None


class State(InPostgreSQL, frozen=True, kw_only=True):
    """Tickets, users, identities and what else is no time series, in [PostgreSQL](postgresql.md)."""


class SharedJournal(InPostgreSQL, frozen=True, kw_only=True):
    """The intake journal in PostgreSQL, the same for [several collectors](several-collectors.md) behind one broker."""

    name: Annotated[
        Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")] | None,
        Meta(
            description="how this collector is called among them; default the machine's name",
            examples=["collector-b"],
        ),
    ] = None


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """Where what is known is kept. Without this section: in the data directory, for which no server is needed."""

    keep: Keep = Keep()
    state: State | None = None
    journal: SharedJournal | None = None
    history: HistoryStoreEntry | None = None


def store_mistakes(store: Store) -> list[Mistake]:
    """What the types cannot tell: (path, what is wrong, remedy) for each."""
    found = [*_state_mistakes(store.state), *_journal_mistakes(store), *_history_mistakes(store.history)]
    return [(("store", *path), wrong, remedy) for path, wrong, remedy in found]


def _state_mistakes(state: State | None) -> list[Mistake]:
    return [] if state is None else postgresql_mistakes("state", state.url, state.password_file)


def _journal_mistakes(store: Store) -> list[Mistake]:
    if store.journal is None:
        return []
    found = postgresql_mistakes("journal", store.journal.url, store.journal.password_file)
    if store.state is None:
        found.append((("journal",), "its collectors have to share their tickets too", "add store.state beside it"))
    return found


def _history_mistakes(entry: HistoryStoreEntry | None) -> list[Mistake]:
    return (
        []
        if entry is None
        else [(("history", *path), wrong, remedy) for path, wrong, remedy in history_mistakes(entry)]
    )


def postgresql_mistakes(section: str, url: str, password_file: str | None) -> list[Mistake]:
    """What is wrong with the way to a PostgreSQL, without repeating a password that stands in it."""
    found: list[Mistake] = []
    scheme, host = address_parts(url)
    if scheme not in ("postgresql", "postgres") or not host:
        found.append(((section, "url"), "not a PostgreSQL address", "write postgresql://USER@HOST:5432/DATABASE"))
    elif (":" in url.partition("://")[2].partition("@")[0] and "@" in url) or "password=" in url.partition("?")[2]:
        found.append(((section, "url"), "a password stands in it", f"use store.{section}.password_file"))
    elif not is_loopback(host) and "sslmode=verify-full" not in url:
        remedy = "add ?sslmode=verify-full (and sslrootcert=FILE) to it"
        found.append(((section, "url"), "plain text is for loopback only", remedy))
    if password_file is not None and not Path(password_file).is_file():
        found.append(((section, "password_file"), "there is no such file", "give the path of a readable file"))
    return found
