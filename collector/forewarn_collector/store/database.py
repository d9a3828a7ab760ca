"""The file journal.db: its tables, how it is opened, and what to tell people when SQLite refuses."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from forewarn_collector.store.model import StoreError
from forewarn_collector.store.place import Connection, Place
from forewarn_collector.store.sqlite_connection import SQLiteConnection
from forewarn_collector.store.statements import COMMIT, WRITE

FILE_NAME = "journal.db"
LOCK_NAME = "journal.lock"

_APPLICATION_ID = 0x4657524E  # "FWRN": whose file this is, for `file` and for us
_PAGE_BYTES = 4096
_CHECKED_AT_START_BYTES = 64 * 2**20

# One script per schema version; a released script is never changed. Times are Unix milliseconds.
_MIGRATIONS = (
    """
    CREATE TABLE layout (id INTEGER PRIMARY KEY, fields TEXT NOT NULL UNIQUE);
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, part TEXT NOT NULL,
        facts BLOB NOT NULL, facts_at INTEGER NOT NULL, first_at INTEGER NOT NULL, UNIQUE (device, kind, part));
    CREATE INDEX series_of_kind ON series (kind);
    CREATE TABLE head (
        position INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, at INTEGER NOT NULL,
        received INTEGER NOT NULL, layout INTEGER NOT NULL, vals BLOB NOT NULL, UNIQUE (series, at));
    CREATE TABLE block (
        key INTEGER PRIMARY KEY, rows INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        body BLOB NOT NULL);
    CREATE TABLE intake (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, boot TEXT NOT NULL, ranges TEXT NOT NULL,
        first_received INTEGER NOT NULL, last_received INTEGER NOT NULL, last_sampled INTEGER NOT NULL,
        reports INTEGER NOT NULL, UNIQUE (device, boot));
    CREATE TABLE device (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status BLOB, birth BLOB, online INTEGER,
        session INTEGER NOT NULL DEFAULT 0, boot TEXT, first_received INTEGER NOT NULL, birth_received INTEGER);
    CREATE TABLE event (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, at INTEGER NOT NULL, received INTEGER NOT NULL,
        name TEXT NOT NULL, part TEXT NOT NULL, occurrences INTEGER NOT NULL, text TEXT NOT NULL);
    CREATE INDEX event_of_device ON event (device, at);
    CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, door TEXT NOT NULL, client TEXT NOT NULL,
        topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL);
    CREATE TABLE dead_letter_total (reason TEXT PRIMARY KEY, letters INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counter VALUES ('reports', 0), ('duplicates', 0), ('points', 0), ('sealed_rows', 0), ('blocks', 0);
    """,
    """
    CREATE TABLE reply (
        id INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, received INTEGER NOT NULL,
        in_reply_to TEXT NOT NULL, body BLOB NOT NULL);
    """,
    """
    ALTER TABLE device ADD COLUMN clock_offset INTEGER;
    ALTER TABLE device ADD COLUMN clock_at INTEGER;
    CREATE TABLE gap (
        device TEXT NOT NULL, boot TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        after INTEGER, before INTEGER, found INTEGER NOT NULL, PRIMARY KEY (device, boot, first)) WITHOUT ROWID;
    """,
    # unrolled: the lowest key of a block of which there are no rollups yet; null: of all blocks there are.
    # swept: rows of a kind that were sealed and made before this time are gone.
    # reports_before: those of boots of which the row in intake is gone.
    """
    ALTER TABLE series ADD COLUMN unrolled INTEGER;
    UPDATE series SET unrolled = id << 42 WHERE kind IN ('load', 'smart');
    CREATE TABLE swept (kind TEXT PRIMARY KEY, before INTEGER NOT NULL) WITHOUT ROWID;
    ALTER TABLE device ADD COLUMN reports_before INTEGER NOT NULL DEFAULT 0;
    """,
    # Of all events these are looked at every few seconds.
    "CREATE INDEX event_of_clones ON event (device, received) WHERE name = 'identity-cloned';",
)
SCHEMA_VERSION = len(_MIGRATIONS)

_DAMAGED = (
    "the file is damaged: stop the collector, then restore {path} from a backup or move it away together with "
    "{path}-wal and {path}-shm and start anew; `sqlite3 {path} .recover` prints what can still be read"
)
_REMEDIES = {
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: "nothing of this was stored: free some space for {path}",
    sqlite3.SQLITE_IOERR: "nothing of this was stored: check the space and the disk below {path}",
    sqlite3.SQLITE_BUSY: "another process holds {path}: end what writes to it",
    sqlite3.SQLITE_READONLY: "this user may not write {path} and its directory",
    sqlite3.SQLITE_CANTOPEN: "check that {path} is there and that this user may use its directory",
}


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn an SQLite error into a StoreError that names the file and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(explanation(path, error)) from error


def explanation(path: Path | str, error: BaseException) -> str:
    """What SQLite said of a file, and the remedy where there is a known one."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    remedy = _REMEDIES.get(code & 0xFF, "")
    return f"{path}: {error}" + (f"; {remedy.format(path=path)}" if remedy else "")


def damage(path: Path, check: Callable[[], object]) -> str | None:
    """What is wrong with a file of SQLite's, or None; ``check`` asks it for ``integrity_check(1)``. A large file is not
    read through at every start."""
    if path.stat().st_size > _CHECKED_AT_START_BYTES or (verdict := check()) == "ok":
        return None
    return f"{path}: {verdict}; {_DAMAGED.format(path=path)}"


@contextmanager
def transaction(connection: Connection, begin: str = WRITE) -> Iterator[None]:
    """Commit at the end; on any error undo everything."""
    if connection.in_transaction:  # an undoing that failed itself
        connection.execute("ROLLBACK")
    connection.execute(begin)
    try:
        yield
        connection.execute(COMMIT)
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error, StoreError):
                connection.execute("ROLLBACK")
        raise


def lock_directory(directory: Path) -> IO[str]:
    """Take the directory for this collector until the returned file is closed or the process ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / LOCK_NAME).open("a+", encoding="ascii")
    except OSError as error:
        raise StoreError(f"{directory}: {error.strerror}; name a directory that this user may write") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read(20).strip() or "unknown"
        lock.close()
        raise StoreError(
            f"{directory}: another collector (process {holder}) uses this directory; stop it or name another directory"
        ) from error
    try:
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except OSError as error:
        with suppress(OSError):  # what could not be written is tried once more
            lock.close()
        raise StoreError(f"{directory / LOCK_NAME}: {error.strerror}; free some space there") from error
    return lock


def open_writer(directory: Path) -> sqlite3.Connection:
    """Open journal.db for writing; create it or bring it up to this schema version first. The caller has the lock."""
    path = directory / FILE_NAME
    with explained(path):
        connection = _connect(f"{path.absolute().as_uri()}?mode=rwc")
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_second_writer(directory: Path) -> sqlite3.Connection:
    """A further connection for the process that has the lock and whose `open_writer` brought the file up to date."""
    path = directory / FILE_NAME
    with explained(path):
        connection = _connect(f"{path.absolute().as_uri()}?mode=rw")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_reader(directory: Path) -> sqlite3.Connection:
    """Open journal.db for reading, in this process or another, while a collector may be writing it."""
    path = directory / FILE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: there is no journal here; name the collector's data directory")
    with explained(path):
        connection = _connect(f"{path.absolute().as_uri()}?mode=ro")
        try:
            version = _version(connection, path)
            if version != SCHEMA_VERSION:
                raise StoreError(f"{path}: schema version {version} is not {SCHEMA_VERSION}: start the collector once")
        except BaseException:
            connection.close()
            raise
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    # Shared between threads only under a lock of ours, hence no thread check by sqlite3.
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10, factory=SQLiteConnection
    )
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if tables and application != _APPLICATION_ID:
        raise StoreError(f"{path}: this is an SQLite file of another program; name another directory")
    if version > SCHEMA_VERSION:
        raise StoreError(f"{path}: written by a newer forewarn (schema version {version}); update this one")
    return int(version)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -8192")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    for number in range(version, SCHEMA_VERSION):
        with transaction(connection):
            for statement in filter(str.strip, _MIGRATIONS[number].split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    if problem := damage(path, lambda: _integrity(connection)):
        raise StoreError(problem)


def _integrity(connection: sqlite3.Connection) -> object:
    with closing(connection.execute("PRAGMA integrity_check(1)")) as check:
        return check.fetchone()[0]


class DataDirectory:
    """The journal of one collector, in its data directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / FILE_NAME
        self._turns = 0

    @property
    def name(self) -> str:
        return str(self.path)

    def lock(self) -> IO[str]:
        return lock_directory(self.directory)

    def writer(self) -> Connection:
        return open_writer(self.directory)

    def second_writer(self) -> Connection:
        return open_second_writer(self.directory)

    def reader(self) -> Connection:
        return open_reader(self.directory)

    def take_turn(self, _connection: Connection) -> int:
        """Nobody else writes."""
        self._turns += 1
        return self._turns

    def check_version(self, _connection: Connection) -> None:
        """Nobody else may open it."""

    def note_rows(self, _connection: Connection) -> None:
        """SQLite knows them."""

    def size(self, _connection: Connection) -> int:
        return sum(_size(path) for path in (self.path, self.path.with_name(f"{FILE_NAME}-wal")))


def as_place(place: Path | Place) -> Place:
    return DataDirectory(place) if isinstance(place, Path) else place


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
