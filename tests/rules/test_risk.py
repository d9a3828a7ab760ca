"""The risk model: sums of log-odds, what unknown does, and the same windows as rules."""

import json
from typing import Any

import numpy as np
import pytest

from forewarn_rules import Engine, Kind
from forewarn_rules.risk import CLASSES, RiskModel, read_model, shipped_model
from forewarn_rules.scorer import Scorer

DAY = 86400.0


def feature(name: str, metrics: list[str], days: int, top: float, unknown: float = 0.25) -> dict[str, Any]:
    bend = {"log_odds": unknown, "low": 0.0, "high": 1.0}
    return {
        "name": name,
        "metrics": metrics,
        "window_days": days,
        "at": [0, 1, 3, 1023],
        "log_odds": [0, top / 4, top / 2, top],
        "unknown": bend,
    }


def document(**changed: Any) -> dict[str, Any]:
    features = [
        feature("reallocated", ["ata.5.raw"], 0, 4),
        feature("reallocated, new", ["ata.5.raw"], 7, 2),
        feature("reported", ["ata.187.raw"], 0, 6),
        feature("pending", ["ata.197.raw", "ata.198.raw"], 0, 5),
    ]
    variant = {
        "name": "full", "needs": ["ata.187.raw"], "intercept": -8, "features": features,
        "calibration": {"at": [-50, 50], "log_odds": [-50, 50]},
        "operating_points": [{"budget": 2, "probability": 0.1}], "reliability": [],
    }  # fmt: skip
    narrow = variant | {"name": "narrow", "needs": [], "intercept": -7, "operating_points": []}
    found = {
        "schema": 1, "disk_kind": "hdd", "horizon_days": 30, "variants": [variant, narrow],
        "provenance": {"trained_on": "nothing", "command": "none", "sources": []},
    }  # fmt: skip
    return found | changed


def model(**changed: Any) -> RiskModel:
    return read_model(json.dumps(document(**changed)).encode())


def sigmoid(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))


def test_log_odds_are_added_and_joined_by_lines_over_the_logarithm() -> None:
    risk = model().evaluate(np.array([[0.0, 1, 1023, 1e9], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2]]))
    between = 5 / 4 + 5 / 4 * (np.log(3) - np.log(2)) / (np.log(4) - np.log(2))
    wanted = [sigmoid(-8), sigmoid(-7), sigmoid(-4), sigmoid(-4 + between)]
    assert risk.probability == pytest.approx(wanted)
    assert risk.contributions[:, 1].tolist() == [1, 0, 0, 0]
    assert risk.low == pytest.approx(risk.probability)
    assert risk.high == pytest.approx(risk.probability)


def test_unknown_is_not_zero_and_widens() -> None:
    known = model().evaluate(np.array([[0.0], [0], [0], [0]]))
    risk = model().evaluate(np.array([[0.0], [np.nan], [0], [0]]))
    assert risk.probability[0] > known.probability[0]
    assert risk.low[0] == pytest.approx(known.probability[0])
    assert risk.high[0] == pytest.approx(sigmoid(-7))
    assert risk.low[0] < risk.probability[0] < risk.high[0]


def test_a_disk_is_judged_by_the_first_variant_that_it_reports_enough_for() -> None:
    nothing = np.nan
    features = np.array([[0, 0, nothing], [0, 0, nothing], [0, nothing, nothing], [0, 0, nothing]])
    risk = model().evaluate(features)
    assert risk.variant.tolist() == [0, 1, -1]
    assert np.isnan(risk.probability).tolist() == [False, False, True]


def test_a_calibration_bends_the_sum() -> None:
    variants = document()["variants"]
    for variant in variants:
        variant["calibration"] = {"at": [-20, -8, -4, 20], "log_odds": [-20, -8, -6, 0]}
    risk = model(variants=variants).evaluate(np.array([[0.0, 1023], [0, 0], [0, 0], [0, 0]]))
    assert risk.probability == pytest.approx([sigmoid(-8), sigmoid(-6)])


def test_a_calibration_that_falls_is_refused() -> None:
    variants = document()["variants"]
    variants[1]["calibration"] = {"at": [1, 0], "log_odds": [0, 1]}
    with pytest.raises(ValueError, match="calibration must ascend"):
        model(variants=variants)


def with_points(*points: tuple[float, float]) -> RiskModel:
    variants = document()["variants"]
    for variant in variants:
        variant["operating_points"] = [{"budget": budget, "probability": found} for budget, found in points]
    return model(variants=variants)


def test_between_two_budgets_the_limit_lies_between_theirs() -> None:
    measured = with_points((1, 0.5), (4, 0.1))
    assert measured.thresholds(1).tolist() == [0.5, 0.5]
    assert measured.thresholds(4).tolist() == [0.1, 0.1]
    assert measured.thresholds(2) == pytest.approx([0.25] * 2)  # log-odds 0 and -2.197; 2 is half way, as a ratio
    assert np.diff([measured.thresholds(budget)[0] for budget in np.linspace(1, 4, 50)]).max() < 0


@pytest.mark.parametrize("budget", [0.9, 4.1])
def test_beyond_the_budgets_that_were_measured_there_is_no_limit(budget: float) -> None:
    with pytest.raises(ValueError, match=f"for a budget of {budget}; it was measured for 1 to 4"):
        with_points((1, 0.5), (4, 0.1)).thresholds(budget)
    with pytest.raises(ValueError, match="it was measured for none"):
        model().thresholds(2)  # one variant has none


def test_a_disk_that_is_seen_for_the_first_time_has_a_variant_of_its_own() -> None:
    variants = document()["variants"]
    first = variants[0] | {"name": "first", "first_sight": True, "intercept": -3}
    judged = model(variants=[first, *variants])
    new, old, foreign = [9.0, np.nan, 0, 0], [9.0, 0, 0, 0], [9.0, np.nan, np.nan, 0]
    assert judged.choose(np.array([new, old, foreign]).T).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"schema": 2}, "schema 2"),
        ({"variants": []}, "without a feature"),
        ({"horizon_days": "soon"}, "not a risk model"),
        ({"colour": "red"}, "not a risk model"),
    ],
)
def test_what_is_no_model_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        model(**changed)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("at", [0, 3, 1, 9], "must ascend"),
        ("log_odds", [1], "one log-odds each"),
        ("metrics", ["ata.999.raw"], "no metric"),
    ],
)
def test_a_feature_that_cannot_be_is_refused(key: str, value: Any, says: str) -> None:
    variants = document()["variants"]
    for variant in variants:
        variant["features"][0][key] = value
    with pytest.raises(ValueError, match=says):
        model(variants=variants)


def test_growth_is_that_of_the_rules(write_rules: Any) -> None:
    """The model's windows and those of a rule see the same, through gaps, falls and missing values."""
    rules = write_rules(
        metric="ata.5.raw",
        grown="""
scope: {per: [device, disk]}
signals: {new: {metric: ata.5.raw, take: growth, window: 7d}}
levels: {warning: {raise: {new: {at_least: 1}}}}
""",
    )
    engine = Engine(rules)
    scorer = Scorer(model(), 1)
    random = np.random.default_rng(1)
    values = np.where(random.random(200) < 0.2, np.nan, np.cumsum(random.random(200) < 0.1) * 8.0)
    values[120:] -= 40
    compared = 0
    for day in np.flatnonzero(random.random(200) < 0.8).tolist():
        at, metrics = np.array([day * DAY]), {"ata.5.raw": values[day : day + 1]}
        engine.observe(Kind.DISK, [("d", "x")], lambda _: {"disk": "x"}, at, metrics)
        (standing,) = engine.levels(Kind.DISK, ("d", "x"))
        seen = scorer._windows.observe(np.array([0]), at, metrics)[1, 0]
        assert (standing.values["new"] is None) == np.isnan(seen)
        if standing.values["new"] is not None:
            assert standing.values["new"] == seen
            compared += seen > 0
    assert compared > 20


def test_the_shipped_model_judges_full_and_narrow_disks() -> None:
    found = shipped_model("hdd")
    assert found is not None
    scorer = Scorer(found, 3)
    rows, at = np.arange(3), np.zeros(3)
    unknown, none = np.nan, 0.0
    metrics = {
        "ata.5.raw": [0, 0, 200.0],
        "ata.187.raw": [none, unknown, unknown],
        "ata.197.raw": [0, 0, 100.0],
        "ata.198.raw": [none, unknown, unknown],
    }
    risk = scorer.risk(rows, at, {name: np.array(column) for name, column in metrics.items()})
    assert risk.variant.tolist() == [0, 1, 1]
    assert (risk.probability[:2] < 0.01).all()
    assert risk.probability[2] > 0.05
    assert (risk.low <= risk.probability).all()
    assert (risk.probability <= risk.high).all()


def test_the_shipped_model_never_falls_with_a_worse_sign_and_says_what_it_is_from() -> None:
    found = shipped_model("hdd")
    assert found is not None
    for variant in found.variants:
        assert all(list(feature.log_odds) == sorted(feature.log_odds) for feature in variant.features)
        assert variant.operating_points
        assert variant.reliability
    assert found.provenance.sources
    assert all(source.failures and source.drives for source in found.provenance.sources)


def test_there_is_no_model_where_there_is_no_data() -> None:
    assert [kind for kind in CLASSES if shipped_model(kind) is None] == ["ssd", "nvme", "sas"]
    assert shipped_model("unknown") is None
