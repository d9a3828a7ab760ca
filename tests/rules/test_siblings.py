"""What grows on several parts of a device in the same minutes."""

from collections.abc import Callable

import numpy as np
import pytest

from forewarn_rules import Engine, Kind, RuleSet
from forewarn_rules.siblings import most_together

RULE = """
scope: {per: [device, disk]}
signals: {together: {metric: ata.192.raw, take: grew_together, window: 1d}}
levels: {warning: {raise: {together: {at_least: 2}}}}
"""
START, HOUR, DAY = 1_700_006_400.0, 3600.0, 86_400.0
KEYS = [("srv", f"disk-{n}") for n in range(4)] + [("other", "disk-0")]


@pytest.mark.parametrize(
    ("growths", "expected"),
    [
        ([], 0),
        ([(0.0, 1)], 1),
        ([(0.0, 1), (5.0, 1)], 1),
        ([(900.0, 2), (0.0, 1)], 2),
        ([(901.0, 2), (0.0, 1)], 1),
        ([(0.0, 1), (800.0, 2), (1600.0, 3)], 2),
        ([(0.0, 1), (800.0, 2), (900.0, 3), (1000.0, 3)], 3),
    ],
)
def test_the_most_that_grew_within_the_time(growths: list[tuple[float, int]], expected: int) -> None:
    assert most_together(growths, 900.0) == expected


def together(engine: Engine) -> list[float | None]:
    return [engine.levels(Kind.DISK, key)[0].values["together"] for key in KEYS]


def judge(engine: Engine, at: float, values: list[float]) -> None:
    engine.observe(Kind.DISK, KEYS, lambda _: {}, np.full(len(KEYS), at), {"ata.192.raw": values})


def test_only_growth_counts_and_only_on_the_same_device(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(metric="ata.192.raw", power=RULE))
    judge(engine, START, [5, 9, np.nan, 7, 1])
    assert together(engine) == [0, 0, 0, 0, 0], "first sight is no growth"
    judge(engine, START + HOUR, [6, 2, 3, np.nan, 2])
    assert together(engine) == [1, 1, 1, 1, 1], "a counter that was set back, and one that is new, did not grow"
    judge(engine, START + 2 * HOUR, [6, 3, 4, 8, 2])
    assert together(engine) == [3, 3, 3, 3, 1]
    engine.forget(Kind.DISK, KEYS[3])
    judge(engine, START + 3 * HOUR, [6, 3, 4, 8, 2])
    assert together(engine) == [2, 2, 2, 2, 1]
    judge(engine, START + 2 * HOUR + DAY, [6, 3, 4, 8, 2])
    assert together(engine) == [0, 0, 0, 0, 0], "a day later it is over"


def test_what_comes_late_shows_no_growth(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(metric="ata.192.raw", power=RULE))
    judge(engine, START + HOUR, [5, 5, 5, 5, 5])
    judge(engine, START, [9, 9, 9, 9, 9])
    judge(engine, START + 2 * HOUR, [5, 5, 5, 5, 5])
    assert together(engine) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_restart_remembers_what_grew(write_rules: Callable[..., RuleSet], at_once: bool) -> None:
    rules = write_rules(metric="ata.192.raw", power=RULE)
    engine, again = Engine(rules), Engine(rules)
    rounds = [(START + n * HOUR, [5.0 + (n > 3), 5.0 + (n > 3), 5.0, np.nan, 5.0 + (n > 3)]) for n in range(6)]
    for at, values in rounds:
        judge(engine, at, values)
        if not at_once:
            again.warm(Kind.DISK, KEYS, np.full(len(KEYS), at), {"ata.192.raw": values})
    for n, key in enumerate(KEYS if at_once else ()):
        history = {"ata.192.raw": [values[n] for _, values in rounds]}
        again.warm_history(Kind.DISK, key, [at for at, _ in rounds], history)
    for one in (engine, again):
        judge(one, START + 7 * HOUR, [6, 6, 5, 5, 6])
    assert together(again) == together(engine) == [2, 2, 2, 2, 1]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_sibling_whose_clock_is_far_ahead_forgets_nothing_for_the_others(
    write_rules: Callable[..., RuleSet], at_once: bool
) -> None:
    rules = write_rules(metric="ata.192.raw", power=RULE)
    engine, again = Engine(rules), Engine(rules)
    ahead = np.array([0, 0, 90 * DAY, 0, 0])
    rounds = [(START + n * HOUR + ahead, [5.0 + n, 5.0 + n, 5.0 + n, 5.0, 5.0]) for n in range(4)]
    for at, values in rounds:
        engine.observe(Kind.DISK, KEYS, lambda _: {}, at, {"ata.192.raw": values})
        if not at_once:
            again.warm(Kind.DISK, KEYS, at, {"ata.192.raw": values})
    for n, key in enumerate(KEYS if at_once else ()):
        again.warm_history(Kind.DISK, key, [at[n] for at, _ in rounds], {"ata.192.raw": [v[n] for _, v in rounds]})
    for one in (engine, again):
        one.observe(Kind.DISK, KEYS, lambda _: {}, START + 5 * HOUR + ahead, {"ata.192.raw": [8, 8, 8, 5, 5]})
    assert together(again) == together(engine) == [2, 2, 1, 2, 0]
