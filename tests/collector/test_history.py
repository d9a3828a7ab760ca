"""Reading the time series over unsealed rows and sealed blocks."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forewarn_collector.store.database import transaction
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point, StoreError
from forewarn_collector.store.place import Place

HOUR = 3600.0
DAY = 24 * HOUR
MIDNIGHT = 1_700_006_400.0  # a border of the load periods (6 h) but not of the SMART periods (5 d)
ALL = 10**12


@pytest.fixture
def journal(place: Path | Place) -> Iterator[Journal]:
    with Journal(place, rollups=False) as journal:
        yield journal


@pytest.fixture
def history(journal: Journal) -> Iterator[History]:
    with journal.history() as history:
        yield history


def put(
    journal: Journal,
    at: float,
    *,
    kind: str = "load",
    part: str = "",
    device: str = "dev-1",
    received_at: float | None = None,
    **fields: float,
) -> None:
    received = at if received_at is None else received_at
    point = Point(device, kind, part, at, tuple(fields), tuple(fields.values()), b"{}")
    journal.commit([Accepted(device, "b1", None, at, received, (point,))])


def times(history: History, start: float = 0, end: float = math.inf) -> list[float]:
    return list(history.read("dev-1", "load", "", [], start, end)[0])


def test_start_and_end_are_included(journal: Journal, history: History) -> None:
    for minute in range(5):
        put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
    found, columns = history.read("dev-1", "load", "", ["cpu"], MIDNIGHT + 60, MIDNIGHT + 180)
    assert list(found) == [MIDNIGHT + 60, MIDNIGHT + 120, MIDNIGHT + 180]
    assert list(columns["cpu"]) == [1.0, 2.0, 3.0]


def test_start_and_end_cut_sealed_blocks_too(journal: Journal, history: History) -> None:
    for minute in range(5):
        put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
    assert history.seal(MIDNIGHT + DAY, ALL).rows == 5
    found, columns = history.read("dev-1", "load", "", ["cpu"], MIDNIGHT + 60, MIDNIGHT + 180)
    assert list(found) == [MIDNIGHT + 60, MIDNIGHT + 120, MIDNIGHT + 180]
    assert list(columns["cpu"]) == [1.0, 2.0, 3.0]


def test_nothing_there(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT, cpu=1.0)
    for device, start, end in (("unheard-of", 0, ALL), ("dev-1", 0, 5), ("dev-1", 9e9, 1), ("dev-1", -9, -1)):
        found, columns = history.read(device, "load", "", ["cpu"], start, end)
        assert len(found) == len(columns["cpu"]) == 0
    assert history.latest("unheard-of", "load") is None


@pytest.mark.parametrize("sealed", [False, True])
def test_a_field_that_a_layout_lacks_is_absent_there(journal: Journal, history: History, sealed: bool) -> None:
    put(journal, MIDNIGHT, cpu=1.0)
    put(journal, MIDNIGHT + 60, cpu=2.0, disk=7.0)
    put(journal, MIDNIGHT + 120)
    put(journal, MIDNIGHT + 180, disk=8.0, cpu=4.0)
    if sealed:
        assert history.seal(MIDNIGHT + DAY, ALL).blocks == 4
    _, columns = history.read("dev-1", "load", "", ["disk", "cpu", "fan"], 0, math.inf)
    nan = math.nan
    assert np.array_equal(columns["cpu"], [1.0, 2.0, nan, 4.0], equal_nan=True)
    assert np.array_equal(columns["disk"], [nan, 7.0, nan, 8.0], equal_nan=True)
    assert np.isnan(columns["fan"]).all()


def test_the_newest_period_stays_unsealed(journal: Journal, history: History) -> None:
    for hour in range(14):
        put(journal, MIDNIGHT + hour * HOUR, cpu=float(hour))
    result = history.seal(MIDNIGHT + 14 * HOUR, ALL)
    assert (result.rows, result.blocks, result.more, result.unreadable) == (12, 2, False, ())
    assert times(history) == [MIDNIGHT + hour * HOUR for hour in range(14)]
    stats = history.stats()
    assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (2, 12, 2)
    assert history.seal(MIDNIGHT + 14 * HOUR, ALL).rows == 0


def test_a_silent_series_is_sealed_to_the_end(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT + HOUR, cpu=1.0)
    assert history.seal(MIDNIGHT + 12 * HOUR, ALL).rows == 0
    assert history.seal(MIDNIGHT + 13 * HOUR, ALL).rows == 1
    put(journal, MIDNIGHT + 2 * HOUR, cpu=2.0, received_at=MIDNIGHT + 13 * HOUR)  # it woke up within that period
    assert history.seal(MIDNIGHT + 14 * HOUR, ALL).rows == 0
    assert times(history) == [MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR]
    assert history.seal(MIDNIGHT + 25 * HOUR, ALL).rows == 1
    assert times(history) == [MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR]
    assert history.stats().blocks == 1


def test_rows_that_were_not_judged_stay(journal: Journal, history: History) -> None:
    for hour in range(12):
        put(journal, MIDNIGHT + hour * HOUR, cpu=float(hour))
    with journal.reader() as reader:
        positions = [row.position for row in reader.rows_after(0, 100)]
        assert history.seal(MIDNIGHT + 12 * HOUR, positions[3]).rows == 0, "what is half judged would be packed twice"
        assert [row.position for row in reader.rows_after(0, 100)] == positions
        assert history.seal(MIDNIGHT + 12 * HOUR, positions[5]).rows == 6
        assert [row.position for row in reader.rows_after(positions[5], 100)][:6] == positions[6:]
    assert times(history) == [MIDNIGHT + hour * HOUR for hour in range(12)]
    assert history.stats().blocks == 1


def test_late_rows_are_merged_into_their_block(journal: Journal, history: History) -> None:
    for hour in (0, 2, 4, 6, 8):
        put(journal, MIDNIGHT + hour * HOUR, cpu=float(hour))
    history.seal(MIDNIGHT + 8 * HOUR, ALL)
    now = MIDNIGHT + 8 * HOUR
    put(journal, MIDNIGHT + HOUR, cpu=1.0, received_at=now)
    put(journal, MIDNIGHT + 2 * HOUR, cpu=-2.0, received_at=now)  # the same time once more
    put(journal, MIDNIGHT - 20 * DAY, cpu=99.0, received_at=now)  # older than anything known
    expected = {-20 * DAY: 99.0, 0: 0.0, HOUR: 1.0, 2 * HOUR: -2.0, 4 * HOUR: 4.0, 6 * HOUR: 6.0, 8 * HOUR: 8.0}
    for _ in range(2):
        found, columns = history.read("dev-1", "load", "", ["cpu"], 0, math.inf)
        assert dict(zip(found - MIDNIGHT, columns["cpu"], strict=True)) == expected
        assert history.latest("dev-1", "load") == (MIDNIGHT + 8 * HOUR, now, {"cpu": 8.0})
        history.seal(now, ALL)
    stats = history.stats()
    assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (2, 5, 2)


def test_a_late_row_of_another_layout_replaces_the_sealed_one(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT, cpu=1.0)
    history.seal(MIDNIGHT + DAY, ALL)
    put(journal, MIDNIGHT, fan=900.0, received_at=MIDNIGHT + DAY)
    for _ in range(2):
        found, columns = history.read("dev-1", "load", "", ["cpu", "fan"], 0, math.inf)
        assert list(found) == [MIDNIGHT]
        assert math.isnan(columns["cpu"][0])
        assert columns["fan"][0] == 900.0
        history.seal(MIDNIGHT + 3 * DAY, ALL)
    stats = history.stats()
    assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (0, 1, 1)


def test_a_clock_that_ran_ahead_does_not_seal_the_present(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT + 20 * HOUR, cpu=1.0, received_at=MIDNIGHT)
    put(journal, MIDNIGHT + 7 * HOUR, cpu=2.0)
    assert history.seal(MIDNIGHT + 8 * HOUR, ALL).rows == 0
    assert times(history) == [MIDNIGHT + 7 * HOUR, MIDNIGHT + 20 * HOUR]


def test_the_limit_makes_more_calls_and_nothing_else(journal: Journal, history: History) -> None:
    for device in range(7):
        for hour in (0, 6, 12):
            put(journal, MIDNIGHT + hour * HOUR, device=f"dev-{device}", cpu=float(hour))
    calls = 1
    while (result := history.seal(MIDNIGHT + 12 * HOUR, ALL, batch_limit=3)).more:
        assert result.blocks == 3
        calls += 1
    assert calls == 5
    assert history.stats().blocks == 14


def test_the_file_gives_back_what_sealing_freed(place: Path | Place, journal: Journal, history: History) -> None:
    fields = tuple(f"field-{number}" for number in range(40))
    batch = []
    for seq in range(1, 8001):
        at = MIDNIGHT + seq * 60
        batch.append(Accepted("dev-1", "b1", seq, at, at, (Point("dev-1", "load", "", at, fields, (1.5,) * 40, b""),)))
    journal.commit(batch)
    assert history.seal(MIDNIGHT + 30 * DAY, ALL).rows == 8000
    assert history.stats().free_bytes <= 2**20  # as much as the next rows may fill
    found, columns = history.read("dev-1", "load", "", ["field-39"], 0, math.inf)
    assert len(found) == 8000
    assert set(columns["field-39"]) == {1.5}
    history.close()
    journal.close()
    if isinstance(place, Path):  # what PostgreSQL gives back when is its own affair
        assert (place / "journal.db").stat().st_size < 1.2 * 2**20  # the rows took three times as much


def test_periods_of_smart_are_longer(journal: Journal, history: History) -> None:
    for day in range(12):
        put(journal, MIDNIGHT + day * DAY, kind="smart", part="disk-a", raw=float(day))
    history.seal(MIDNIGHT + 12 * DAY, ALL)
    assert history.stats().blocks == 2
    found, _ = history.read("dev-1", "smart", "disk-a", ["raw"], 0, math.inf)
    assert len(found) == 12
    assert times(history) == []


def test_latest_of_all_series_of_a_kind(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT, device="gone", kind="smart", part="disk-a", raw=1.0, value=100.0)
    put(journal, MIDNIGHT + 30 * DAY, device="here", kind="smart", part="disk-b", raw=2.0)
    put(journal, MIDNIGHT + 30 * DAY, device="here", cpu=2.0)
    history.seal(MIDNIGHT + 30 * DAY, ALL)
    assert history.latest_all("smart", ["raw"]) == {
        ("gone", "disk-a"): (MIDNIGHT, None, {"raw": 1.0}),
        ("here", "disk-b"): (MIDNIGHT + 30 * DAY, MIDNIGHT + 30 * DAY, {"raw": 2.0}),
    }
    latest = history.latest("gone", "smart", "disk-a")
    assert latest is not None
    assert latest.values == {"raw": 1.0, "value": 100.0}


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("last", [2.0, math.nan, 7.0]), ("mean", [1.0, math.nan, 6.5]), ("min", [0.0, math.nan, 6.0])],
)
def test_fewer_points(journal: Journal, history: History, aggregate: str, expected: list[float]) -> None:
    for second, value in enumerate([0.0, 1.0, 2.0, math.nan, math.nan, math.nan, 6.0, 7.0, math.nan]):
        put(journal, MIDNIGHT + second, cpu=value)
    found, columns = history.read(
        "dev-1",
        "load",
        "",
        ["cpu"],
        MIDNIGHT,
        MIDNIGHT + 8,
        3,
        aggregate,  # type: ignore[arg-type]
    )
    assert list(found - MIDNIGHT) == [2, 5, 8]
    assert np.array_equal(columns["cpu"], expected, equal_nan=True)


def test_no_more_points_than_asked_for_however_they_lie(journal: Journal, history: History) -> None:
    for second in (0, 1, 2, 3, 3000, 86_399, 86_400):
        put(journal, MIDNIGHT + second, cpu=float(second))
    for most in range(1, 9):
        found, columns = history.read("dev-1", "load", "", ["cpu"], MIDNIGHT, MIDNIGHT + DAY, most, "max")
        assert 0 < len(found) <= most
        assert columns["cpu"][-1] == 86_400.0


def test_questions_that_make_no_sense(journal: Journal, history: History) -> None:
    put(journal, MIDNIGHT, cpu=1.0)
    with pytest.raises(ValueError, match="median"):
        history.read("dev-1", "load", "", ["cpu"], 0, 1, 3, "median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        history.read("dev-1", "load", "", ["cpu"], 0, ALL, 0)


def test_old_blocks_are_dropped_whole(journal: Journal, history: History) -> None:
    for hour in range(24):
        put(journal, MIDNIGHT + hour * HOUR, cpu=float(hour))
    put(journal, MIDNIGHT, kind="smart", part="disk-a", raw=1.0)
    history.seal(MIDNIGHT + 40 * DAY, ALL)
    assert history.drop_before("load", MIDNIGHT + 13 * HOUR) == 12
    assert times(history) == [MIDNIGHT + hour * HOUR for hour in range(12, 24)]
    assert history.drop_before("load", MIDNIGHT + 13 * HOUR) == 0
    assert len(history.read("dev-1", "smart", "disk-a", ["raw"], 0, math.inf)[0]) == 1
    stats = history.stats()
    assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (0, 13, 3)


def test_events_are_dropped_by_time(journal: Journal, history: History) -> None:
    for seq in (1, 2, 3):
        at = MIDNIGHT + seq
        journal.commit([Accepted("dev-1", "b1", seq, at, at, (), event=("reboot", "", seq, ""))])
    assert history.drop_before("event", MIDNIGHT + 3) == 2
    with journal.reader() as reader:
        assert [event.occurrences for event in reader.events()] == [3]


def test_a_history_that_was_opened_for_reading_cannot_seal(journal: Journal) -> None:
    with History.open(journal.place) as history, pytest.raises(StoreError, match="reading only"):
        history.seal(MIDNIGHT, ALL)


def test_a_damaged_block_is_said_and_harms_no_other(place: Path | Place, journal: Journal, history: History) -> None:
    for hour in (0, 6, 12):
        put(journal, MIDNIGHT + hour * HOUR, cpu=float(hour))
    history.seal(MIDNIGHT + 12 * HOUR, ALL)
    damaging = journal.place.second_writer()
    with transaction(damaging):
        shortened = "CAST(substr(body, 1, 9) AS BLOB)" if isinstance(place, Path) else "substr(body, 1, 9)"
        damaging.execute(f"UPDATE block SET body = {shortened} WHERE key = (SELECT MIN(key) FROM block)")
    damaging.close()
    with pytest.raises(StoreError, match=r": block \d+ of series 1 is damaged"):
        history.read("dev-1", "load", "", ["cpu"], 0, math.inf)
    assert times(history, MIDNIGHT + 6 * HOUR) == [MIDNIGHT + 6 * HOUR, MIDNIGHT + 12 * HOUR]
    put(journal, MIDNIGHT + HOUR, cpu=1.0, received_at=MIDNIGHT + 12 * HOUR)
    put(journal, MIDNIGHT + 7 * HOUR, cpu=7.0, received_at=MIDNIGHT + 12 * HOUR)
    result = history.seal(MIDNIGHT + 12 * HOUR, ALL)
    assert (result.rows, result.blocks) == (1, 1)
    assert [text.partition(":")[0] for text in result.unreadable] == ["load  of dev-1, period 78704"]
