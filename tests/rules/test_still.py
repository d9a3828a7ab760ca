"""Counters that stand still have no bins; a window answers for them as one that has bins for all."""

import math
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forewarn_rules.still import StillWindow
from forewarn_rules.windows import Window

WIDTH, BINS = 10.0, 4
METRICS, COMPONENTS = 3, 4
ALL = np.arange(COMPONENTS)

# Counters that mostly stand still, sometimes move or are reset, and are not always there.
counter = st.sampled_from([5.0] * 6 + [0.0, 1.0, 9.0, math.nan])
report = st.lists(counter, min_size=METRICS, max_size=METRICS)
rounds = st.lists(st.none() | report, min_size=COMPONENTS, max_size=COMPONENTS)
steps = st.sampled_from([0.5, 1.0, 3.0, 9.0, 10.0, 25.0, 60.0, 200.0])
move = st.one_of(
    st.tuples(st.just("report"), steps, rounds),
    st.tuples(st.just("report"), steps, rounds),
    st.tuples(st.just("late"), steps, rounds),
    st.tuples(st.just("accept"), st.integers(0, METRICS - 1), st.integers(0, COMPONENTS - 1)),
    st.tuples(st.just("forget"), st.integers(0, COMPONENTS - 1), st.lists(report, max_size=8)),
)


def alone(what: str, step: float, value: float) -> tuple[str, float, list[list[float] | None]]:
    """One component reports one value."""
    return what, step, [[value] * METRICS, *[None] * (COMPONENTS - 1)]


@example(  # what came last in a bin is not what is the newest in it
    [
        alone("report", 9.0, 5.0),
        alone("late", 3.0, 5.0),
        alone("late", 1.0, 1.0),
        alone("report", 25.0, 9.0),
        alone("report", 25.0, 9.0),
    ]
)
@example(  # a bin takes the place of one that was left in its last second
    [
        alone("report", 9.0, 5.0),
        *[alone("report", 10.0, 5.0)] * BINS,
        alone("report", 2.0, 5.0),
        alone("report", 3.0, 1.0),
        alone("report", 60.0, 9.0),
    ]
)
@given(st.lists(move, max_size=40))
@settings(max_examples=400, deadline=None)
def test_it_answers_as_a_window_with_bins_for_all(moves: list[tuple[str, Any, Any]]) -> None:
    plain, still = Window(METRICS, WIDTH, BINS, ["growth"]), StillWindow(METRICS, WIDTH, BINS)
    at = 1000.0
    for window in (plain, still):
        window.reserve(COMPONENTS)
    for what, first, second in moves:
        if what in ("report", "late"):
            at += first if what == "report" else 0.0
            told = [row for row, values in enumerate(second) if values is not None]
            values = np.array([second[row] for row in told], dtype=np.float64).reshape(-1, METRICS).T
            # Each component has a time of its own.
            times = np.array([at + row * 0.1 - (first if what == "late" else 0.0) for row in told])
            for window in (plain, still):
                window.insert(np.array(told, dtype=np.intp), times, values)
        elif what == "accept":
            for window in (plain, still):
                window.raise_to(first, second, 5.0)
        else:
            history = np.array(second, dtype=np.float64).reshape(-1, METRICS).T
            times = at - 100.0 + np.arange(len(second), dtype=np.float64) * 12.0
            for window in (plain, still):
                window.forget(first)
                if len(second):
                    window.fold(first, times, history)
        np.testing.assert_array_equal(plain.floor(ALL), still.floor(ALL))


def test_a_counter_that_stands_still_takes_no_bins() -> None:
    """Of a thousand disks with four counters one counter moves: it alone has a track."""
    disks = np.arange(1000)
    window = StillWindow(4, 3600.0, 24)
    window.reserve(len(disks))
    for hour in range(30):
        values = np.full((4, len(disks)), 7.0)
        values[2, 500] = hour
        window.insert(disks, np.full(len(disks), hour * 3600.0), values)
    assert np.count_nonzero(window.track) == 1
    held = sum(array.nbytes for array in window.bins.values())
    assert held < 20 * 25 * 20, "room for some tracks"
    floor = window.floor(disks)
    assert floor[2, 500] == 5.0
    assert (np.delete(floor[2], 500) == 7.0).all()
    assert (floor[[0, 1, 3]] == 7.0).all()
