"""Distances from peers, against the same thing written plainly over the whole fleet."""

import math
import statistics
from collections.abc import Callable

import numpy as np
import pytest

from forewarn_rules import Engine, Kind, RuleSet
from forewarn_rules.peers import SCALED_MAD

START, DAY = 1_700_006_400.0, 86400.0
RULE = """
scope: {per: [device, disk]}
signals:
  distance: {metric: ata.5.raw, take: distance_from_peers, peers: [model, firmware], window: 2d, min_peers: 4}
  spreads: {metric: ata.5.raw, take: spreads_from_peers, peers: [model, firmware], window: 2d, min_peers: 4}
  count: {metric: ata.5.raw, take: count_of_peers, peers: [model, firmware], window: 2d}
levels: {warning: {raise: {distance: {at_least: 1000}}}}
"""
KEYS = [(f"d{n}", "disk") for n in range(24)]


def labels(key: tuple[str, str]) -> dict[str, str | float]:
    n = int(key[0][1:])
    known: dict[str, str | float] = {"model": "AB"[n % 2]}
    return known if n % 8 == 7 else {**known, "firmware": "12"[n // 16]}


def plainly(newest: dict[int, tuple[float, float]], n: int) -> tuple[float, float, float]:
    mine = labels(KEYS[n])
    at, value = newest[n]
    if "firmware" not in mine:
        return (math.nan,) * 3
    like = [v for m, (t, v) in newest.items() if labels(KEYS[m]) == mine and abs(t - at) <= 2 * DAY]
    if len(like) < 4:
        return math.nan, math.nan, len(like)
    middle = statistics.median(like)
    spread = SCALED_MAD * statistics.median(abs(v - middle) for v in like)
    return value - middle, (value - middle) / spread if spread else math.nan, len(like)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_a_plain_loop_says(write_rules: Callable[..., RuleSet], seed: int) -> None:
    engine = Engine(write_rules(metric="ata.5.raw", peers=RULE))
    random = np.random.default_rng(seed)
    newest: dict[int, tuple[float, float]] = {}
    known = 0
    for day in range(20):
        at = START + day * DAY
        here = np.flatnonzero(random.random(len(KEYS)) < 0.6).tolist()
        values = random.integers(0, 50, len(here)).astype(float)
        values[random.random(len(here)) < 0.1] = math.nan
        columns = {"ata.5.raw": values}
        engine.observe(Kind.DISK, [KEYS[n] for n in here], labels, np.full(len(here), at), columns)
        newest |= {n: (at, value) for n, value in zip(here, values.tolist(), strict=True) if not math.isnan(value)}
        for n, value in zip(here, values.tolist(), strict=True):
            (standing,) = engine.levels(Kind.DISK, KEYS[n])
            found = [
                math.nan if standing.values[name] is None else standing.values[name]
                for name in ("distance", "spreads", "count")
            ]
            expected = (math.nan,) * 3 if math.isnan(value) else plainly(newest, n)
            assert found == pytest.approx(expected, nan_ok=True)
            known += not math.isnan(expected[0])
    assert known > 50


def test_who_was_taken_out_is_no_peer(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(metric="ata.5.raw", peers=RULE))
    like = [("d0", "disk"), ("d2", "disk"), ("d4", "disk"), ("d6", "disk")]

    def count(at: float) -> float | None:
        engine.observe(Kind.DISK, like[:1], labels, [at], {"ata.5.raw": [9.0]})
        return engine.levels(Kind.DISK, like[0])[0].values["count"]

    engine.observe(Kind.DISK, like, labels, [START] * 4, {"ata.5.raw": [1.0, 2.0, 3.0, 4.0]})
    assert count(START + 60) == 4
    engine.forget(Kind.DISK, like[3])
    assert count(START + 120) == 3


def test_after_a_restart_nothing_is_said_before_enough_peers_were_heard(write_rules: Callable[..., RuleSet]) -> None:
    rules = write_rules(metric="ata.5.raw", peers=RULE.replace("1000", "10"))
    like = [("d0", "disk"), ("d2", "disk"), ("d4", "disk"), ("d6", "disk")]
    before, after = Engine(rules), Engine(rules)
    before.observe(Kind.DISK, like, labels, [START] * 4, {"ata.5.raw": [50.0, 2.0, 3.0, 4.0]})
    assert before.levels(Kind.DISK, like[0])[0].level == "warning"
    kept = before.snapshot(Kind.DISK, like[0])
    assert kept is not None
    after.restore(Kind.DISK, like[0], kept)
    assert after.observe(Kind.DISK, like[:1], labels, [START + DAY], {"ata.5.raw": [3.0]}) == []
    assert after.levels(Kind.DISK, like[0])[0].level == "warning"
    changes = after.observe(Kind.DISK, like, labels, [START + DAY + 60] * 4, {"ata.5.raw": [3.0, 2.0, 3.0, 4.0]})
    assert [change.after for change in changes] == ["none"]


def test_a_report_that_comes_days_late_is_not_compared_with_today(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(metric="ata.5.raw", peers=RULE))
    like = [("d0", "disk"), ("d2", "disk"), ("d4", "disk"), ("d6", "disk"), ("d8", "disk")]
    at = [START - 5 * DAY, START, START, START, START]
    engine.observe(Kind.DISK, like, labels, at, {"ata.5.raw": [50.0, 1.0, 2.0, 3.0, 4.0]})
    assert engine.levels(Kind.DISK, like[0])[0].values == {"distance": None, "spreads": None, "count": None}
    assert engine.levels(Kind.DISK, like[4])[0].values["distance"] == 1.5
    assert engine.levels(Kind.DISK, like[4])[0].values["count"] == 4


def test_a_label_that_changes_brings_other_peers(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(metric="ata.5.raw", peers=RULE))

    def count(day: int, keys: list[tuple[str, str]], labels: dict[str, str | float]) -> float | None:
        engine.observe(
            Kind.DISK, keys, lambda _: labels, [START + day * DAY] * len(keys), {"ata.5.raw": [1.0] * len(keys)}
        )
        return engine.levels(Kind.DISK, keys[0])[0].values["count"]

    assert count(0, KEYS[:4], {"model": "A"}) is None
    assert count(1, KEYS[:4], {"model": "A", "firmware": "1"}) == 4
    count(1, KEYS[4:6], {"model": "A", "firmware": "2"})
    count(2, KEYS[4:6], {"model": "A", "firmware": "2"})
    assert count(2, KEYS[:4], {"model": "A", "firmware": "2"}) == 6


GROWTH = """
scope: {per: [device, disk]}
signals:
  worn: {metric: disk.endurance_used_percent, take: growth, window: 30d}
  faster:
    {metric: disk.endurance_used_percent, take: distance_from_peers, of: worn, peers: [model], window: 2d, min_peers: 3}
  disks: {metric: disk.endurance_used_percent, take: count_of_peers, of: worn, peers: [model], window: 2d}
levels: {warning: {raise: {faster: {at_least: 5}}}}
"""


def test_growth_is_compared_with_the_growth_of_peers(write_rules: Callable[..., RuleSet]) -> None:
    rules = write_rules(metric="disk.endurance_used_percent", what="{faster:.0f} of {disks:.0f}", wear=GROWTH)
    engine = Engine(rules)
    keys = [(f"pc-{n}", "disk") for n in range(5)]
    first = np.array([90.0, 10.0, 20.0, 50.0, 0.0])
    pace = np.array([0.0, 0.1, 0.1, 0.5, np.nan])
    changes = []
    for day in range(20):
        columns = {"disk.endurance_used_percent": first + day * pace}
        found = engine.observe(Kind.DISK, keys, lambda _: {"model": "M"}, np.full(5, START + day * DAY), columns)
        changes += found
        if day == 0:
            assert engine.levels(Kind.DISK, keys[0])[0].values["faster"] is None, "growth needs a second value"
    (change,) = changes
    assert change.key == keys[3], "not the one that is worn most, but the one that wears fastest"
    assert change.text == "5 of 4"
    assert engine.levels(Kind.DISK, keys[0])[0].values["faster"] == pytest.approx(-1.9)
