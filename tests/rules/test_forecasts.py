"""Forecasts are made where a verdict hangs on them, and where somebody asks; no verdict is another one for that."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_rules import Engine, Kind, RuleSet, forecasts

HOUR = 3600.0
START = 1_700_006_400.0
DEVICE = ("pc", "")
METRIC = "memory.used_percent"
RULE = """
scope: {per: [device]}
signals:
  used: {metric: memory.used_percent, take: last}
  left: {metric: memory.used_percent, take: hours_until, reach: 100, window: 6h, bin: 1h, min_span: 2h}
levels:
  warning:
    raise: {all: [{used: {at_least: 80}}, {left: {at_most: 8}}]}
    clear: {any: [{used: {below: 60}}, {left: {above: 16}}]}
"""


class Followed:
    """How often a trend was followed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        original = forecasts.hours_until

        def counted(*given: object, **more: object) -> object:
            self.times += 1
            return original(*given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(forecasts, "hours_until", counted)


def say(engine: Engine, hour: int, used: float) -> None:
    engine.observe(Kind.DEVICE, [DEVICE], lambda _: {}, [START + hour * HOUR], {METRIC: [used]})


def test_of_what_is_calm_whatever_comes_no_trend_is_followed_until_somebody_asks(
    write_rules: Callable[..., RuleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, followed = Engine(write_rules(filling=RULE)), Followed(monkeypatch)
    for hour in range(10):
        say(engine, hour, 10.0 + hour)
    assert followed.times == 0
    (standing,) = engine.levels(Kind.DEVICE, DEVICE)
    assert standing.values == {"used": 19.0, "left": pytest.approx(81.0)}
    assert standing.unknown == ()
    assert followed.times == 1


def test_a_trend_is_followed_where_the_verdict_hangs_on_it_and_while_a_level_is_raised(
    write_rules: Callable[..., RuleSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, followed = Engine(write_rules(filling=RULE)), Followed(monkeypatch)
    for hour in range(7):
        say(engine, hour, 73.0 + 2 * hour)
    assert followed.times == 3, "at 81, 83 and 85"
    say(engine, 7, 87.0)
    assert engine.raised(Kind.DEVICE) == {DEVICE: "warning"}
    say(engine, 8, 70.0)
    assert (followed.times, engine.raised(Kind.DEVICE)) == (5, {DEVICE: "warning"}), "not below 60, and still near"
    say(engine, 9, 50.0)
    say(engine, 10, 50.0)
    assert (followed.times, engine.raised(Kind.DEVICE)) == (6, {})


@given(st.lists(st.sampled_from([-30.0, -8.0, -1.0, 0.0, 0.0, 1.0, 3.0, 8.0, 25.0]), min_size=4, max_size=40))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_level_is_what_the_values_say(write_rules: Callable[..., RuleSet], moves: list[float]) -> None:
    engine = Engine(write_rules(filling=RULE))
    used, raised = 70.0, False
    for hour, move in enumerate(moves):
        used = min(100.0, max(0.0, used + move))
        say(engine, hour, used)
        (standing,) = engine.levels(Kind.DEVICE, DEVICE)
        left = standing.values["left"]
        if raised:
            raised = not (used < 60 or (left is not None and left > 16))
        else:
            raised = used >= 80 and left is not None and left <= 8
        assert standing.level == ("warning" if raised else "none")
