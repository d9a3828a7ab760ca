"""Rollups: of whatever comes in whatever order, an hour's rollup is that of all its rows."""

import math
import sqlite3
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.long_ago import fields_of, read_long
from forewarn_collector.store.model import Accepted, Floats, Point
from forewarn_collector.store.rollups import AGGREGATES, HOUR, Table, roll_up, rolled_up_field
from forewarn_collector.store.sampling import Aggregate

MIDNIGHT = 1_700_006_400.0
DAY = 86_400.0
ALL = 10**12
LAYOUTS = [(), ("cpu",), ("memory|a", "cpu"), ("cpu", "memory|a", "fan")]
FIELDS = ("cpu", "fan", "memory|a")


def put(journal: Journal, at: float, received_at: float | None = None, kind: str = "load", **fields: float) -> None:
    point = Point("dev-1", kind, "", at, tuple(fields), tuple(fields.values()), b"{}")
    journal.commit([Accepted("dev-1", "b1", None, at, at if received_at is None else received_at, (point,))])


def rollups(history: History, field: str = "cpu", kind: str = "load.hour") -> dict[float, list[float]]:
    """Hours after midnight to what is known of them, in the order of AGGREGATES."""
    names = [rolled_up_field(field, aggregate) for aggregate in AGGREGATES]
    times, columns = history.read("dev-1", kind, "", names, 0, math.inf)
    rows = np.column_stack([columns[name] for name in names]).tolist()
    return {(at - MIDNIGHT) / 3600: row for at, row in zip(times.tolist(), rows, strict=True)}


def seal_all(journal: Journal, now: float = MIDNIGHT + 900 * DAY) -> None:
    for _ in range(3):  # rows, then their rollups, then what those left
        while journal.seal(now, ALL, 3).more:
            pass


def test_an_hour_in_numbers() -> None:
    times = np.array([0, 10, HOUR - 1, HOUR, 5 * HOUR], np.int64)
    table = Table(("a", "b"), times, [np.array([0.1, 0.2, 0.4, 7.0, math.nan]), np.full(5, math.nan)])
    found = list(roll_up([table], {0, HOUR, 5 * HOUR}))
    assert [rollup.hour for rollup in found] == [0, HOUR, 5 * HOUR]
    nan = math.nan
    expected: list[list[float]] = [[0.1, 0.4, 0.7, 3, 0.4], [7, 7, 7, 1, 7], [nan, nan, nan, 0, nan]]
    for rollup, values in zip(found, expected, strict=True):
        assert np.array_equal(rollup.values, [*values, nan, nan, nan, 0, nan], equal_nan=True)


def test_sums_that_no_number_can_hold_are_unknown() -> None:
    table = Table(("a",), np.array([0, 1], np.int64), [np.array([1.7e308, 1.7e308])])
    (rollup,) = roll_up([table], {0})
    assert rollup.values.tolist()[:2] == [1.7e308, 1.7e308]
    assert math.isnan(rollup.values[2])


def test_sealing_rolls_up_and_rollups_are_sealed_in_their_turn(journal: Journal) -> None:
    with journal.history() as history:
        for minute in range(0, 13 * 60, 20):
            put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
        journal.seal(MIDNIGHT + 13 * 3600, ALL)
        found = rollups(history)
        assert list(found) == list(range(12)), "the newest period is still to come"
        assert found[2] == [120, 160, 420, 3, 160]
        journal.seal(MIDNIGHT + 13 * 3600, ALL)
        stats = history.stats()
        assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (3 + 12, 36, 2), "less than a day of them waits"
        for minute in range(13 * 60, 25 * 60, 20):
            put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
        journal.seal(MIDNIGHT + 25 * 3600, ALL)
        journal.seal(MIDNIGHT + 25 * 3600, ALL)
        assert list(rollups(history)) == list(range(24))
        assert {hour: rollups(history)[hour] for hour in found} == found
        stats = history.stats()
        assert (stats.head_rows, stats.sealed_rows, stats.blocks) == (3, 72 + 24, 5)
    with journal.reader() as reader:
        assert [series.kind for series in reader.series_of("dev-1")] == ["load"]


@pytest.mark.parametrize("sealed", [False, True], ids=["rollups in the head", "rollups in blocks"])
def test_a_late_row_corrects_the_hour(journal: Journal, sealed: bool) -> None:
    now = MIDNIGHT + 25 * 3600
    for hour in range(25):
        put(journal, MIDNIGHT + hour * 3600, cpu=float(hour))
    journal.seal(now, ALL)
    if sealed:
        assert journal.seal(now, ALL).rows == 24
    put(journal, MIDNIGHT + 2 * 3600 + 60, now, cpu=-5.0)
    put(journal, MIDNIGHT + 3 * 3600, now, cpu=9.0, fan=1.0)  # in the place of one that was sealed
    journal.seal(now, ALL)
    with journal.history() as history:
        found = rollups(history)
        assert (found[2], found[3], found[4]) == ([-5, 2, -3, 2, -5], [9, 9, 9, 1, 9], [4, 4, 4, 1, 4])
        assert rollups(history, "fan")[3] == [1, 1, 1, 1, 1]
        seal_all(journal)
        assert rollups(history)[2] == found[2]


def test_a_late_row_is_added_where_the_others_are_swept(journal: Journal) -> None:
    for minute in (0, 20, 40):
        put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
    seal_all(journal)
    assert journal.drop_before("load", MIDNIGHT + DAY) == 3
    for again in (1, 2):  # the second time the late block itself is there
        put(journal, MIDNIGHT + again * 60, MIDNIGHT + DAY, cpu=100.0 * again, fan=3.0)
        seal_all(journal)
        with journal.history() as history:
            assert rollups(history)[0] == [0, 100 * again, 60 + (100 if again == 1 else 300), 3 + again, 40]
            assert rollups(history, "fan")[0] == [3, 3, 3 * again, again, 3]
    put(journal, MIDNIGHT + 60, MIDNIGHT + DAY, cpu=1.0)  # told once more: it was counted
    seal_all(journal)
    with journal.history() as history:
        assert rollups(history)[0] == [0, 200, 360, 5, 40]
    journal.drop_before("load", MIDNIGHT + DAY)
    with journal.history() as history:
        assert len(history.read("dev-1", "load", "", [], 0, math.inf)[0]) == 0
        assert rollups(history)[0] == [0, 200, 360, 5, 40]


def test_what_an_earlier_version_sealed_is_rolled_up_before_it_is_swept(tmp_path: Path) -> None:
    with Journal(tmp_path, rollups=False) as journal:
        for hour in range(40):
            put(journal, MIDNIGHT + hour * 3600, cpu=float(hour))
            put(journal, MIDNIGHT + hour * 3600, kind="smart", cpu=float(hour))
        seal_all(journal)
    with sqlite3.connect(tmp_path / "journal.db") as database:  # as the migration does
        database.execute("UPDATE series SET unrolled = id << 42")
        damaged = "SELECT MIN(key) FROM block WHERE key > (SELECT id << 42 FROM series WHERE kind = 'load')"
        database.execute(f"UPDATE block SET body = x'00' WHERE key = ({damaged})")
    database.close()
    with Journal(tmp_path) as journal, journal.history() as history:
        assert journal.drop_before("load", MIDNIGHT + DAY) == 0
        unreadable = [text for _ in range(20) for text in journal.seal(MIDNIGHT + 900 * DAY, ALL, 3).unreadable]
        assert len(unreadable) == 1
        assert list(rollups(history)) == list(range(6, 40)), "but for the block that cannot be read"
        assert list(rollups(history, kind="smart.hour")) == list(range(40))
        assert journal.drop_before("load", MIDNIGHT + DAY) == 24
        assert rollups(history)[7] == [7, 7, 7, 1, 7]


class Sent(NamedTuple):
    minutes: int
    fields: tuple[str, ...]
    values: tuple[float, ...]


@st.composite
def reports(draw: st.DrawFn) -> Sent:
    fields = draw(st.sampled_from(LAYOUTS))
    value = st.sampled_from([math.nan, 0.0, 1.5, 99.9, -7.25])
    return Sent(draw(st.integers(0, 90)) * 20, fields, tuple(draw(value) for _ in fields))


STEPS = st.lists(
    st.lists(reports(), min_size=1, max_size=10) | st.tuples(st.integers(0, 40), st.integers(1, 4)), max_size=12
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_the_order(steps: list[list[Sent] | tuple[int, int]]) -> None:
    model: dict[int, Sent] = {}
    with tempfile.TemporaryDirectory() as directory, Journal(Path(directory)) as journal, journal.history() as history:
        for step in steps:
            if isinstance(step, tuple):
                journal.seal(MIDNIGHT + step[0] * 3600, ALL, step[1])
                continue
            for sent in step:
                at = MIDNIGHT + sent.minutes * 60
                point = Point("dev-1", "load", "", at, sent.fields, sent.values, b"{}")
                assert journal.commit([Accepted("dev-1", "b1", None, at, at, (point,))]) == [True]
                model[sent.minutes] = sent
        seal_all(journal)
        for field in FIELDS:
            assert equal(rollups(history, field), expected(model, field))


def expected(model: dict[int, Sent], field: str) -> dict[float, list[float]]:
    found: dict[float, list[float]] = {}
    for hour in sorted({minutes // 60 for minutes in model}):
        rows = [model[minutes] for minutes in sorted(model) if minutes // 60 == hour]
        carried = [row.values[row.fields.index(field)] for row in rows if field in row.fields]
        known = [value for value in carried if not math.isnan(value)]
        nan = math.nan
        none = [nan, nan, nan, 0.0 if carried else nan, nan]
        found[hour] = [min(known), max(known), round(sum(known), 6), len(known), known[-1]] if known else none
    return found


def equal(one: dict[float, list[float]], other: dict[float, list[float]]) -> bool:
    def table(rollups: dict[float, list[float]]) -> Floats:
        return np.array(list(rollups.values())).reshape(-1, len(AGGREGATES))

    return list(one) == list(other) and np.allclose(table(one), table(other), rtol=0, atol=1e-9, equal_nan=True)


def test_long_ago_is_read_from_rollups(journal: Journal) -> None:
    for minute in range(0, 60 * 60, 20):
        put(journal, MIDNIGHT + minute * 60, cpu=float(minute))
    seal_all(journal)
    journal.drop_before("load", MIDNIGHT + DAY)
    with journal.history() as history:
        assert fields_of(history, "dev-1", "load", "") == ("cpu",)
        expected: dict[Aggregate, float] = {"last": 160.0, "mean": 140.0, "min": 120.0, "max": 160.0}
        for aggregate, hour_2 in expected.items():
            times, values = read_long(history, "dev-1", "load", "", "cpu", MIDNIGHT, math.inf, None, aggregate)
            assert times.tolist() == [
                *(MIDNIGHT + hour * 3600 for hour in range(24)),
                *(MIDNIGHT + minute * 60 for minute in range(24 * 60, 60 * 60, 20)),
            ]
            assert (values[2], values[24], values[-1]) == (hour_2, 1440, 3580)
        end = MIDNIGHT + 60 * 3600
        times, values = read_long(history, "dev-1", "load", "", "cpu", MIDNIGHT, end, 5, "max")
        assert values.tolist() == [760, 1440, 2160, 2880, 3580]
        seal_all(journal)
        journal.drop_before("load", MIDNIGHT + 30 * DAY)
        assert fields_of(history, "dev-1", "load", "") == ("cpu",)
        assert len(read_long(history, "dev-1", "load", "", "cpu", MIDNIGHT, end, None, "last")[0]) == 60
        assert len(read_long(history, "dev-1", "load", "", "fan", MIDNIGHT, end, None, "last")[0]) == 0
