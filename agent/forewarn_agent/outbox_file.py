"""The outbox's SQLite file: opening it, transactions, and setting a broken one aside."""

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

OUTBOX_NAME = "outbox.db"

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_TABLES = """
CREATE TABLE IF NOT EXISTS reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    stored_at REAL NOT NULL,
    payload BLOB NOT NULL,
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    settled_at REAL
);
CREATE INDEX IF NOT EXISTS waiting ON reports (id) WHERE settled_at IS NULL;
CREATE INDEX IF NOT EXISTS numbered ON reports (boot, seq);
CREATE INDEX IF NOT EXISTS delivered ON reports (settled_at) WHERE settled_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta SELECT 'payload_bytes', COALESCE(SUM(LENGTH(payload)), 0) FROM reports;
CREATE TRIGGER IF NOT EXISTS stored AFTER INSERT ON reports BEGIN
    UPDATE meta SET value = value + LENGTH(NEW.payload) WHERE key = 'payload_bytes';
END;
CREATE TRIGGER IF NOT EXISTS forgotten AFTER DELETE ON reports BEGIN
    UPDATE meta SET value = value - LENGTH(OLD.payload) WHERE key = 'payload_bytes';
END;
"""
# Pages of the file that are kept in memory: the few that every report touches.
_CACHE_KIBIBYTES = 256
# What an outbox of an earlier version lacks.
_NUMBERS = """
ALTER TABLE reports ADD COLUMN boot TEXT NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN settled_at REAL;
UPDATE reports SET boot = json_extract(CAST(payload AS TEXT), '$.boot'),
    seq = json_extract(CAST(payload AS TEXT), '$.seq');
"""
WAITING = "SELECT COUNT(*), COALESCE(SUM(LENGTH(payload)), 0), MIN(stored_at) FROM reports WHERE settled_at IS NULL"
"""How many reports wait, their bytes, and since when the oldest does."""


class OutboxUnavailableError(Exception):
    """The outbox cannot be written or read now: disk full, no permission, I/O error."""


class OutboxFile:
    """One connection for several threads. ``settle`` runs in the first transaction on every file that is opened."""

    def __init__(self, path: Path, settle: Callable[[], None]) -> None:
        """Raise OutboxUnavailableError."""
        self._path = path
        self._settle = settle
        self._lock = threading.RLock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._database = _open(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                set_aside(path, str(error))
                self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise OutboxUnavailableError(f"{path}: {error}") from error

    def run(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` as one transaction: all of it is on the disk when this returns, or none of it.

        A file found broken is set aside, and ``work`` runs again on a new one. Raise OutboxUnavailableError.
        """
        with self._lock:
            if self._closed:
                raise OutboxUnavailableError("the outbox is closed")
            try:
                return self._transaction(work)
            except sqlite3.OperationalError as error:
                raise OutboxUnavailableError(str(error)) from error
            except sqlite3.DatabaseError as error:
                return self._begin_anew(error, work)

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Only within ``run``."""
        return self._database.execute(statement, values)

    def get(self, key: str) -> str | None:
        row = self.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def set(self, key: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._database.close()

    def _transaction(self, work: Callable[[], Result]) -> Result:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            result = work()
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        return result

    def _begin_anew(self, error: sqlite3.DatabaseError, work: Callable[[], Result]) -> Result:
        try:
            self._database.close()
            set_aside(self._path, str(error))
            self._database = _open(self._path)
            self._transaction(self._settle)
            return self._transaction(work)
        except (OSError, sqlite3.Error) as second:
            raise OutboxUnavailableError(str(second)) from second


def set_aside(path: Path, reason: str) -> None:
    """Rename a broken outbox, so a person can look at it, and say so."""
    kept = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    log.error("outbox %s is broken (%s): set aside as %s, a new one begins", path, reason, kept.name)
    os.replace(path, kept)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path.with_name(path.name + suffix), kept.with_name(kept.name + suffix))


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # Every commit reaches the disk: what was appended survives a loss of power.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check found damage")
        columns = {row[1] for row in connection.execute("PRAGMA table_info(reports)")}
        if columns and "boot" not in columns:
            connection.executescript(f"BEGIN; {_NUMBERS} COMMIT;")
        connection.executescript(_TABLES)
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection


def look(path: Path) -> tuple[int, int, float | None, float | None]:
    """How many reports wait, their bytes, since when the oldest does, and when the last one was delivered that is still
    kept (Unix times). Reads only, beside a running agent. Raise OutboxUnavailableError."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            waiting = connection.execute(WAITING).fetchone()
            delivered = connection.execute("SELECT MAX(settled_at) FROM reports").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OutboxUnavailableError(f"{path}: {error}") from error
    return (*waiting, *delivered)
