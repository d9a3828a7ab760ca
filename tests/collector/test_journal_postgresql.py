"""What a journal in PostgreSQL has beyond one in a file: several writers, a server that goes and comes, and refuses."""

import math
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace
from servers.postgresql import PASSWORD, Database, PostgreSQL

from forewarn_collector.store import postgres
from forewarn_collector.store.database import transaction
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point, StoreError, TooNew
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.postgres_tables import MIGRATIONS, SHARES, VERSION, share_of
from forewarn_collector.store.reader import Reader

NOON = 1_700_000_000.0


def report(seq: int, at: float = NOON, *, device: str = "dev-1", value: float = 1.0, part: str = "") -> Accepted:
    point = Point(device, "load", part, at, ("cpu.used_percent",), (value,), b"{}")
    return Accepted(device, "b1", seq, at, at, (point,))


def place_of(database: Database) -> Postgres:
    return Postgres(database.url, database.password)


@pytest.fixture
def journals(database: Database) -> Iterator[tuple[Journal, Journal]]:
    """Of two collectors."""
    with Journal(place_of(database)) as one, Journal(place_of(database)) as other:
        yield one, other


def test_a_report_that_comes_to_both_collectors_is_stored_once(journals: tuple[Journal, Journal]) -> None:
    one, other = journals
    assert one.commit([report(1), report(2, NOON + 1)]) == [True, True]
    assert other.commit([report(2, NOON + 1), report(3, NOON + 2)]) == [False, True]
    assert one.commit([report(3, NOON + 2), report(4, NOON + 3)]) == [False, True]
    with one.reader() as reader:
        assert (reader.counts().reports, reader.counts().duplicates, reader.gaps("dev-1")) == (4, 2, [])


def test_what_one_collector_remembers_is_read_anew_after_the_other_has_committed(
    journals: tuple[Journal, Journal],
) -> None:
    devices = [f"dev-{n}" for n in range(20)]
    for number, journal in enumerate(3 * journals):
        seqs = {device: 1 + 2 * number + (device == "dev-7") for device in devices}
        journal.commit([report(seq, NOON + seq, device=device) for device, seq in seqs.items()])
    with journals[0].reader() as reader:
        assert [(gap.first, gap.last) for gap in reader.gaps("dev-3")] == [(n, n) for n in range(2, 12, 2)]
        assert [(gap.first, gap.last) for gap in reader.gaps("dev-7")] == [(n, n) for n in range(1, 12, 2)]
        assert (reader.counts().reports, reader.counts().series) == (120, 20)


def test_a_clock_is_compared_though_the_other_collector_commits_meanwhile(journals: tuple[Journal, Journal]) -> None:
    for number in range(1, 6):
        received = NOON + 60 * number
        ahead = replace(report(number, received + 7), received_at=received)
        assert journals[0].commit([ahead]) == [True]
        assert journals[1].commit([report(number, received, device="dev-2")]) == [True]
    with journals[0].reader() as reader:
        known = reader.device("dev-1")
        assert known is not None
        assert known.clock_offset == 7


def test_positions_are_committed_in_their_order_by_whomever(journals: tuple[Journal, Journal]) -> None:
    def write(journal: Journal, device: str) -> None:
        for n in range(1, 61):
            journal.commit([report(n, NOON + n, device=device)])

    writers = [threading.Thread(target=write, args=(journal, f"dev-{n}")) for n, journal in enumerate(journals)]
    for writer in writers:
        writer.start()
    read: list[int] = []
    with journals[0].reader() as reader:
        while len(read) < 120:
            read += [row.position for row in reader.rows_after(read[-1] if read else 0, 1000)]
        assert reader.max_position() == read[-1]
    for writer in writers:
        writer.join()
    assert read == sorted(set(read))


def test_a_row_that_replaces_another_is_seen_again(journals: tuple[Journal, Journal]) -> None:
    journal, _ = journals
    journal.commit([report(1, value=1.0)])
    with journal.reader() as reader:
        seen = reader.max_position()
        journal.commit([report(2, value=2.0)])
        (row,) = reader.rows_after(seen, 10)
        assert (row.position, row.values.tolist(), reader.counts().head_rows) == (reader.max_position(), [2.0], 1)


def test_what_was_undone_leaves_no_position(journals: tuple[Journal, Journal]) -> None:
    journal, _ = journals
    journal.commit([report(1)])
    with pytest.raises(StoreError, match="time"):
        journal.commit([report(2, NOON + 1), report(3, -1.0)])
    with journal.reader() as reader:
        assert reader.max_position() == reader.rows_after(0, 10)[-1].position


def test_rows_of_a_share_of_the_fleet(journals: tuple[Journal, Journal], database: Database) -> None:
    devices = [f"shop-{n:03}" for n in range(200)]
    journals[0].commit([report(1, device=device) for device in devices])
    found = dict(database.run("SELECT device, share FROM forewarn_journal.series"))
    assert found == {device: share_of(device) for device in devices}
    assert set(found.values()) == set(range(SHARES))


def test_a_character_that_postgresql_cannot_hold_costs_no_report(journals: tuple[Journal, Journal]) -> None:
    journal, _ = journals
    assert journal.commit([report(1, part="a\0b"), report(2, NOON + 1)]) == [True, True]
    with journal.reader() as reader:
        assert [series.part for series in reader.series_of("dev-1")] == ["", "a\ufffdb"]


def test_a_server_that_dies_loses_nothing_committed_and_is_used_again(postgresql: PostgreSQL) -> None:
    database = postgresql.fresh()
    with Journal(place_of(database)) as journal, journal.reader() as reader, journal.history() as history:
        journal.commit([report(1)])
        postgresql.kill()
        with pytest.raises(StoreError, match=r"check that the server runs|nothing of this was stored"):
            journal.commit([report(2, NOON + 1)])
        with pytest.raises(StoreError):
            reader.counts()
        postgresql.start()
        assert journal.commit([report(1), report(2, NOON + 1)]) == [False, True]
        assert reader.counts().reports == 2
        times, _ = history.read("dev-1", "load", "", ["cpu.used_percent"], 0, math.inf)
        assert times.tolist() == [NOON, NOON + 1]


def test_a_connection_that_is_left_in_a_pipeline_is_opened_anew(database: Database) -> None:
    """As psycopg can leave it, cut off among many statements: "cannot exit pipeline mode while busy"."""
    with closing(Postgres(database.url, PASSWORD).second_writer()) as connection:
        assert isinstance(connection, postgres.Connection)
        left = connection._open.pgconn
        left.enter_pipeline_mode()
        left.send_query_params(b"SELECT 1", None)
        with pytest.raises(StoreError, match=r"not allowed in pipeline mode.*it is tried again"):
            connection.execute("SELECT 2")
        assert connection.execute("SELECT 3").fetchone() == (3,)


@pytest.mark.parametrize(
    ("url", "password", "said"),
    [
        ("{url}", "wrong", "check the user in the URL and the password file"),
        ("{url}-not-there", PASSWORD, "create the database, or name another one"),
        ("postgresql://forewarn@127.0.0.1:1/forewarn", PASSWORD, "check that the server runs"),
    ],
)
def test_what_cannot_be_opened_says_why(database: Database, url: str, password: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        Journal(Postgres(url.format(url=database.url), password))
    assert "\n" not in str(refused.value)
    assert password not in str(refused.value).replace("password", "")


def test_a_server_that_takes_no_writes(database: Database) -> None:
    with Journal(place_of(database)):
        pass
    database.run(f"ALTER DATABASE {database.url.rpartition('/')[2]} SET default_transaction_read_only = on")
    with pytest.raises(StoreError, match="name the primary, not a standby"):
        Journal(place_of(database))


def test_a_user_without_the_right(database: Database) -> None:
    database.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        url = database.url.replace("forewarn@", "guest@")
        with pytest.raises(StoreError, match="give this user the right to use and to create the schema"):
            Journal(Postgres(url, "guest"))
    finally:
        database.run("DROP ROLE guest")


def test_tables_of_a_newer_collector(database: Database) -> None:
    """Only added to, they serve an older one too: during an upgrade both work side by side."""
    with Journal(place_of(database)) as journal:
        journal.commit([report(1)])
    database.run("ALTER TABLE forewarn_journal.series ADD COLUMN to_come TEXT")
    database.run(f"UPDATE forewarn_journal.about SET version = {VERSION + 1}")
    with Journal(place_of(database)) as journal:
        assert journal.commit([report(2, NOON + 1)]) == [True]
    database.run(f"UPDATE forewarn_journal.about SET oldest = {VERSION + 1}")
    with pytest.raises(StoreError, match="written by a newer forewarn"):
        Journal(place_of(database))
    with pytest.raises(StoreError, match="written by a newer forewarn"):
        Reader(place_of(database))


def test_who_is_too_old_for_the_tables_by_now_stores_nothing(
    journals: tuple[Journal, Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer collector brings the tables up to date while this one runs."""
    old, _ = journals
    assert old.commit([report(1)]) == [True]
    changed = (*MIGRATIONS, (VERSION + 1, "ALTER TABLE series ADD COLUMN to_come TEXT"))
    with monkeypatch.context() as newer:
        newer.setattr(postgres, "MIGRATIONS", changed)
        newer.setattr(postgres, "VERSION", len(changed))
        Journal(old.place).close()
    for _ in range(2):
        with pytest.raises(TooNew, match="written by a newer forewarn"):
            old.commit([report(2, NOON + 1)])
    with pytest.raises(TooNew):
        old.reader()


def test_an_error_in_the_middle_undoes_all(journals: tuple[Journal, Journal]) -> None:
    connection = journals[0].place.second_writer()
    twice = [("extra", 1), ("extra", 2)]
    with pytest.raises(StoreError), transaction(connection):
        connection.executemany("INSERT INTO counter VALUES (?, ?)", twice)
    assert not connection.in_transaction
    assert connection.execute("SELECT COUNT(*) FROM counter WHERE name = 'extra'").fetchone() == (0,)
    connection.close()
