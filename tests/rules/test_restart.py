"""An engine that was stopped and brought up again says what one that never stopped says."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_rules import Change, Engine, Kind, RuleSet, load_rules

RULES = load_rules()
DAY = 86400.0
START = 1_700_006_400.0
KEYS = [("srv", "hdd-1"), ("srv", "nvme-1"), ("pc", "ssd-1")]
KINDS = {"hdd-1": "hdd", "nvme-1": "nvme", "ssd-1": "ssd"}
METRICS = Engine(RULES).metrics(Kind.DISK)

Round = tuple[np.ndarray, dict[str, np.ndarray]]


def labels(key: tuple[str, str]) -> dict[str, str | float]:
    return {"serial": key[1], "model": "M", "slot": "/dev/sda", "disk_kind": KINDS[key[1]]}


def history(seed: int, rounds: int) -> list[Round]:
    """Disks that fall ill, get well, sleep and are away."""
    random = np.random.default_rng(seed)
    found: list[Round] = []
    at = np.full(len(KEYS), START)
    counters = {metric: np.zeros(len(KEYS)) for metric in METRICS}
    for _ in range(rounds):
        at = at + random.choice([3600.0, DAY / 2, DAY, DAY, DAY, 6 * DAY, 20 * DAY], len(KEYS))
        columns = {}
        for metric, counter in counters.items():
            counter += random.choice([0, 0, 0, 0, 1, 8], len(KEYS))
            counter[random.random(len(KEYS)) < 0.03] = 0
            column = counter.copy()
            if metric in ("disk.passed", "disk.self_test_passed"):
                column = (random.random(len(KEYS)) > 0.1).astype(float)
            if metric == "nvme.available_spare":
                column = 100 - counter
            column[random.random(len(KEYS)) < 0.1] = math.nan
            columns[metric] = column
        found.append((at, columns))
    return found


def judge(engine: Engine, rounds: list[Round]) -> list[Change]:
    return [change for at, metrics in rounds for change in engine.observe(Kind.DISK, KEYS, labels, at, metrics)]


def brought_up_again(stopped: Engine, past: list[Round], at_once: bool = False, rules: RuleSet = RULES) -> Engine:
    engine = Engine(rules)
    if at_once:
        for n, key in enumerate(KEYS):
            columns = {name: np.array([metrics[name][n] for _, metrics in past]) for name in METRICS}
            engine.warm_history(Kind.DISK, key, np.array([at[n] for at, _ in past]), columns)
    else:
        for at, metrics in past:
            engine.warm(Kind.DISK, KEYS, at, metrics)
    for key in KEYS:
        snapshot = stopped.snapshot(Kind.DISK, key)
        if snapshot is not None:
            engine.restore(Kind.DISK, key, snapshot)
    return engine


@given(st.integers(0, 2**32 - 1), st.integers(1, 59), st.booleans())
@settings(max_examples=16, deadline=None)
def test_a_restart_changes_nothing(seed: int, stop: int, at_once: bool) -> None:
    rounds = history(seed, 60)
    never_stopped = Engine(RULES)
    judge(never_stopped, rounds[:stop])
    restarted = brought_up_again(never_stopped, rounds[:stop], at_once)
    for key in KEYS:
        before = {standing.rule: (standing.level, standing.since) for standing in never_stopped.levels(Kind.DISK, key)}
        for standing in restarted.levels(Kind.DISK, key):
            assert (standing.level, standing.since) == before[standing.rule]
    assert judge(restarted, rounds[stop:]) == judge(never_stopped, rounds[stop:])


TAKES = """
scope: {per: [device, disk]}
signals:
  rate: {metric: ata.5.raw, take: rate, window: 7d}
  slope: {metric: ata.5.raw, take: slope, window: 14d}
  since: {metric: ata.5.raw, take: days_since_increase, window: 7d}
  distance: {metric: ata.5.raw, take: distance_from_baseline, window: 14d}
  likely: {metric: ata.5.raw, take: crossing, reach: 60, horizon: 14d, window: 14d}
  soonest: {metric: ata.5.raw, take: hours_until, reach: 60, quantile: 0.1, window: 14d}
  latest: {metric: ata.5.raw, take: hours_until, reach: 60, quantile: 0.9, window: 14d}
levels:
  watch:
    raise: {any: [{rate: {above: 1}}, {slope: {above: 1}}]}
    clear: {all: [{rate: {at_most: 0.5}}, {slope: {at_most: 0.5}}]}
    unless: {since: {above: 9}}
  warning: {raise: {any: [{likely: {above: 0.4}}, {soonest: {at_most: 48}}]}, hold: 2d}
  critical: {raise: {any: [{distance: {at_least: 12}}, {latest: {at_most: 240}}]}, for: 1d}
"""


@given(st.integers(0, 2**32 - 1), st.integers(1, 59), st.booleans())
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_restart_changes_nothing_whatever_a_signal_takes(
    write_rules: Callable[..., RuleSet], seed: int, stop: int, at_once: bool
) -> None:
    rules = write_rules(metric="ata.5.raw", takes=TAKES)
    rounds = history(seed, 60)
    never_stopped = Engine(rules)
    judge(never_stopped, rounds[:stop])
    restarted = brought_up_again(never_stopped, rounds[:stop], at_once, rules)
    assert judge(restarted, rounds[stop:]) == judge(never_stopped, rounds[stop:])
    for key in KEYS:
        found, expected = restarted.levels(Kind.DISK, key), never_stopped.levels(Kind.DISK, key)
        assert [standing.values for standing in found] == [standing.values for standing in expected]


def test_those_histories_reach_every_level(write_rules: Callable[..., RuleSet]) -> None:
    changes = judge(Engine(write_rules(metric="ata.5.raw", takes=TAKES)), history(1, 60))
    assert {change.after for change in changes} == {"none", "watch", "warning", "critical"}


def test_the_histories_do_change_levels() -> None:
    changes = judge(Engine(RULES), history(1, 60))
    assert {change.after for change in changes} >= {"none", "warning", "critical"}


def test_the_window_s_history_and_what_was_before_it_are_enough() -> None:
    rounds = [(at, metrics) for at, metrics in history(3, 200) if at[0] > 0]
    live = Engine(RULES)
    judge(live, rounds[:150])
    reach = live.reach_back(Kind.DISK)
    newest = rounds[149][0]
    inside = [n for n, (at, _) in enumerate(rounds[:150]) if (at >= newest - reach).any()]
    restarted = brought_up_again(live, rounds[inside[0] - 8 : 150])
    assert judge(restarted, rounds[150:]) == judge(live, rounds[150:])


def test_a_component_at_rest_needs_no_snapshot() -> None:
    engine = Engine(RULES)
    healthy = {"ata.197.raw": np.zeros(3), "disk.passed": np.ones(3)}
    engine.observe(Kind.DISK, KEYS, labels, np.full(3, START), healthy)
    assert all(engine.snapshot(Kind.DISK, key) is None for key in KEYS)
    assert engine.snapshot(Kind.DISK, ("never", "seen")) is None


def test_a_snapshot_of_something_else_is_refused() -> None:
    engine = Engine(RULES)
    for data in (b"", b"[]", b'{"schema": 2, "last_at": 0, "baselines": {}}'):
        with pytest.raises(ValueError, match=r"."):
            engine.restore(Kind.DISK, KEYS[0], data)


def test_a_snapshot_of_rules_that_are_no_more_is_taken_as_far_as_it_goes() -> None:
    engine = Engine(RULES)
    kept = (
        b'{"schema":1,"last_at":5.0,"baselines":{"ata.1.raw":1.0},"rules":{"gone":{"values":{},"levels":{}},'
        b'"drive-reports-failed":{"values":{"other":1.0},"levels":{"critical":{"raised":true,"ticking":false,'
        b'"elapsed":0.0,"since":5.0},"watch":{"raised":true,"ticking":false,"elapsed":0.0,"since":5.0}}}}}'
    )
    engine.restore(Kind.DISK, KEYS[0], kept)
    engine.warm(Kind.DISK, KEYS, np.full(3, START), {})
    levels = {standing.rule: standing.level for standing in engine.levels(Kind.DISK, KEYS[0])}
    assert {rule for rule, level in levels.items() if level != "none"} == {"drive-reports-failed"}


def test_baselines_outlive_a_restart(write_rules: Callable[..., RuleSet]) -> None:
    rules = write_rules(
        metric="uptime.unexpected_reboots",
        reboots="""
scope: {per: [device]}
signals: {more: {metric: uptime.unexpected_reboots, take: growth_since_baseline}}
levels: {warning: {raise: {more: {at_least: 3}}}}
""",
    )
    key = ("pc", "")
    engine = Engine(rules)
    for hour, count in enumerate([7.0, 7.0, 9.0]):
        metrics = {"uptime.unexpected_reboots": [count]}
        assert engine.observe(Kind.DEVICE, [key], lambda _: {}, [START + hour], metrics) == []
    snapshot = engine.snapshot(Kind.DEVICE, key)
    assert snapshot is not None
    again = Engine(rules)
    again.restore(Kind.DEVICE, key, snapshot)
    (change,) = again.observe(Kind.DEVICE, [key], lambda _: {}, [START + 9], {"uptime.unexpected_reboots": [10.0]})
    assert change.values == {"more": 3.0}


def test_what_is_at_rest_is_to_be_written_once_a_day() -> None:
    """Not at every report: of a large fleet that would be most of what is written."""
    engine = Engine(RULES)
    fan = ("pc", "fan1")
    written = set()
    for hour in range(72):
        values = {"fan.rpm": np.array([1000.0]), "fan.pwm_percent": np.array([40.0])}
        engine.observe(Kind.SENSOR, [fan], lambda _: {"sensor": "fan1"}, np.array([START + 3600.0 * hour]), values)
        written.add(engine.snapshot(Kind.SENSOR, fan))
    assert None not in written
    assert len(written) == 3
