"""Power, disk and files that fail: what was committed stays, and the error says what to do."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.small_disk import remount, small_disk

from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point, StoreError
from forewarn_collector.store.reader import Reader

FIELDS = tuple(f"field-{number}" for number in range(15))
NOON = 1_700_000_000.0
BATCH = 50


def report(seq: int) -> Accepted:
    at = NOON + seq * 60
    point = Point("dev-1", "load", "", at, FIELDS, tuple(float(seq + field) for field in range(15)), b"{}")
    return Accepted("dev-1", "b1", seq, at, at, (point,))


def child(body: str, *arguments: object) -> subprocess.Popen[str]:
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        from forewarn_collector.store.journal import Journal
        from forewarn_collector.store.model import Accepted, Point, StoreError
        FIELDS = tuple(f"field-{{number}}" for number in range(15))
        def report(seq):
            at = {NOON} + seq * 60
            point = Point("dev-1", "load", "", at, FIELDS, tuple(float(seq + field) for field in range(15)), b"{{}}")
            return Accepted("dev-1", "b1", seq, at, at, (point,))
        """) + textwrap.dedent(body)
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_kill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Three times: a collector is killed while it commits and seals; each goes on where the one before had printed."""
    printed = 0
    for _ in range(3):
        collector = child(
            """
            journal = Journal(Path(sys.argv[1]))
            seq = int(sys.argv[2])
            while True:
                batch = [report(number) for number in range(seq, seq + 50)]
                journal.commit(batch + batch[:5])
                seq += 50
                print(seq, flush=True)
                journal.seal(1_700_000_000 + seq * 60, 10**9, 3)
            """,
            tmp_path,
            printed + 1,
        )
        assert collector.stdout is not None
        for _ in range(25):
            printed = int(collector.stdout.readline()) - 1
        collector.kill()
        printed = max([printed, *(int(line) - 1 for line in collector.stdout.read().split("\n")[:-1] if line)])
        collector.wait()
    with Journal(tmp_path) as journal, journal.history() as history:
        times, columns = history.read("dev-1", "load", "", ["field-3"], 0, 1e10)
        stored = [round(time - NOON) // 60 for time in times]
        assert stored == list(range(1, len(stored) + 1))
        assert len(stored) in (printed, printed + BATCH)  # the last commit may not have been printed
        assert list(columns["field-3"]) == [seq + 3 for seq in stored]
        assert journal.commit([report(seq) for seq in range(1, printed + 1)]) == [False] * printed


@pytest.fixture(name="small_disk")
def journal_directory(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, 2) as directory:
        yield directory


def test_a_full_disk_is_an_error_and_not_the_end(small_disk: Path) -> None:
    with Journal(small_disk) as journal:
        stored = 0
        batch: list[Accepted] = []
        error = ""
        while not error and stored < 100_000:
            batch = [report(stored + number) for number in range(1, BATCH + 1)]
            try:
                journal.commit(batch)
                stored += BATCH
            except StoreError as refusal:
                error = str(refusal)
        assert str(small_disk / "journal.db") in error
        assert "nothing of this was stored" in error
        with pytest.raises(StoreError):
            journal.commit(batch)
        with journal.reader() as reader:
            assert reader.counts().reports == stored
        remount(small_disk, "size=20m")
        assert journal.commit(batch) == [True] * BATCH
        with journal.history() as history:
            assert len(history.read("dev-1", "load", "", [], 0, 1e10)[0]) == stored + BATCH


def test_a_file_that_may_not_grow_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    """The same by a limit on file size, which needs no rights."""
    collector = child(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        journal = Journal(Path(sys.argv[1]))
        stored = 0
        try:
            while stored < 100_000:
                journal.commit([report(stored + number) for number in range(1, 51)])
                stored += 50
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(all(journal.commit([report(stored + number) for number in range(1, 51)])))
        print(stored + 50)
        """,
        tmp_path,
    )
    error, recovered, stored = collector.communicate(timeout=60)[0].splitlines()
    assert str(tmp_path / "journal.db") in error
    assert "nothing of this was stored" in error
    assert recovered == "True"
    with Reader(tmp_path) as reader:
        assert reader.counts().reports == reader.counts().head_rows == int(stored)


def filled(directory: Path) -> Path:
    with Journal(directory) as journal:
        for start in range(0, 500, BATCH):
            journal.commit([report(start + number) for number in range(1, BATCH + 1)])
    return directory / "journal.db"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_start(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database, but some text that got here")


def overwrite_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(20_000))


@pytest.mark.parametrize("damage", [truncate, overwrite_start, overwrite_middle])
def test_a_damaged_file_is_named_with_a_remedy(tmp_path: Path, damage: object) -> None:
    path = filled(tmp_path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=r"restore .* from a backup or move it away") as refusal:
        Journal(tmp_path)
    assert str(path) in str(refusal.value)
    path.rename(tmp_path / "journal.damaged")  # the remedy works, and the refused one left no lock
    with Journal(tmp_path) as journal:
        assert journal.commit([report(1)]) == [True]


def test_a_damaged_write_ahead_log_ends_where_the_damage_is(tmp_path: Path) -> None:
    """Its pages have checksums: what was committed before is there, and what follows is a gap that is seen."""
    collector = child(
        """
        import os
        journal = Journal(Path(sys.argv[1]))
        for seq in range(1, 501, 50):
            journal.commit([report(number) for number in range(seq, seq + 50)])
        os.kill(os.getpid(), 9)
        """,
        tmp_path,
    )
    collector.wait(60)
    log = tmp_path / "journal.db-wal"
    damaged = bytearray(log.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    log.write_bytes(damaged)
    with Journal(tmp_path) as journal, journal.history() as history:
        stored = len(history.read("dev-1", "load", "", [], 0, 1e10)[0])
        assert stored in range(50, 500, BATCH)
        assert journal.commit([report(seq) for seq in range(450, 502)]) == [True] * 52
        with journal.reader() as reader:
            assert [(gap.first, gap.last) for gap in reader.gaps("dev-1")] == [(stored + 1, 449)]


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError, match="newer forewarn"):
        Journal(tmp_path)
    with pytest.raises(StoreError, match="newer forewarn"):
        Reader(tmp_path)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        Journal(tmp_path)


def test_an_empty_file_is_a_beginning(tmp_path: Path) -> None:
    """A collector that was killed in the moment of its first start leaves one."""
    (tmp_path / "journal.db").touch()
    with Journal(tmp_path) as journal:
        assert journal.commit([report(1)]) == [True]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name a directory that this user may write"):
        Journal(tmp_path / "file" / "data")


def test_another_process_reads_while_this_one_writes_and_seals(tmp_path: Path) -> None:
    """Every look of the other process sees all of a prefix of the commits, each row once."""
    with Journal(tmp_path) as journal:
        journal.commit([report(1)])
        other = child(
            """
            from forewarn_collector.store.history import History
            with History.open(Path(sys.argv[1])) as history:
                seen = looks = 0
                while seen < 4001:
                    times, columns = history.read("dev-1", "load", "", ["field-0"], 0, 1e10)
                    seqs = [round(time - 1_700_000_000) // 60 for time in times]
                    assert seqs == list(range(1, len(seqs) + 1)), seqs
                    assert list(columns["field-0"]) == seqs
                    assert len(seqs) >= seen and len(seqs) % 50 == 1, (len(seqs), seen)
                    seen = len(seqs)
                    looks += 1
                    print(seen, flush=True)
            """,
            tmp_path,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        for start in range(1, 4000, BATCH):
            journal.commit([report(start + number) for number in range(1, BATCH + 1)])
            journal.seal(NOON + start * 60, 10**9, 2)
        looks = other.communicate(timeout=60)[0].split()
        assert other.returncode == 0
        assert len(set(looks)) > 2, "it never looked while there were commits"
