"""A backup of a data directory in one file, made while the collector runs, and put back while it does not.

The file is a gzipped tar archive: ``manifest.json`` with the SHA-256 of every file, then the files. A database is
copied by SQLite's own backup, whole and of one instant. ``state.db`` is copied before ``journal.db``: what the judge
had not seen then is judged after the restoration, and nothing that it had seen is missing.
"""

import gzip
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from forewarn_collector.store.database import FILE_NAME, LOCK_NAME, explained, explanation, lock_directory
from forewarn_collector.store.model import StoreError

DATABASES = ("state.db", FILE_NAME)
# Of the moment, or of a machine: the lock, the way to a running collector, its own agent, and what programs said.
_LEFT_OUT = {LOCK_NAME, "api.json", "agent"}
_SIDE_FILES = ("-wal", "-shm", ".log", ".new")
MANIFEST = "manifest.json"
FORMAT = 1
_PAGES_AT_ONCE = 4096


class Manifest(msgspec.Struct, kw_only=True):
    """``made_at``: Unix seconds; ``files``: SHA-256 by path below the data directory."""

    format: int
    version: str
    made_at: float
    files: dict[str, str]


Progress = Callable[[int, int], None]
"""Told how many bytes of how many are done."""


def back_up(
    data: Path,
    target: Path,
    version: str,
    progress: Progress = lambda _done, _all: None,
    *,
    with_journal: bool = True,
) -> Manifest:
    """Write a backup of ``data`` to ``target``, which must not be there. ``with_journal``: one must be in ``data``.
    Raise StoreError."""
    if not data.is_dir() or (with_journal and not (data / FILE_NAME).is_file()):
        raise StoreError(f"{data}: there is no journal here; name the collector's data directory")
    if target.exists():
        raise StoreError(f"{target}: is there already; name a new file")
    with _plainly(target), _room_beside(target) as room:
        copied = room / "data"
        for name in DATABASES:
            if (data / name).is_file():
                _copy_database(data / name, copied / name, progress)
        for path in _other_files(data):
            place = copied / path.relative_to(data)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
        files = {str(path.relative_to(copied)): _sha256(path) for path in sorted(copied.rglob("*")) if path.is_file()}
        manifest = Manifest(format=FORMAT, version=version, made_at=time.time(), files=files)
        (room / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        # History is compressed already, so the fastest way does.
        packed = room / "packed"
        with gzip.open(packed, "wb", compresslevel=1) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
            archive.add(room / MANIFEST, MANIFEST)
            for name in files:
                archive.add(copied / name, f"data/{name}")
        os.chmod(packed, 0o600)  # keys of the authority and hashes of passwords are in it
        packed.replace(target)
    return manifest


def restore(source: Path, data: Path) -> Manifest:
    """Put a backup back into ``data``, which must be empty or not there. Raise StoreError; then nothing is changed."""
    if data.exists() and any(path.name != LOCK_NAME for path in data.iterdir()):
        raise StoreError(f"{data}: is not empty; move it away, or name another directory")
    with _plainly(source), _room_beside(data) as room:
        try:
            with tarfile.open(source, "r:gz") as archive:
                _unpack(archive, room)
            manifest = msgspec.json.decode((room / MANIFEST).read_bytes(), type=Manifest)
        except (
            tarfile.TarError,
            gzip.BadGzipFile,
            EOFError,
            FileNotFoundError,
            ValueError,
            msgspec.MsgspecError,
        ) as error:
            raise StoreError(f"{source}: this is no whole backup of a collector: {error}") from None
        if manifest.format != FORMAT:
            raise StoreError(f"{source}: a backup of format {manifest.format}, not {FORMAT}: use a newer forewarn")
        for name, expected in manifest.files.items():
            path = room / "data" / name
            if not path.is_file() or _sha256(path) != expected:
                raise StoreError(f"{source}: {name} is not as it was written; use another backup")
        for name in DATABASES:
            if name in manifest.files and (trouble := check_database(room / "data" / name)):
                raise StoreError(f"{source}: {trouble}")
        with lock_directory(data):
            data.chmod(0o700)
            for path in sorted((room / "data").iterdir()):
                shutil.move(path, data / path.name)
    return manifest


def _unpack(archive: tarfile.TarFile, room: Path) -> None:
    """Raise TarError for anything but plain files below ``room``. Python has a filter of its own for that since 3.11.4;
    Debian 12 has 3.11.2."""
    for member in archive:
        path = room / member.name
        content = archive.extractfile(member) if member.isreg() else None
        if content is None or not path.resolve().is_relative_to(room.resolve()):
            raise tarfile.TarError(f"{member.name} has no place in a data directory")
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as file:
            shutil.copyfileobj(content, file)
        path.chmod(member.mode & 0o755)
        os.utime(path, (member.mtime, member.mtime))


def check_database(path: Path) -> str | None:
    """What SQLite finds wrong with a whole file, however large; None: nothing."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        return explanation(path, error)
    return None if found == ["ok"] else f"{path}: {'; '.join(found)}"


def _copy_database(source: Path, target: Path, progress: Progress) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    page = 4096

    def told(_status: int, remaining: int, total: int) -> None:
        progress((total - remaining) * page, total * page)

    with explained(source), closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as running:
        (page,) = running.execute("PRAGMA page_size").fetchone()
        # In one read transaction: otherwise SQLite would begin anew whenever the collector commits.
        running.isolation_level = None
        running.execute("BEGIN")
        running.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as copy:
            running.backup(copy, pages=_PAGES_AT_ONCE, progress=told)


def _other_files(data: Path) -> Iterator[Path]:
    for path in sorted(data.rglob("*")):
        inner = path.relative_to(data)
        known = inner.parts[0] in _LEFT_OUT or inner.name in DATABASES or inner.name.endswith(_SIDE_FILES)
        if path.is_file() and not path.is_symlink() and not known:
            yield path


@contextmanager
def _room_beside(place: Path) -> Iterator[Path]:
    """A directory for its owner only on the same file system, so that what is ready can be moved at once."""
    place.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.absolute().parent) as room:
        yield Path(room)


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {error.strerror or error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
