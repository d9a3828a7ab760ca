"""The risk model as signals of a rule: values, limits, words, and that a restart loses none of them."""

import re
from collections.abc import Mapping

import numpy as np
import pytest

from forewarn_rules import Change, Engine, Kind, Labels, load_rules
from forewarn_rules.model_signals import because
from forewarn_rules.risk import shipped_model
from forewarn_rules.scorer import Scorer
from forewarn_rules.wording import two_digits

DAY = 86400.0
KEY = ("srv", "Z1")
HDD: Labels = {"disk": "Z1", "serial": "Z1", "slot": "/dev/sda", "disk_kind": "hdd", "model": "ST4000DM000"}
METRICS = ("ata.5.raw", "ata.187.raw", "ata.197.raw", "ata.198.raw")
RULES = load_rules()
FAULT = {"ata.187.raw": 200.0, "ata.197.raw": 400.0, "ata.198.raw": 400.0}


def observe(engine: Engine, day: int, values: Mapping[str, float], labels: Labels = HDD) -> list[Change]:
    metrics = {metric: [values.get(metric, 0.0)] for metric in METRICS}
    return engine.observe(Kind.DISK, [KEY], lambda _: labels, [day * DAY], metrics)


def fallen_ill(engine: Engine) -> Change:
    observe(engine, 1, {})
    (found,) = (change for change in observe(engine, 2, FAULT) if change.rule == "hdd-risk")
    return found


def test_a_change_says_what_within_which_time_how_likely_and_from_what() -> None:
    change = fallen_ill(Engine(RULES))
    assert change.forecast is not None
    assert change.forecast.probability == change.values["risk"]
    assert change.forecast.within_seconds == 30 * DAY
    heaviest, other = change.text.split("Signs: ")[1].split("; ")
    assert heaviest.startswith("pending or offline uncorrectable sectors (197, 198) 400, new in 7 days 400")
    assert other.startswith("reported uncorrectable errors (187) 200")
    assert change.values["ata.197.raw growth 7d"] == 400


def test_the_odds_of_the_signs_are_those_of_the_model() -> None:
    engine = Engine([RULES["hdd-risk"]])
    text = fallen_ill(engine).text
    model = shipped_model("hdd")
    assert model is not None
    scorer = Scorer(model, 1)
    for day, values in ((1, dict.fromkeys(METRICS, 0.0)), (2, {"ata.5.raw": 0.0, **FAULT})):
        risk = scorer.risk(np.array([0]), np.array([day * DAY]), {name: np.array([v]) for name, v in values.items()})
    pending = [n for n, feature in enumerate(model.features) if "ata.197.raw" in feature.metrics]
    said = re.search(r"odds ([\d.,]+) times as high", text)
    assert said is not None
    assert float(said[1].replace(",", "")) == pytest.approx(np.exp(risk.contributions[pending, 0].sum()), rel=0.05)


def test_numbers_of_the_signs_are_written_as_one_says_them() -> None:
    said = because(RULES["hdd-risk"].signals, {"ata.197.raw": 16_000.0, "ata.187.raw": 1.0})["risk_because"]
    assert re.search(r"\(197, 198\) 16,000: odds \d,\d00 times as high; ", said)
    assert re.search(r"\(187\) 1: odds \d\.\d times as high$", said)


@pytest.mark.parametrize(
    ("value", "said"), [(1.105, "1.1"), (2.0, "2"), (9.96, "10"), (47.3, "47"), (1313.0, "1,300"), (2e7, "20,000,000")]
)
def test_an_estimate_has_two_digits(value: float, said: str) -> None:
    assert two_digits(value) == said


def test_limits_are_the_models_own_for_the_variant_that_judges() -> None:
    engine = Engine([RULES["hdd-risk"]])
    model = shipped_model("hdd")
    assert model is not None
    (signal,) = (s for name, s in RULES["hdd-risk"].signals.items() if name == "notable")
    thresholds = model.thresholds(signal.budget)
    assert thresholds is not None
    observe(engine, 1, {})
    (standing,) = engine.levels(Kind.DISK, KEY)
    assert standing.values["notable"] == thresholds[0]
    engine.observe(Kind.DISK, [KEY], lambda _: HDD, [2 * DAY], {"ata.5.raw": [0.0], "ata.197.raw": [0.0]})
    (standing,) = engine.levels(Kind.DISK, KEY)
    assert standing.values["notable"] == thresholds[3]


def test_nothing_reported_is_unknown_and_names_no_hidden_signal() -> None:
    engine = Engine([RULES["hdd-risk"]])
    assert engine.observe(Kind.DISK, [KEY], lambda _: HDD, [DAY], {}) == []
    (standing,) = engine.levels(Kind.DISK, KEY)
    assert standing.values["risk"] is None
    assert set(standing.unknown) == set(RULES["hdd-risk"].signals)


@pytest.mark.parametrize("kind", ["ssd", "nvme", "sas", "emmc", "unknown"])
def test_the_rule_does_not_judge_what_there_is_no_model_for(kind: str) -> None:
    engine = Engine([RULES["hdd-risk"]])
    labels = {**HDD, "disk_kind": kind}
    observe(engine, 1, {}, labels)
    assert observe(engine, 2, FAULT, labels) == []
    assert engine.levels(Kind.DISK, KEY) == []


def test_a_restart_keeps_the_words() -> None:
    engine = Engine([RULES["hdd-risk"]])
    fallen_ill(engine)
    (before,) = engine.levels(Kind.DISK, KEY)
    snapshot = engine.snapshot(Kind.DISK, KEY)
    assert snapshot is not None
    again = Engine([RULES["hdd-risk"]])
    again.restore(Kind.DISK, KEY, snapshot)
    (after,) = again.levels(Kind.DISK, KEY)
    assert after.text == before.text
    assert "times as high" in after.text


def test_what_was_accepted_is_quiet_until_it_grows() -> None:
    engine = Engine([RULES["hdd-risk"]])
    assert fallen_ill(engine).after == "critical"
    (change,) = engine.accept(Kind.DISK, KEY, HDD, 3 * DAY, FAULT, "anna")
    assert (change.before, change.after) == ("critical", "none")
    assert "times as high" in change.text
    assert not [change for day in (4, 5, 6) for change in observe(engine, day, FAULT)]
    worse = {metric: value + 600 for metric, value in FAULT.items()}
    assert [change.after for change in observe(engine, 7, worse)] == ["critical"]
