"""Timers alone: what cannot be seen from outside of the engine."""

from collections.abc import Callable

import numpy as np

from forewarn_rules import RuleSet
from forewarn_rules.snapshot import KeptLevel
from forewarn_rules.timers import Timers
from forewarn_rules.verdicts import FALSE, TRUE

TWO_LEVELS = """
scope: {per: [device]}
signals: {used: {metric: memory.used_percent, take: last}}
levels:
  warning: {raise: {used: {at_least: 80}}, for: 2h, clear: {used: {below: 70}}, hold: 2h}
  critical: {raise: {used: {at_least: 95}}, clear: {used: {below: 90}}}
"""
RAISED = KeptLevel(raised=True, ticking=False, elapsed=0.0, since=5.0)


def timers_of(rules: RuleSet) -> Timers:
    timers = Timers(list(rules))
    timers.reserve(1000)
    return timers


def test_a_level_stays_below_a_higher_one_also_where_rules_sleep(write_rules: Callable[..., RuleSet]) -> None:
    timers = timers_of(write_rules(a_sleeper=TWO_LEVELS, b_rule=TWO_LEVELS))
    timers.watch(np.array([2, 3]))
    for pair in (2, 3):
        timers.restore(pair, 7, RAISED)
    timers.quiet(7, np.array([False, False, True, False]))
    assert timers.raised(np.array([7]))[:, 0].tolist() == [False, False, True, True]
    timers.quiet(7, np.array([False, False, True, True]))
    assert not timers.busy(np.array([7]))


def test_who_is_at_rest_again_leaves_room_for_others(write_rules: Callable[..., RuleSet]) -> None:
    timers = timers_of(write_rules(rule=TWO_LEVELS))
    timers.watch(np.array([0, 1]))
    true, false = np.full((2, 1), TRUE, np.uint8), np.full((2, 1), FALSE, np.uint8)
    for row in range(300):
        one, now = np.array([row]), np.array([100.0 * row])
        assert timers.step(one, now, now, true, false) is not None  # critical comes at once, and so does the warning
        assert timers.levels(one).tolist() == [[3]]
        for later in range(1, 7):  # the warning holds for two hours
            timers.step(one, now + later * 1800.0, np.array([1800.0]), false, true)
        assert (timers.levels(one).tolist(), timers.busy(one).tolist()) == ([[0]], [False])
    timers.restore(1, 3, RAISED)
    assert timers.at_work(3) == [1]
    timers.forget(3)
    assert (timers.at_work(3), timers.state(1, 3)) == ([], None)
    assert len(timers._free) < 30
