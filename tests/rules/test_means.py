"""Means in bins against a plain list of what was reported."""

import math
import statistics

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forewarn_rules.means import Means

WIDTH, BINS = 10.0, 4
ROW = np.array([1])

moves = st.lists(
    st.tuples(st.sampled_from([-20.0, -3.0, 0.0, 1.0, 9.0, 10.0, 25.0, 60.0, 200.0]), st.integers(0, 100)),
    min_size=1,
    max_size=40,
)


@given(moves, st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_means_are_what_a_plain_list_says(steps: list[tuple[float, int]], at_once: int) -> None:
    """Of two quantities, at first perhaps a history at once; beside a component of which nothing is known."""
    means = Means(2, WIDTH, BINS)
    means.reserve(3)
    at = 1000.0 + np.cumsum([step for step, _ in steps])
    values = np.array([[value, -2.0 * value] for _, value in steps]).T
    first = at_once if (np.diff(at[:at_once]) > 0).all() and at_once <= len(at) else 0
    if first:
        means.fold(1, at[:first], values[:, :first])
    for n in range(first, len(at)):
        means.insert(ROW, at[n : n + 1], values[:, n : n + 1])
    held: dict[float, list[float]] = {}
    newest = -math.inf
    for number, value in zip(np.floor_divide(at, WIDTH).tolist(), values[0].tolist(), strict=True):
        newest = max(newest, number)
        held = {one: found for one, found in held.items() if one > newest - BINS - 1}
        if number > newest - BINS - 1:
            held.setdefault(number, []).append(value)
    begins, found = means.of(ROW)
    there = ~np.isnan(found[0, :, 0])
    expected = {number * WIDTH: statistics.fmean(seen) for number, seen in held.items()}
    said = dict(zip(begins[there, 0].tolist(), found[0, there, 0].tolist(), strict=True))
    assert said.keys() == expected.keys()
    np.testing.assert_allclose([said[begin] for begin in expected], list(expected.values()), rtol=1e-6)
    np.testing.assert_allclose(found[1], -2.0 * found[0], rtol=1e-6)
    assert means.oldest(ROW)[0] == min(expected)
    assert math.isnan(means.oldest(np.array([2]))[0])
    for until in (at.max(), at.max() - 1.5 * WIDTH, at.max() - 40 * WIDTH):
        lately, touched = means.of_the_last(2 * WIDTH, ROW, np.array([until]))
        number = until // WIDTH
        assert lately[:, 0].tolist() == [(number - back) * WIDTH for back in range(3)]
        wanted = [expected.get(begin, math.nan) for begin in lately[:, 0].tolist()]
        np.testing.assert_allclose(touched[0, :, 0], wanted, rtol=1e-6)
    means.forget(1)
    assert np.isnan(means.of(ROW)[1]).all()


def test_a_mean_of_a_day_of_minutes_is_true_to_a_millionth() -> None:
    means = Means(1, 86400.0, 1)
    means.reserve(1)
    values = 40.0 + np.sin(np.arange(1440.0)) * 17.3
    for n, value in enumerate(values.tolist()):
        means.insert(np.array([0]), np.array([60.0 * n]), np.array([[value]]))
    _, found = means.of(np.array([0]))
    np.testing.assert_allclose(np.nanmax(found), values.mean(), rtol=1e-6)
