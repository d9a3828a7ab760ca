"""Signals against the same thing written plainly, one component and one loop at a time."""

import math
import statistics
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_rules.trend import hours_until, theil_sen
from forewarn_rules.windows import KEEPS, Window

ROW = np.array([0])
WIDTH, BINS = 10.0, 4

Observation = tuple[float, float | None]


def plain(history: list[Observation], take: str) -> float:
    """What the window says after the last observation, from the list of all of them."""
    newest = math.floor(max(at for at, _ in history) / WIDTH)
    measured = [(at, value) for at, value in history if value is not None]
    inside = [value for at, value in measured if math.floor(at / WIDTH) >= newest - BINS]
    first = [value for at, value in measured if math.floor(at / WIDTH) == newest - BINS]
    before = [value for at, value in measured if math.floor(at / WIDTH) < newest - BINS]
    if take == "floor":
        if len(measured) < 2:
            return math.nan
        return min([*inside, *(before[-1:] if not first else [])])
    if not inside:
        return {"min": math.inf, "max": -math.inf, "mean": math.nan}[take]
    return {"min": min, "max": max, "mean": statistics.fmean}[take](inside)


steps = st.lists(
    st.tuples(st.sampled_from([1.0, 3.0, 9.0, 10.0, 25.0, 60.0, 200.0]), st.sampled_from([None, 0.0, 1.0, 5.0, 8.0])),
    min_size=1,
    max_size=30,
)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_a_window_is_what_a_plain_list_says(moves: list[tuple[float, float | None]]) -> None:
    window = Window(1, WIDTH, BINS, KEEPS)
    window.reserve(2)
    history: list[Observation] = []
    at = 1000.0
    for step, value in moves:
        at += step
        history.append((at, value))
        window.insert(ROW, np.array([at]), np.array([[math.nan if value is None else value]]))
        if any(value is not None for _, value in history):
            found = {"min": window.lowest(ROW), "max": window.highest(ROW), "mean": window.mean(ROW)}
            for take, summary in found.items():
                assert summary[0, 0] == pytest.approx(plain(history, take), nan_ok=True), take
            assert window.floor(ROW)[0, 0] == pytest.approx(plain(history, "floor"), nan_ok=True)


@given(steps, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_within_the_window_does_not_matter(moves: list[tuple[float, float | None]], random: object) -> None:
    in_order, shuffled = Window(1, WIDTH, BINS, KEEPS), Window(1, WIDTH, BINS, KEEPS)
    times = [1000.0 + n for n in range(len(moves))]
    seen = list(zip(times, [value for _, value in moves], strict=True))
    mixed = seen.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for window, observations in ((in_order, seen), (shuffled, mixed)):
        window.reserve(1)
        for at, value in observations:
            window.insert(ROW, np.array([at]), np.array([[math.nan if value is None else value]]))
    for one, other in ((in_order.lowest(ROW), shuffled.lowest(ROW)), (in_order.mean(ROW), shuffled.mean(ROW))):
        np.testing.assert_allclose(one, other)
    np.testing.assert_array_equal(in_order.points(0, ROW), shuffled.points(0, ROW))


def test_seven_days_of_daily_values_are_exact_to_the_day() -> None:
    window = Window(1, 86400.0, 7, ["growth"])
    window.reserve(1)
    floors = []
    for day, value in enumerate([0.0] * 3 + [5.0] * 12):
        window.insert(ROW, np.array([day * 86400.0]), np.array([[value]]))
        floors.append(float(window.floor(ROW)[0, 0]))
    # day 9 still compares with day 2, seven days before; day 10 no longer does
    assert floors[9:11] == [0.0, 5.0]


values = st.lists(st.integers(-20, 20) | st.none(), min_size=2, max_size=12)


@given(st.lists(values, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_theil_sen_is_the_median_of_all_slopes(series: list[list[int | None]]) -> None:
    length = max(map(len, series))
    table = np.full((length, len(series)), np.nan)
    times = np.repeat(np.arange(length)[:, np.newaxis] * 3.0, len(series), axis=1)
    expected = []
    for n, column in enumerate(series):
        table[: len(column), n] = [math.nan if value is None else value for value in column]
        points = [(3.0 * place, value) for place, value in enumerate(column) if value is not None]
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2)]
        expected.append(statistics.median(slopes) if slopes else math.nan)
    np.testing.assert_allclose(theil_sen(times, table), expected, atol=1e-12)


def until(series: list[float], reach: float, *, up: bool = True, min_span: float = 0.0) -> float:
    times = np.arange(len(series))[:, np.newaxis] * 3600.0
    table = np.array(series)[:, np.newaxis]
    found = hours_until(
        times,
        table,
        table[-1],
        np.array([reach]),
        up=up,
        min_span=min_span,
        min_points=3,
        window=len(series) * 3600.0,
        bin_width=3600.0,
    )
    return float(found[0])


def test_hours_until() -> None:
    assert until([70, 71, 72, 73], 100) == pytest.approx(27)
    assert until([70, 71, 90, 73], 100) == pytest.approx(27 / 1.25, rel=0.3), "a burst hardly bends it"
    assert until([73, 72, 71, 70], 0, up=False) == pytest.approx(70)
    assert until([73, 72, 71, 70], 100) == math.inf, "going away"
    assert until([70, 70, 70, 70], 100) == math.inf, "standing still is known, and is not approaching"
    assert until([70, 71, 72, 73], 1e6) == math.inf, "too far to say"
    assert until([98, 99, 100, 101], 100) == 0.0, "there"
    assert math.isnan(until([70, 71], 100)), "too few points"
    assert math.isnan(until([70, 71, 72, 73], 100, min_span=36000)), "too little history"
    assert math.isnan(until([70, 71, 72, 73], math.nan)), "the limit is unknown"


def test_what_a_component_never_reports_takes_no_room() -> None:
    """Twelve counters of which each of a thousand disks has two: about 20 bytes for each of their bins."""
    bins, disks = 30, 1000
    window = Window(12, 86400.0, bins, ["growth", "slope"])
    window.reserve(disks)
    for disk in range(disks):
        values = np.full((12, 1), math.nan)
        values[[disk % 12, (disk + 1) % 12]] = 1.0
        window.insert(np.array([disk]), np.array([1e9]), values)
    held = sum(array.nbytes for array in window.bins.values())
    assert held / disks < 1.3 * 2 * (bins + 1) * 20


@given(steps, st.sampled_from([("growth",), ("hours_until", "mean"), tuple(KEEPS)]))
@settings(max_examples=200, deadline=None)
def test_a_history_at_once_is_the_same_as_one_by_one(
    moves: list[tuple[float, float | None]], takes: tuple[str, ...]
) -> None:
    """Two metrics, so that one may be unknown where the other is not; then one more observation on both."""
    at = 1000.0 + np.cumsum([step for step, _ in moves])
    column = np.array([math.nan if value is None else value for _, value in moves])
    values = np.stack([column, column[::-1]])
    one_by_one, at_once = Window(2, WIDTH, BINS, takes), Window(2, WIDTH, BINS, takes)
    for window in (one_by_one, at_once):
        window.reserve(2)
    for n in range(len(at)):
        one_by_one.insert(ROW, at[n : n + 1], values[:, n : n + 1])
    at_once.fold(0, at, values)
    for _ in range(2):
        for name in one_by_one.bins:
            held = [window.of(name, window.track) for window in (one_by_one, at_once)]
            np.testing.assert_array_equal(*held, err_msg=name)
        np.testing.assert_array_equal(*[window.carry[window.track] for window in (one_by_one, at_once)])
        np.testing.assert_array_equal(*[window.seen[window.track] for window in (one_by_one, at_once)])
        np.testing.assert_array_equal(one_by_one.newest, at_once.newest)
        for window in (one_by_one, at_once):
            window.insert(ROW, at[-1:] + 25.0, np.array([[3.0], [math.nan]]))


moves_of_any_kind = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "insert", "late", "ask", "raise", "forget"]),
        st.integers(0, 1),
        st.sampled_from([1.0, 3.0, 10.0, 25.0, 60.0]),
        st.sampled_from([math.nan, 0.0, 1.0, 1.0, 5.0]),
        st.sampled_from([math.nan, 0.0, 1.0, 1.0, 5.0]),
    ),
    max_size=40,
)


@given(moves_of_any_kind)
@settings(max_examples=200, deadline=None)
def test_the_lowest_that_is_remembered_is_the_lowest_of_the_bins(
    moves: list[tuple[str, int, float, float, float]],
) -> None:
    """Two components and two metrics; what is remembered is asked for now and then, and at the end."""
    window = Window(2, WIDTH, BINS, ["growth"])
    window.reserve(2)
    both = np.array([0, 1])
    at = 1000.0
    for move, row, step, one, other in [*moves, ("ask", 0, 1.0, 0.0, 0.0)]:
        values = np.array([[one], [other]])
        if move in ("insert", "late"):
            at += step if move == "insert" else 0.0
            when = at if move == "insert" else at - step
            window.insert(both[[row]], np.array([when]), values)
        elif move == "raise":
            window.raise_to(0, row, 3.0)
        elif move == "forget":
            window.forget(row)
            window.fold(row, np.array([at, at + step]), np.hstack([values, values[::-1]]))
            at += step
        else:
            np.testing.assert_array_equal(window.lowest(both), window.of("low", window.track).min(axis=1))
