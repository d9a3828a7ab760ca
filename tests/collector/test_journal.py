"""What a commit stores, what it refuses, and what the reader gives back."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from servers.postgresql import Database

from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import (
    DEAD_LETTERS_KEPT,
    PAYLOAD_LIMIT,
    Accepted,
    DeadLetter,
    Gap,
    Point,
    StoreError,
    time_problem,
)
from forewarn_collector.store.place import Place
from forewarn_collector.store.postgres import Postgres
from forewarn_collector.store.ranges import MOST_RANGES
from forewarn_collector.store.reader import Reader

FIELDS = ("cpu.used_percent", "memory.used_percent")
NOON = 1_700_000_000.0


def report(
    seq: int | None = 1,
    at: float = NOON,
    values: tuple[float, ...] = (12.5, math.nan),
    *,
    device: str = "dev-1",
    boot: str = "b1",
    facts: bytes = b"{}",
    received_at: float | None = None,
    fields: tuple[str, ...] = FIELDS,
) -> Accepted:
    received = at + 1 if received_at is None else received_at
    return Accepted(device, boot, seq, at, received, (Point(device, "load", "", at, fields, values, facts),))


def status(session: int, *, online: bool, boot: str = "b1", at: float = NOON) -> Accepted:
    text = b'{"session":%d,"online":%d}' % (session, online)
    return Accepted("dev-1", boot, None, at, at, (), status=text, session=session, online=online)


def test_answers_to_orders_are_read_in_their_order_and_the_oldest_go(
    journal: Journal, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forewarn_collector.store.intake.REPLIES_KEPT", 3)
    answers = [Accepted("dev-1", "b1", n, NOON, NOON + n, (), reply=(f"order {n}", b"{}")) for n in range(1, 6)]
    assert list(journal.commit(answers + answers[:1])) == [True] * 5 + [False]
    assert [(row.id, row.in_reply_to) for row in reader.replies_after(3, 10)] == [(4, "order 4"), (5, "order 5")]
    assert [row.received_at for row in reader.replies_after(0, 2)] == [NOON + 3, NOON + 4]


def test_numbers_by_chance_take_no_more_room_than_those_of_a_bad_year(journal: Journal, reader: Reader) -> None:
    scattered = [report(2 * n, NOON + n) for n in range(1, MOST_RANGES + 200)]
    assert all(journal.commit(scattered))
    assert len(reader.gaps("dev-1")) == MOST_RANGES
    assert journal.commit(scattered[:5] + scattered[-1:]) == [False] * 5 + [True]  # it replaces itself
    last = 2 * MOST_RANGES
    assert journal.commit([report(last + 1, NOON - 1), report(1, NOON - 2), report(1, NOON - 2)]) == [True, True, False]
    assert len(reader.gaps("dev-1")) == MOST_RANGES - 1
    assert len({(row.series, row.at) for row in reader.rows_after(0, 9999)}) == MOST_RANGES + 199 + 2


def test_a_report_comes_back_as_it_was(journal: Journal, reader: Reader) -> None:
    assert journal.commit([report()]) == [True]
    (row,) = reader.rows_after(0, 10)
    assert (row.at, row.received_at, row.fields) == (NOON, NOON + 1, FIELDS)
    assert np.array_equal(row.values, [12.5, math.nan], equal_nan=True)
    series = reader.series(row.series)
    assert series is not None
    assert (series.device, series.kind, series.part, series.first_at) == ("dev-1", "load", "", NOON)


def test_duplicates_by_device_boot_and_seq(journal: Journal, reader: Reader) -> None:
    batch = [report(1), report(1), report(2, NOON + 60), report(1, NOON + 120, boot="b2"), report(1, device="dev-2")]
    assert journal.commit(batch) == [True, False, True, True, True]
    assert journal.commit(batch) == [False] * 5
    counts = reader.counts()
    assert (counts.reports, counts.duplicates, counts.points, counts.head_rows) == (4, 6, 4, 4)


def test_duplicates_are_known_after_a_restart(place: Path | Place) -> None:
    with Journal(place) as journal:
        journal.commit([report(1), report(3, NOON + 60)])
    with Journal(place) as journal:
        again = [report(1), report(2, NOON + 30), report(3, NOON + 60), report(4, NOON + 90)]
        assert journal.commit(again) == [False, True, False, True]


def test_the_second_report_of_one_time_replaces_the_first(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, values=(1.0, 2.0))])
    (first,) = reader.rows_after(0, 10)
    assert journal.commit([report(2, NOON + 0.0004, values=(3.0, 4.0))]) == [True]
    (second,) = reader.rows_after(0, 10)
    assert second.position > first.position
    assert list(second.values) == [3.0, 4.0]


def test_positions_only_grow_and_rows_come_in_their_order(journal: Journal, reader: Reader) -> None:
    for seq in range(1, 8):
        journal.commit([report(seq, NOON - seq * 60)])
    rows = reader.rows_after(0, 3)
    rows += reader.rows_after(rows[-1].position, 100)
    assert [row.at for row in rows] == [NOON - seq * 60 for seq in range(1, 8)]
    assert [row.position for row in rows] == sorted({row.position for row in rows})
    assert reader.max_position() == rows[-1].position


def test_fields_of_one_layout_are_one_tuple(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1), report(2, NOON + 60), report(3, NOON + 120, (1.0,), fields=("uptime.seconds",))])
    first, second, third = reader.rows_after(0, 10)
    assert first.fields is second.fields
    assert third.fields == ("uptime.seconds",)


def test_a_report_without_values_is_a_row_too(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, values=(), fields=())])
    (row,) = reader.rows_after(0, 10)
    assert (row.fields, len(row.values)) == ((), 0)


def test_an_infinite_value_is_kept_as_not_measured(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, values=(math.inf, -math.inf))])
    (row,) = reader.rows_after(0, 10)
    assert np.isnan(row.values).all()


@pytest.mark.parametrize("at", [-1.0, math.nan, math.inf, 1e300])
def test_a_time_that_cannot_be_stored_undoes_the_batch(journal: Journal, reader: Reader, at: float) -> None:
    assert time_problem(at)
    with pytest.raises(StoreError, match="1970"):
        journal.commit([report(1), report(2, received_at=at)])
    assert reader.counts().reports == 0
    assert journal.commit([report(1)]) == [True]


def test_a_failed_batch_leaves_no_memory_of_its_series_and_layouts(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1)])
    new = report(1, device="dev-2", fields=("a", "b"), facts=b'{"new":1}')
    with pytest.raises(StoreError):
        journal.commit([new, report(2, received_at=math.nan)])
    assert reader.device("dev-2") is None
    assert journal.commit([new]) == [True]
    assert [series.facts for series in reader.series_of("dev-2")] == [b'{"new":1}']
    assert reader.rows_after(0, 10)[-1].fields == ("a", "b")


def test_facts_are_those_of_the_newest_report(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, facts=b"old")])
    journal.commit([report(2, NOON + 60, facts=b"new")])
    journal.commit([report(3, NOON + 120, facts=b"new")])
    journal.commit([report(4, NOON + 90, facts=b"late")])
    (series,) = reader.series_of("dev-1")
    assert (series.facts, series.facts_at) == (b"new", NOON + 60)


def test_late_facts_stay_out_after_a_restart(place: Path | Place) -> None:
    with Journal(place) as journal:
        journal.commit([report(1, facts=b"now"), report(2, NOON + 600, facts=b"now")])
    with Journal(place) as journal, journal.reader() as reader:
        journal.commit([report(3, NOON + 300, facts=b"late")])
        assert reader.series_of("dev-1")[0].facts == b"now"


def test_a_clock_that_ran_ahead_does_not_freeze_the_facts(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, NOON + 9e8, facts=b"ahead", received_at=NOON)])
    journal.commit([report(2, NOON + 60, facts=b"corrected")])
    assert reader.series_of("dev-1")[0].facts == b"corrected"


def test_gaps_before_between_and_by_boot(journal: Journal, reader: Reader) -> None:
    journal.commit([report(seq, NOON + seq, boot="old") for seq in (3, 4, 7)])
    journal.commit([report(seq, NOON + 100 + seq, boot="new") for seq in (1, 2, 4)])
    old = [Gap("old", 1, 2, None, NOON + 3), Gap("old", 5, 6, NOON + 4, NOON + 7)]
    assert reader.gaps("dev-1") == [Gap("new", 3, 3, NOON + 102, NOON + 104), *old]
    assert [gap[:4] for gap in reader.missing(NOON + 8)] == [("dev-1", "old", 1, 2), ("dev-1", "old", 5, 6)]
    journal.commit([report(3, NOON + 103, boot="new")])
    assert {gap.boot for gap in reader.gaps("dev-1")} == {"old"}
    assert reader.gaps("unheard-of") == []


def test_devices_tell_when_they_were_heard_of(journal: Journal, reader: Reader) -> None:
    journal.commit([report(1, NOON, received_at=NOON + 5), report(2, NOON + 60, received_at=NOON + 70)])
    journal.commit([report(1, NOON, received_at=NOON + 500)])  # a duplicate is a sign of life
    (device,) = reader.devices()
    assert device == reader.device("dev-1")
    assert (device.first_received, device.last_received, device.last_sampled) == (NOON + 5, NOON + 500, NOON + 60)
    assert (device.reports, device.boot, device.online, device.status) == (2, "b1", None, None)
    assert reader.device("unheard-of") is None


def test_a_late_will_of_an_old_session_is_ignored(journal: Journal, reader: Reader) -> None:
    assert journal.commit([status(1, online=True), status(2, online=True, at=NOON + 60)]) == [True, True]
    assert journal.commit([status(1, online=False, at=NOON + 90)]) == [False]
    device = reader.device("dev-1")
    assert device is not None
    assert (device.online, device.session, device.last_received) == (True, 2, NOON + 60)
    assert journal.commit([status(2, online=False, at=NOON + 99)]) == [True]
    device = reader.device("dev-1")
    assert device is not None
    assert (device.online, device.session, device.last_received) == (False, 2, NOON + 60)
    assert device.birth == status(2, online=True).status
    assert device.status == status(2, online=False).status


def test_a_birth_counts_even_when_the_session_starts_over(journal: Journal, reader: Reader) -> None:
    journal.commit([status(9, online=True), status(1, online=True, boot="b2")])
    device = reader.device("dev-1")
    assert device is not None
    assert (device.session, device.boot, device.reports, device.last_sampled) == (1, "b2", 0, None)


def test_events(journal: Journal, reader: Reader) -> None:
    events = [
        Accepted("dev-1", "b1", 1, NOON, NOON, (), event=("agent-start", "", 1, "")),
        Accepted("dev-1", "b1", 2, NOON + 9, NOON + 9, (), event=("outbox-dropped", "", 12, "disk full")),
        Accepted("dev-2", "b1", 1, NOON + 5, NOON + 5, (), event=("reboot", "", 1, "")),
    ]
    journal.commit(events)
    journal.commit(events)
    assert [event.name for event in reader.events()] == ["outbox-dropped", "reboot", "agent-start"]
    (newest,) = reader.events("dev-1", 1)
    assert (newest.occurrences, newest.text, newest.at) == (12, "disk full", NOON + 9)


def test_dead_letters_are_kept_and_counted(journal: Journal, reader: Reader) -> None:
    letter = DeadLetter(NOON, "broker", "dev-1", "forewarn/v1/dev-1/up/load", "malformed-json", "at 1", b"{")
    half = letter._replace(reason="unknown-kind", detail="\ud800", payload=b"x" * (PAYLOAD_LIMIT + 1))
    assert journal.commit([report()], [letter, half, letter]) == [True]
    assert reader.dead_letter_totals() == {"malformed-json": 2, "unknown-kind": 1}
    assert reader.dead_letters(10, "malformed-json") == [letter, letter]
    (kept,) = reader.dead_letters(10, "unknown-kind")
    assert (kept.detail, len(kept.payload)) == ("?", PAYLOAD_LIMIT)


def test_old_dead_letters_go_but_stay_counted(journal: Journal, reader: Reader) -> None:
    letters = [DeadLetter(NOON, "listener", "", "", "wrong-type", str(n), b"") for n in range(DEAD_LETTERS_KEPT + 5)]
    journal.commit([], letters)
    journal.commit([], letters[:3])
    kept = reader.dead_letters(DEAD_LETTERS_KEPT * 2)
    assert (len(kept), kept[-1].detail) == (DEAD_LETTERS_KEPT, "8")
    assert reader.counts().dead_letters == DEAD_LETTERS_KEPT + 8


def test_a_second_collector_on_the_directory_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(StoreError, match=r"another collector \(process \d+\) uses this directory"):
        Journal(tmp_path)
    with Journal(tmp_path) as again:
        assert again.commit([report()]) == [True]


def test_there_is_nothing_to_read_without_a_journal(tmp_path: Path, database: Database) -> None:
    for place in (tmp_path, Postgres(database.url, database.password)):
        with pytest.raises(StoreError, match="no journal here"):
            Reader(place)


def test_an_empty_batch_is_no_error(journal: Journal) -> None:
    assert journal.commit([]) == []


def test_a_closed_journal_says_so(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(StoreError, match="closed"):
        journal.commit([report()])


def test_a_reader_of_a_file_without_tables(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    with pytest.raises(StoreError, match="start the collector once"):
        Reader(tmp_path)


def test_values_and_fields_of_unequal_number_undo_the_batch(journal: Journal, reader: Reader) -> None:
    with pytest.raises(struct.error):
        journal.commit([report(1), report(2, NOON + 60, (1.0,))])
    assert reader.counts().reports == 0
    assert journal.commit([report(1)]) == [True]


def test_a_snapshot_does_not_see_what_is_committed_meanwhile(journal: Journal, reader: Reader) -> None:
    with reader.snapshot():
        before = reader.counts()
        journal.commit([report(1)])
        assert reader.counts().reports == before.reports == 0
        assert reader.rows_after(0, 10) == []
    assert reader.counts().reports == 1
