"""How honest the band around a forecast is, on series whose end is known because they were made up."""

import numpy as np
import pytest

from forewarn_rules.trend import crossing, hours_until

DAY = 86400.0
SERIES, POINTS = 400, 30


def made_up(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Daily values of many series, twice as long as their history: a line with noise, or a walk with a drift."""
    random = np.random.default_rng(20261123)
    days = np.arange(2 * POINTS)[:, np.newaxis]
    if kind == "line":
        values = days * 1.0 + random.normal(0, 3, (2 * POINTS, SERIES))
    else:
        values = np.cumsum(random.normal(1, 3, (2 * POINTS, SERIES)), axis=0)
    return np.broadcast_to(days * DAY, values.shape).copy(), values


@pytest.mark.parametrize(("kind", "least", "most"), [("line", 0.75, 1.0), ("walk", 0.6, 0.9)])
def test_the_band_holds_about_what_it_says(kind: str, least: float, most: float) -> None:
    """Between p10 and p90 lie 80 % of the arrivals, more or less."""
    times, values = made_up(kind)
    past, now = values[:POINTS], values[POINTS - 1]
    reach = now + 10
    ends = {}
    for share in (0.1, 0.9):
        ends[share] = hours_until(
            times[:POINTS], past, now, reach,
            up=True, min_span=0, min_points=3, window=POINTS * DAY, bin_width=DAY, share=share,
        )  # fmt: skip
    arrived = values[POINTS:] >= reach
    when = np.where(arrived.any(axis=0), (arrived.argmax(axis=0) + 1) * 24.0, np.inf)
    inside = ((when >= ends[0.1] - 24) & (when <= ends[0.9] + 24)).mean()
    assert least <= inside <= most, inside


@pytest.mark.parametrize("kind", ["line", "walk"])
def test_the_likelihood_is_about_the_share_that_arrives(kind: str) -> None:
    times, values = made_up(kind)
    past, now = values[:POINTS], values[POINTS - 1]
    for ahead, rise in ((7, 5.0), (14, 10.0), (14, 20.0), (28, 20.0)):
        likely = crossing(
            times[:POINTS], past, now, now + rise,
            horizon=ahead * DAY, up=True, min_span=0, min_points=3, bin_width=DAY,
        )  # fmt: skip
        arrived = (values[POINTS : POINTS + ahead] >= now + rise).any(axis=0).mean()
        assert likely.mean() == pytest.approx(arrived, abs=0.15), (ahead, rise)
