"""A processor's temperature by load and room: the line against known ones, and machines over weeks."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from forewarn_rules import Change, Engine, Kind, RuleSet, load_rules
from forewarn_rules.account import Observation
from forewarn_rules.robust_line import robust_line

Floats = npt.NDArray[np.float64]
Round = tuple[float, dict[str, Floats]]
RULE = "cpu-hotter-at-same-load"
RULES = RuleSet((load_rules()[RULE],), {})
START, DAY, STEP = 1_771_977_600.0, 86_400.0, 3600.0  # 2026-02-25
SENSOR = "coretemp Package id 0 (coretemp.0)"
KEYS = [(f"pc-{n}", SENSOR) for n in range(6)]
T, LOAD, AMBIENT = "temperature.celsius", "cpu.used_percent", "ambient.celsius"


def labels(key: tuple[str, str]) -> dict[str, str | float]:
    return {"sensor": key[1]}


def test_wild_points_hardly_move_the_line() -> None:
    random = np.random.default_rng(1)
    explaining = np.vstack([random.uniform(0, 90, 80), random.uniform(18, 26, 80)])
    values = 20 + 0.3 * explaining[0] + 0.9 * explaining[1] + random.normal(0, 0.5, 80)
    values[::8] += 25
    line = robust_line(explaining, values)
    assert line.slopes == pytest.approx([0.3, 0.9], abs=0.1)
    assert line.start + line.slopes @ [40, 22] == pytest.approx(20 + 12 + 19.8, abs=0.5)
    assert line.spread == pytest.approx(0.5, abs=0.3)
    plain = np.linalg.lstsq(np.vstack([np.ones(80), explaining]).T, values, rcond=None)[0]
    assert abs(plain @ [1, 40, 22] - 51.8) > 2, "without wild points the test would show nothing"


def test_what_does_not_move_explains_nothing() -> None:
    explaining = np.vstack([np.linspace(5, 60, 30), np.full(30, 27.8)])
    line = robust_line(explaining, 30 + 0.25 * explaining[0])
    assert line.slopes == pytest.approx([0.25, 0])
    assert line.start == pytest.approx(30)


def office(days: float, seed: int = 0, dust_from: float = math.inf, fan_dies: float = math.inf) -> Iterator[Round]:
    """Machines that work by day, in a room that gets warmer by a degree in ten days and cools at night."""
    random = np.random.default_rng(seed)
    count = len(KEYS)
    load = np.full(count, 10.0)
    for n in range(int(days * DAY / STEP)):
        day = n * STEP / DAY
        working = 0.3 < day % 1 < 0.75
        changes = random.random(count) < 0.3
        load = np.where(changes, random.uniform(*((15, 80) if working else (2, 12)), count), load)
        room = 20 + day / 10 + 1.5 * math.sin(2 * math.pi * (day - 0.4)) + random.normal(0, 0.2, count)
        hotter = 0.4 * max(0.0, day - dust_from) + (12 if day >= fan_dies else 0)
        celsius = 15 + room + 0.35 * load + hotter + random.normal(0, 1.0, count)
        yield START + n * STEP, {LOAD: load.round(1), AMBIENT: (room + 4).round(), T: celsius.round()}


def judge(engine: Engine, rounds: Iterator[Round]) -> list[Change]:
    found = []
    for at, metrics in rounds:
        found += engine.observe(Kind.SENSOR, KEYS, labels, np.full(len(KEYS), at), metrics)
    return found


def test_eight_weeks_of_work_in_a_room_that_gets_warmer_are_calm() -> None:
    assert judge(Engine(RULES), office(56)) == []


def test_a_fan_that_dies_is_told_as_a_step_and_dust_as_a_slope() -> None:
    died = [change for change in judge(Engine(RULES), office(30, fan_dies=24.3)) if change.after == "warning"]
    assert {change.key for change in died} == set(KEYS)
    assert all(2 <= (change.at - START) / DAY - 24.3 <= 3.5 for change in died)
    for change in died:
        said = f"The processor of {change.key[0]} ({SENSOR}) runs 12 C hotter than in March 2026 at the same load"
        assert change.text.startswith(said)
        assert 11 <= float(change.values["lately"] or 0) <= 13, "all of it came within five days"
    dust = [change for change in judge(Engine(RULES), office(48, dust_from=20)) if change.after == "warning"]
    assert {change.key for change in dust} == set(KEYS)
    for change in dust:
        assert 0.5 <= float(change.values["lately"] or 0) <= 3.5, "five days at 0.4 degrees a day"


@pytest.mark.parametrize(("stop", "at_once"), [(9.3, False), (9.3, True), (14.1, True), (22.0, False), (22.0, True)])
def test_a_restart_changes_nothing(stop: float, at_once: bool) -> None:
    rounds = list(office(24, fan_dies=20.0))
    cut = int(stop * DAY / STEP)
    never_stopped, again = Engine(RULES), Engine(RULES)
    judge(never_stopped, iter(rounds[:cut]))
    reach = never_stopped.reach_back(Kind.SENSOR)
    past = [(at, metrics) for at, metrics in rounds[:cut] if at >= rounds[cut - 1][0] - reach - DAY]
    for n, key in enumerate(KEYS):
        if at_once:
            columns = {name: np.array([metrics[name][n] for _, metrics in past]) for name in (T, LOAD, AMBIENT)}
            again.warm_history(Kind.SENSOR, key, np.array([at for at, _ in past]), columns)
        if (snapshot := never_stopped.snapshot(Kind.SENSOR, key)) is not None:
            again.restore(Kind.SENSOR, key, snapshot)
    if not at_once:
        for at, metrics in past:
            again.warm(Kind.SENSOR, KEYS, np.full(len(KEYS), at), metrics)
    expected, found = judge(never_stopped, iter(rounds[cut:])), judge(again, iter(rounds[cut:]))
    assert [(c.at, c.key, c.after, c.text) for c in found] == [(c.at, c.key, c.after, c.text) for c in expected]
    assert expected
    for key in KEYS:
        (mine,), (other,) = again.levels(Kind.SENSOR, key), never_stopped.levels(Kind.SENSOR, key)
        assert mine.level == "warning"
        assert mine.values == pytest.approx(other.values)


def test_a_component_that_is_forgotten_learns_anew() -> None:
    engine = Engine(RULES)
    judge(engine, office(20))
    assert engine.levels(Kind.SENSOR, KEYS[0])[0].values["hotter"] is not None
    engine.forget(Kind.SENSOR, KEYS[0])
    judge(engine, ((at + 20 * DAY, metrics) for at, metrics in office(1)))
    assert engine.levels(Kind.SENSOR, KEYS[0])[0].values["hotter"] is None
    assert engine.levels(Kind.SENSOR, KEYS[1])[0].values["hotter"] is not None


def test_reports_while_the_load_jumps_do_not_count() -> None:
    """Heat follows minutes later: at every jump the temperature is still that of the load before."""
    rounds = []
    for n, (at, metrics) in enumerate(office(20)):
        load = metrics[LOAD].copy()
        if n % 3 == 0:
            load += 60 if n % 2 else -60
        rounds.append((at, {**metrics, LOAD: load}))
    jumping, calm = Engine(RULES), Engine(RULES)
    judge(jumping, iter(rounds))
    judge(calm, office(20))
    for key in KEYS:
        mine, other = jumping.levels(Kind.SENSOR, key)[0].values, calm.levels(Kind.SENSOR, key)[0].values
        assert mine["hotter"] == pytest.approx(other["hotter"], abs=1.5)


def why(engine: Engine, newest: Round) -> dict[str, str]:
    values = {name: float(column[0]) for name, column in newest[1].items()}
    account = engine.account(RULE, KEYS[0], labels(KEYS[0]), Observation(newest[0], values))
    return {sign.name: sign.why for sign in account.signals}


def test_it_says_why_it_is_not_known() -> None:
    engine = Engine(RULES)
    rounds = list(office(20))
    judge(engine, iter(rounds[:200]))
    assert why(engine, rounds[199])["hotter"] == "still learning: that takes 2w"
    judge(engine, iter(rounds[200:]))
    assert why(engine, rounds[-1])["hotter"] == ""
    hot_room = [(rounds[-1][0] + n * STEP, {**rounds[-1][1], AMBIENT: np.full(6, 50.0)}) for n in range(1, 60)]
    judge(engine, iter(hot_room))
    assert "was never steady and like while it was learned" in why(engine, hot_room[-1])["hotter"]
    no_load = (hot_room[-1][0] + STEP, {T: np.full(6, 60.0), AMBIENT: np.full(6, 25.0)})
    judge(engine, iter([no_load]))
    assert why(engine, no_load)["hotter"] == "cpu.used_percent is not in the last report"
