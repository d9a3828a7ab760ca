"""What every history store does alike: written once, tried on each."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.histories import Tried

from forewarn_collector.store.external.interface import Sample, SeriesName
from forewarn_collector.store.external.lines import lines_of, problem_of, read_back, written
from forewarn_collector.store.model import milliseconds
from forewarn_collector.store.sampling import Aggregate, thin_out

MIDNIGHT = 1_795_737_600_000  # 2026-11-27, milliseconds
MINUTE = 60_000
DAY = 86_400_000
CPU, DATA, ROOT = "cpu.used_percent", "filesystem.used_percent|/data", "filesystem.used_percent|C:\\"


def sample(series: SeriesName, at: int, fields: dict[str, float]) -> Sample:
    return Sample(series, at, tuple(fields), tuple(fields.values()))


def same(found: Sequence[float], wanted: Sequence[float]) -> bool:
    """VictoriaMetrics keeps about 12 digits of the greatest value of a block."""
    return np.allclose(found, wanted, rtol=1e-12, atol=1e-12, equal_nan=True)


def read(tried: Tried, series: SeriesName, fields: list[str], start: float, end: float) -> list[list[float]]:
    times, columns = tried.store.read(*series, fields, start, end)
    return [times.tolist(), *(columns[field].tolist() for field in fields)]


def test_what_was_written_is_read(tried: Tried, series: SeriesName) -> None:
    values = [0.0, 99.9, -40.0, 1e17, 2.0**40 + 1]
    tried.write(*(sample(series, MIDNIGHT + n * MINUTE, {CPU: value, DATA: n}) for n, value in enumerate(values)))
    times, cpu, data = read(tried, series, [CPU, DATA], MIDNIGHT / 1000, math.inf)
    assert times == [MIDNIGHT / 1000 + n * 60 for n in range(5)]
    assert same(cpu, values)
    assert data == [0, 1, 2, 3, 4]


def test_start_and_end_are_included_to_the_millisecond(tried: Tried, series: SeriesName) -> None:
    tried.write(*(sample(series, MIDNIGHT + n, {CPU: n}) for n in range(5)))
    times, cpu = read(tried, series, [CPU], (MIDNIGHT + 1) / 1000, (MIDNIGHT + 3) / 1000)
    assert times == [(MIDNIGHT + n) / 1000 for n in (1, 2, 3)]
    assert cpu == [1, 2, 3]


def test_a_row_at_the_midnight_that_ends_the_time_is_found(tried: Tried, series: SeriesName) -> None:
    """VictoriaMetrics looks for series by day. When it takes the first rows of one at once, it may keep it as two, one
    of which begins at that midnight."""
    tried.write(sample(series, MIDNIGHT, {CPU: 1}))
    assert tried.store.count(series, MIDNIGHT - DAY, MIDNIGHT) == 1
    assert read(tried, series, [CPU], (MIDNIGHT - DAY) / 1000, MIDNIGHT / 1000) == [[MIDNIGHT / 1000], [1]]


def test_could_not_be_measured_is_not_the_same_as_not_there_and_never_zero(tried: Tried, series: SeriesName) -> None:
    """A row that has nothing to tell, one whose value could not be measured, one that knew of no file system."""
    rows = [
        sample(series, MIDNIGHT, {}),
        sample(series, MIDNIGHT + 1, {CPU: math.nan, DATA: math.nan}),
        sample(series, MIDNIGHT + 2, {CPU: 0.0}),
    ]
    tried.write(*rows)
    times, cpu, data = read(tried, series, [CPU, DATA], 0, math.inf)
    assert len(times) == 3
    assert same(cpu, [math.nan, math.nan, 0.0])
    assert same(data, [math.nan] * 3)
    found = list(tried.store.rows(series, MIDNIGHT, MIDNIGHT + 2))
    assert [set(each.fields) for each in found] == [set(), {CPU, DATA}, {CPU}]
    assert all(math.isnan(value) for value in found[1].values)
    tried.write(sample(series, MIDNIGHT + 3, {DATA: math.nan}))
    latest = tried.store.latest(*series)
    assert latest is not None
    assert (latest.at, list(latest.values), latest.received_at) == ((MIDNIGHT + 3) / 1000, [DATA], None)
    assert math.isnan(latest.values[DATA])


@pytest.mark.parametrize("part", ["", "WD-WCC4N5", "a b,c=d", "C:\\", 'say "hi"', "it's", "50%", "数据盘", "a|b\n\x01"])
def test_odd_names_come_back_as_they_were(tried: Tried, series: SeriesName, part: str) -> None:
    odd = series._replace(kind="smart", part=part)
    field = f"temperature.celsius|{part}" if part else "temperature.celsius"
    tried.write(sample(odd, MIDNIGHT, {field: 41.5}))
    assert list(tried.store.rows(odd, MIDNIGHT, MIDNIGHT)) == [Sample(odd, MIDNIGHT, (field,), [41.5])]
    assert read(tried, odd, [field], 0, math.inf)[1] == [41.5]
    assert odd in [span.series for span in tried.store.spans()]


def test_series_are_kept_apart(tried: Tried, series: SeriesName) -> None:
    """Part and kind tell them apart, also where one of them is empty or begins like another."""
    others = [series._replace(kind="smart"), series._replace(part="sda"), series._replace(device=f"{series.device}-2")]
    for number, one in enumerate([series, *others]):
        tried.write(sample(one, MIDNIGHT, {CPU: number}))
    for number, one in enumerate([series, *others]):
        assert read(tried, one, [CPU], 0, math.inf) == [[MIDNIGHT / 1000], [number]]


def test_written_twice_is_there_once(tried: Tried, series: SeriesName) -> None:
    rows = [sample(series, MIDNIGHT + n * MINUTE, {CPU: n / 7, DATA: math.nan}) for n in range(20)]
    for _ in range(3):
        tried.write(*rows)
    assert tried.store.count(series, 0, MIDNIGHT + DAY) == 20
    assert len(list(tried.store.rows(series, 0, MIDNIGHT + DAY))) == 20
    assert len(read(tried, series, [CPU], 0, math.inf)[0]) == 20


def test_late_rows_stand_where_they_belong(tried: Tried, series: SeriesName) -> None:
    tried.write(sample(series, MIDNIGHT, {CPU: 3.0}))
    tried.write(sample(series, MIDNIGHT - 40 * DAY, {CPU: 1.0}), sample(series, MIDNIGHT - 3 * MINUTE, {CPU: 2.0}))
    times, cpu = read(tried, series, [CPU], 0, math.inf)
    assert (times, cpu) == (sorted(times), [1, 2, 3])
    latest = tried.store.latest(*series)
    assert latest is not None
    assert latest.values == {CPU: 3.0}


def test_of_two_rows_of_one_time_one_counts(tried: Tried, series: SeriesName) -> None:
    """The newer one; VictoriaMetrics, which replaces nothing, shows the greater value, as its documentation says."""
    tried.write(sample(series, MIDNIGHT, {CPU: 70.0, DATA: 1.0}))
    tried.write(sample(series, MIDNIGHT, {CPU: 20.0, DATA: 2.0}))
    expected = 70.0 if tried.kind == "victoriametrics" else 20.0
    assert read(tried, series, [CPU, DATA], 0, math.inf) == [[MIDNIGHT / 1000], [expected], [2.0]]
    assert tried.store.count(series, 0, MIDNIGHT) == 1


@pytest.mark.parametrize("aggregate", ["last", "mean", "min", "max"])
def test_fewer_points(tried: Tried, series: SeriesName, aggregate: Aggregate) -> None:
    values = [math.nan if n % 11 == 0 else math.sin(n) for n in range(120)]
    tried.write(*(sample(series, MIDNIGHT + n * MINUTE, {CPU: value}) for n, value in enumerate(values)))
    start, end = MIDNIGHT / 1000, MIDNIGHT / 1000 + 7200
    times, columns = tried.store.read(*series, [CPU], start, end, 10, aggregate)
    all_times = np.arange(MIDNIGHT, MIDNIGHT + 120 * MINUTE, MINUTE)
    wanted = thin_out(all_times, [np.array(values)], milliseconds(start), milliseconds(end), 10, aggregate)
    assert len(times) == 10
    assert np.array_equal(times * 1000, wanted[0])
    assert same(columns[CPU].tolist(), wanted[1][0].tolist())


def test_what_is_not_known(tried: Tried, series: SeriesName) -> None:
    assert read(tried, series, [CPU], 0, math.inf) == [[], []]
    assert tried.store.latest(*series) is None
    assert tried.store.count(series, 0, MIDNIGHT) == 0
    assert list(tried.store.rows(series, 0, MIDNIGHT)) == []
    tried.write(sample(series, MIDNIGHT, {CPU: 1.0}))
    times, nothing = read(tried, series, ["fan.rpm|x"], 0, math.inf)
    assert (times, same(nothing, [math.nan])) == ([MIDNIGHT / 1000], True)
    assert read(tried, series, [CPU], 5, 4) == [[], []]
    assert read(tried, series, [CPU], -9, -1) == [[], []]


def test_series_and_how_far_they_reach(tried: Tried, series: SeriesName) -> None:
    disk = series._replace(kind="smart", part="X1")
    tried.write(sample(series, MIDNIGHT - 100 * DAY, {CPU: 1.0}), sample(series, MIDNIGHT + 5, {CPU: 2.0}))
    tried.write(sample(disk, MIDNIGHT, {"ata.5.raw": 8.0}))
    mine = [span for span in tried.store.spans() if span.series.device == series.device]
    assert [tuple(span) for span in mine] == [(series, MIDNIGHT - 100 * DAY, MIDNIGHT + 5), (disk, MIDNIGHT, MIDNIGHT)]
    assert tried.store.count(series, MIDNIGHT, MIDNIGHT + 5) == 1


def test_it_says_that_it_is_well(tried: Tried) -> None:
    condition = tried.store.check()
    assert bool(condition.started) == (tried.kind == "victoriametrics") == (tried.store.flush_seconds > 0)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(NAMES)
def test_every_name_comes_back(name: str) -> None:
    there = written(name)
    assert read_back(there) == name
    assert "\\" not in there
    assert there.isprintable() or not any(c in there for c in "\n\r\x00")


@given(NAMES, NAMES, st.dictionaries(NAMES, st.floats(allow_infinity=False), max_size=4))
def test_a_line_is_a_line(device: str, part: str, fields: dict[str, float]) -> None:
    """Nothing that a name holds can end a line or begin another."""
    one = sample(SeriesName(device, "load", part), MIDNIGHT, fields)
    if problem_of(one) is None:
        lines = lines_of(one)
        assert all(line.startswith("forewarn,device=") and line.endswith(f" {MIDNIGHT}") for line in lines)
        assert not any(character in line for line in lines for character in "\n\r")
