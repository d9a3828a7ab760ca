"""Stored rows to the columns that the engine observes."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn_collector.judge.rounds import Wanted, past, rounds, slices
from forewarn_collector.store.history import History
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point, Row, Series
from forewarn_rules import Kind

WANTED: Wanted = (
    (Kind.DEVICE, frozenset({"cpu.used_percent"})),
    (Kind.FILESYSTEM, frozenset({"filesystem.used_percent"})),
    (Kind.SENSOR, frozenset()),
    (Kind.DISK, frozenset({"disk.passed", "ata.197.raw"})),
    (Kind.LIVENESS, frozenset({"device.silent_seconds"})),
)
LOAD = Series(1, "pc-1", "load", "", b"{}", 0.0, 0.0)
DISK = Series(2, "pc-1", "smart", "S1", b"{}", 0.0, 0.0)
OTHER = Series(3, "pc-2", "smart", "S2", b"{}", 0.0, 0.0)
ALL = {series.id: series for series in (LOAD, DISK, OTHER)}


def test_a_layout_is_taken_apart_by_component() -> None:
    fields = (
        "cpu.used_percent",
        "filesystem.used_percent|/",
        "filesystem.used_percent|/a|b",
        "filesystem.free_bytes|/",
    )
    found = slices(fields, WANTED)
    assert [(piece.kind, piece.instance, piece.metrics, piece.columns) for piece in found] == [
        (Kind.DEVICE, "", ("cpu.used_percent",), (0,)),
        (Kind.FILESYSTEM, "/", ("filesystem.used_percent",), (1,)),
        (Kind.FILESYSTEM, "/a|b", ("filesystem.used_percent",), (2,)),
    ]


def test_a_disk_that_sleeps_is_observed_as_unknown() -> None:
    (piece,) = slices(("disk.measured",), WANTED)
    assert (piece.kind, piece.metrics) == (Kind.DISK, ())
    ((batch,),) = rounds([Row(1, 2, 5.0, 5.0, ("disk.measured",), np.array([0.0]).tobytes())], ALL, WANTED)
    assert batch.keys == [("pc-1", "S1")]
    assert all(math.isnan(column[0]) for column in batch.metrics.values())


@pytest.mark.parametrize("field", ["temperature.celsius|core", "event.reboot", "nonsense", "", "|", "filesystem|/"])
def test_what_no_rule_wants_makes_no_round(field: str) -> None:
    found = [
        batch
        for batches in rounds([Row(1, 1, 5.0, 5.0, (field,), np.array([1.0]).tobytes())], ALL, WANTED)
        for batch in batches
    ]
    assert all(math.isnan(column[0]) for batch in found for column in batch.metrics.values())
    assert not [batch for batch in found if batch.kind in (Kind.SENSOR, Kind.LIVENESS)]


def test_values_stand_with_their_keys_and_times() -> None:
    fields, layout = ("ata.197.raw", "disk.passed"), ("disk.passed", "ata.197.raw")
    rows = [
        Row(1, 2, 10.0, 10.0, fields, np.array([8.0, 1.0]).tobytes()),
        Row(2, 3, 11.0, 11.0, layout, np.array([0.0, 5.0]).tobytes()),
        Row(3, 2, 12.0, 12.0, ("disk.passed",), np.array([1.0]).tobytes()),
    ]
    first, second = rounds(rows, ALL, WANTED)
    ((kind, keys, at, metrics),) = first
    assert (kind, keys, at.tolist()) == (Kind.DISK, [("pc-1", "S1"), ("pc-2", "S2")], [10.0, 11.0])
    assert metrics["ata.197.raw"].tolist() == [8.0, 5.0]
    assert metrics["disk.passed"].tolist() == [1.0, 0.0]
    assert (second[0].keys, second[0].metrics["disk.passed"].tolist()) == ([("pc-1", "S1")], [1.0])
    assert math.isnan(second[0].metrics["ata.197.raw"][0])


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(0, 5)), max_size=40))
def test_each_component_once_a_round_all_rows_and_each_in_its_order(drawn: list[tuple[int, int]]) -> None:
    fields = {1: ("cpu.used_percent", "filesystem.used_percent|/"), 2: ("disk.passed",), 3: ("disk.passed",)}
    rows = [
        Row(n, series, float(at), 0.0, fields[series], np.full(len(fields[series]), float(n)).tobytes())
        for n, (series, at) in enumerate(drawn)
    ]
    seen: dict[tuple[Kind, tuple[str, str]], list[float]] = {}
    for batches in rounds(rows, ALL, WANTED):
        for batch in batches:
            assert len(set(batch.keys)) == len(batch.keys)
            for place, key in enumerate(batch.keys):
                values = [column[place] for column in batch.metrics.values() if not math.isnan(column[place])]
                seen.setdefault((batch.kind, key), []).extend(values)
    for series in (2, 3):
        mine = [float(n) for n, (one, _) in enumerate(drawn) if one == series]
        assert seen.get((Kind.DISK, (ALL[series].device, ALL[series].part)), []) == mine
    load = [float(n) for n, (one, _) in enumerate(drawn) if one == 1]
    assert seen.get((Kind.DEVICE, ("pc-1", "")), []) == load
    assert seen.get((Kind.FILESYSTEM, ("pc-1", "/")), []) == load


# What is fed to the windows after a restart.

DAY = 86_400.0


class Store:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.seq = 0

    def put(self, day: float, **values: float) -> None:
        self.seq += 1
        fields = tuple(
            {"passed": "disk.passed", "pending": "ata.197.raw", "measured": "disk.measured"}[n] for n in values
        )
        point = Point("pc-1", "smart", "S1", day * DAY, fields, tuple(values.values()), b"{}")
        self.journal.commit([Accepted("pc-1", "b", self.seq, day * DAY, day * DAY, (point,))])

    def past(self, day: float, reach: float, judged: int) -> list[tuple[list[float], dict[str, list[float]]]]:
        with self.journal.reader() as reader:
            series = reader.find_series("pc-1", "smart", "S1")
            assert series is not None
            found = list(past(History(reader), series, day * DAY, reach * DAY, judged, WANTED))
        assert all((piece.kind, piece.key) == (Kind.DISK, ("pc-1", "S1")) for piece in found)
        return [((piece.at / DAY).tolist(), {n: c.tolist() for n, c in piece.metrics.items()}) for piece in found]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Journal(tmp_path) as journal:
        yield Store(journal)


@pytest.mark.parametrize("sealed", [False, True])
def test_the_past_is_what_was_judged_and_the_newest_before_the_window(store: Store, sealed: bool) -> None:
    for day in (1, 2, 100, 101, 102):
        store.put(day, passed=1.0, pending=float(day))
    if sealed:
        store.journal.seal(200 * DAY, 4)
    ((at, metrics),) = store.past(102, 5, judged=4)
    assert at[-3:] == [2, 100, 101]
    assert metrics["ata.197.raw"][-3:] == [2, 100, 101]


def test_the_past_has_the_fields_of_every_layout(store: Store) -> None:
    store.put(1, passed=1.0, pending=3.0)
    store.put(2, measured=0.0)
    store.put(3, passed=1.0)
    ((at, metrics),) = store.past(4, 10, judged=3)
    assert at == [1, 2, 3]
    np.testing.assert_equal(metrics["ata.197.raw"], [3.0, math.nan, math.nan])
    np.testing.assert_equal(metrics["disk.passed"], [1.0, math.nan, 1.0])


def test_late_rows_that_were_judged_are_in_the_past_even_beyond_the_first_row(store: Store) -> None:
    store.put(10, passed=1.0)
    store.put(5, passed=1.0)
    ((at, _),) = store.past(5, 3, judged=1)
    assert at == [10]


def test_a_series_of_which_nothing_was_judged_has_no_past(store: Store) -> None:
    store.put(1, passed=1.0)
    assert store.past(1, 10, judged=0) == []


def test_what_a_rule_wants_of_the_device_is_in_the_slice_of_its_part() -> None:
    wanted: Wanted = ((Kind.SENSOR, frozenset({"temperature.celsius", "cpu.used_percent"})),)
    fields = ("temperature.celsius|core", "cpu.used_percent", "cpu.load_average_1m", "ambient.celsius")
    (piece,) = slices(fields, wanted)
    assert (piece.kind, piece.instance) == (Kind.SENSOR, "core")
    assert (piece.metrics, piece.columns) == (("temperature.celsius", "cpu.used_percent"), (0, 1))
    ((batch,),) = rounds([Row(1, 1, 5.0, 5.0, fields, np.array([61.0, 20.0, 0.3, 25.0]).tobytes())], ALL, wanted)
    assert batch.keys == [("pc-1", "core")]
    assert {name: column.tolist() for name, column in batch.metrics.items()} == {
        "temperature.celsius": [61.0],
        "cpu.used_percent": [20.0],
    }


def test_a_row_that_has_not_as_many_values_as_fields_is_none_even_where_another_makes_up_for_it() -> None:
    rows = [Row(n, n, 5.0, 5.0, ("disk.passed",), np.zeros(values).tobytes()) for n, values in ((2, 2), (3, 0))]
    with pytest.raises(ValueError, match="another number of values"):
        list(rounds(rows, ALL, WANTED))
