"""Clocks that are wrong, jump or were never set: nothing of what they date is lost, and how wrong they are is known."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from forewarn_collector.ingest.accept import Publish, accept
from forewarn_collector.store.device_clock import AHEAD, PLAUSIBLE_FROM, Birth, Offset, placed
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point
from forewarn_collector.store.reader import Reader

NOW = 1_795_000_000.0
NOW_MS = round(NOW * 1000)
MINUTE = 60_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as journal:
        yield journal


def report(seq: int, sampled: float, received: float, boot: str = "b1", value: float = 1.0) -> Accepted:
    point = Point("till-3", "load", "", sampled, ("cpu.used_percent",), (value,), b"{}")
    return Accepted("till-3", boot, seq, sampled, received, (point,))


def birth(seq: int, sampled: float, received: float, boot: str = "b1", session: int = 1) -> Accepted:
    said = {"boot": boot, "seq": seq, "sampled_at": sampled, "session": session}
    return Accepted("till-3", boot, None, sampled, received, (), status=json.dumps(said).encode(), session=session)


def will(session: int, received: float, boot: str) -> Accepted:
    return Accepted("till-3", boot, None, received, received, (), status=b"{}", session=session, online=False)


SANE = Birth("b1", 1, NOW_MS, NOW_MS)
NEVER_SET = Birth("b1", 1, 10_000, NOW_MS)


@pytest.mark.parametrize(
    ("sampled", "known", "expected"),
    [
        (NOW_MS - 40 * MINUTE, None, (NOW_MS - 40 * MINUTE, True)),
        (NOW_MS + AHEAD, None, (NOW_MS + AHEAD, True)),
        (NOW_MS + AHEAD + 1, None, (NOW_MS, False)),
        (NOW_MS + AHEAD + 1, SANE, (NOW_MS, False)),
        (30_000, None, (NOW_MS, False)),
        (30_000, SANE, (NOW_MS, False)),
        (-5, SANE, (NOW_MS, False)),
        (4_000, NEVER_SET, (NOW_MS - 6_000, True)),
        (90_000, NEVER_SET, (NOW_MS, False)),
        (PLAUSIBLE_FROM - MINUTE, SANE, (PLAUSIBLE_FROM - MINUTE, True)),
        (PLAUSIBLE_FROM - MINUTE, None, (PLAUSIBLE_FROM - MINUTE, True)),
    ],
)
def test_where_a_report_stands(sampled: int, known: Birth | None, expected: tuple[int, bool]) -> None:
    assert placed(sampled, NOW_MS, known) == expected


def offset_of(samples: list[tuple[float, float]]) -> int | None:
    """From (received, offset) in minutes."""
    offset = Offset()
    for received, ahead in samples:
        at = NOW_MS + round(received * MINUTE)
        offset.take(at + round(ahead * MINUTE), at)
    return offset.value()


def test_an_offset_needs_three_reports_that_agree() -> None:
    assert offset_of([(0, 10), (1, 10)]) is None
    assert offset_of([(0, 10), (1, 10), (1.5, 10)]) is None, "not over two minutes"
    assert offset_of([(0, 10), (1, 9.9), (2, 9.8)]) == 10 * MINUTE, "the one that was on its way for the shortest time"


def test_a_queue_that_is_emptied_is_no_offset() -> None:
    burst = [(minute / 10, minute - 60.0) for minute in range(60)]
    assert offset_of(burst) is None
    assert offset_of([*burst, (7, 0), (8, 0), (9, 0)]) == 0


def test_a_jump_counts_when_three_reports_show_it() -> None:
    calm = [(minute, 0.0) for minute in range(10)]
    assert offset_of([*calm, (10, 120)]) is None
    assert offset_of([*calm, (10, 120), (11, 120), (12, 120)]) == 120 * MINUTE
    assert offset_of([(minute, 120.0) for minute in range(3)] + [(minute, 0.0) for minute in range(3, 30)]) == 0


def test_the_offset_of_live_reports_is_kept_and_backlog_does_not_count(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal, journal.reader() as reader:
        journal.commit([birth(4, NOW + 600, NOW)])
        journal.commit([report(seq, NOW - 7200 + seq, NOW + seq) for seq in (1, 2, 3)])
        journal.commit([report(seq, NOW + 600 + 60 * seq, NOW + 60 * seq) for seq in (4, 5, 6)])
        device = reader.device("till-3")
        assert device is not None
        assert (device.clock_offset, device.clock_at) == (600, NOW + 300)
        assert reader.sessions()["till-3"].clock_offset == 600
    with Journal(tmp_path) as journal, journal.reader() as reader:
        journal.commit([report(7, NOW + 600 + 420, NOW + 420)])
        device = reader.device("till-3")
        assert device is not None
        assert device.clock_offset == 600


def test_reports_of_a_clock_that_was_never_set_keep_their_order_and_all_values(
    journal: Journal, reader: Reader
) -> None:
    journal.commit([report(seq, 60.0 * seq, NOW, value=float(seq)) for seq in range(1, 6)])
    rows = reader.rows_after(0, 10)
    assert [row.values[0] for row in rows] == [1, 2, 3, 4, 5]
    times = [row.at for row in rows]
    assert times == sorted(set(times))
    assert NOW <= times[0] <= times[-1] <= NOW + 0.01
    journal.commit([report(6, NOW + 60, NOW + 60)])
    device = reader.device("till-3")
    assert device is not None
    assert device.last_sampled == NOW + 60


def test_they_stand_where_they_belong_when_the_birth_shows_the_same_clock(journal: Journal, reader: Reader) -> None:
    journal.commit([birth(3, 200.0, NOW)])
    journal.commit([report(1, 80.0, NOW), report(2, 140.0, NOW), report(3, 200.0, NOW + 1)])
    assert [row.at for row in reader.rows_after(0, 10)] == [NOW - 120, NOW - 60, NOW]


@pytest.mark.parametrize("sampled", [-1.0, 0.0, 1e300, -1e300, 5e11])
def test_no_time_makes_a_dead_letter(journal: Journal, reader: Reader, sampled: float) -> None:
    body = {"schema": 1, "device": "till-3", "boot": "b1", "seq": 1, "sampled_at": sampled, "cpu": {"used_percent": 5}}
    taken = accept(Publish("listener", "till-3", "forewarn/v1/till-3/up/load", json.dumps(body).encode(), NOW))
    assert isinstance(taken, Accepted)
    assert journal.commit([taken]) == [True]
    assert [row.at for row in reader.rows_after(0, 10)] == [pytest.approx(NOW, abs=0.01)]


def test_a_late_will_of_wiped_data_does_not_end_the_new_sessions(journal: Journal, reader: Reader) -> None:
    journal.commit([birth(1, NOW, NOW, boot="old", session=57), report(1, NOW, NOW + 1, boot="old")])
    journal.commit([birth(1, NOW + 60, NOW + 60, boot="new", session=1)])
    assert journal.commit([will(57, NOW + 90, "old")]) == [False]
    assert journal.commit([report(1, NOW + 91, NOW + 91, boot="new")]) == [True]
    device = reader.device("till-3")
    assert device is not None
    assert (device.online, device.session) == (True, 1)
    assert journal.commit([will(1, NOW + 120, "new")]) == [True]
    assert reader.devices()[0].online is False


def test_the_will_of_a_boot_whose_birth_was_missed_counts(journal: Journal, reader: Reader) -> None:
    journal.commit([birth(1, NOW, NOW, boot="b1", session=5)])
    journal.commit([report(1, NOW + 60, NOW + 60, boot="b2")])
    assert journal.commit([will(6, NOW + 90, "b2")]) == [True]
    assert reader.devices()[0].online is False
