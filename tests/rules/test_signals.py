"""Every take over a window, as an engine gives it, against the same thing written plainly: one list, one loop."""

import math
import statistics
from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forewarn_rules import Engine, Kind, RuleSet

HOUR, DAY = 3600.0, 86400.0
START = 1_700_006_400.0
BINS, SPAN, POINTS = 6, 2 * HOUR, 3
LIMIT = 20.0
DEVICE = ("pc", "")
METRIC = "memory.used_percent"

RULE = """
scope: {per: [device]}
signals:
  now: {metric: memory.used_percent, take: last}
  rate: {metric: memory.used_percent, take: rate, window: 6h, bin: 1h, min_span: 2h}
  slope: {metric: memory.used_percent, take: slope, window: 6h, bin: 1h, min_span: 2h}
  since: {metric: memory.used_percent, take: days_since_increase, window: 6h, bin: 1h}
  usual: {metric: memory.used_percent, take: usual, window: 6h, bin: 1h}
  distance: {metric: memory.used_percent, take: distance_from_baseline, window: 6h, bin: 1h}
  likely: {metric: memory.used_percent, take: crossing, reach: 20, horizon: 3h, window: 6h, bin: 1h, min_span: 2h}
  soonest: {metric: memory.used_percent, take: hours_until, reach: 20, quantile: 0.1, window: 6h, bin: 1h, min_span: 2h}
  middle: {metric: memory.used_percent, take: hours_until, reach: 20, window: 6h, bin: 1h, min_span: 2h}
  latest: {metric: memory.used_percent, take: hours_until, reach: 20, quantile: 0.9, window: 6h, bin: 1h, min_span: 2h}
levels: {warning: {raise: {likely: {above: 2}}}}
"""
CALM_WITHOUT_FORECAST = RULE.replace("{likely: {above: 2}}", "{all: [{now: {above: 1000}}, {likely: {above: 2}}]}")

Point = tuple[float, float]


def bin_of(at: float) -> int:
    return math.floor(at / HOUR)


def points(measured: list[Point]) -> list[Point]:
    """The last value of each bin of the window that ends with the newest."""
    newest = bin_of(measured[-1][0])
    last = {bin_of(at): (at, value) for at, value in measured if bin_of(at) >= newest - BINS}
    return [last[number] for number in sorted(last)]


def slopes(found: list[Point]) -> list[float]:
    return [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(found, 2)]


def plain_arrivals(found: list[Point], missing: float) -> list[float]:
    """How long it took from each point of the first half."""
    end_at, end = found[-1]
    took = []
    for n, (at, value) in enumerate(found):
        if 2 * (end_at - at) < end_at - found[0][0]:
            continue
        came = [later - at for later, what in found[n + 1 :] if what - value >= missing]
        pace = (end - value) / (end_at - at)
        took.append(came[0] if came else missing / pace if pace > 0 else math.inf)
    return took


def plain_rate(measured: list[Point]) -> float:
    newest = bin_of(measured[-1][0])
    inside = [(at, value) for at, value in measured if bin_of(at) >= newest - BINS]
    span = measured[-1][0] - bin_of(inside[0][0]) * HOUR
    if span < SPAN or span == 0:
        return math.nan
    return (measured[-1][1] - min(value for _, value in inside)) / (span / DAY)


def plain_since(measured: list[Point]) -> float:
    if len(measured) < 2:
        return math.nan
    newest = bin_of(measured[-1][0])
    last = {bin_of(at): (at, value) for at, value in measured}
    numbers = sorted(last)
    rose = [
        last[number][0]
        for before, number in pairwise(numbers)
        if number >= newest - BINS and last[number][1] > last[before][1]
    ]
    return (measured[-1][0] - rose[-1]) / DAY if rose else math.inf


def enough(found: list[Point]) -> bool:
    return len(found) >= POINTS and found[-1][0] - found[0][0] + HOUR >= SPAN


def plain_likely(measured: list[Point]) -> float:
    found, now = points(measured), measured[-1][1]
    if not enough(found):
        return math.nan
    if now >= LIMIT:
        return 1.0
    took = plain_arrivals(found, LIMIT - now)
    return sum(seconds <= 3 * HOUR for seconds in took) / len(took)


def plain_hours(measured: list[Point], share: float) -> float:
    found, now = points(measured), measured[-1][1]
    if not enough(found):
        return math.nan
    if now >= LIMIT:
        return 0.0
    if len({value for _, value in found}) == 1:
        return math.inf
    pace = statistics.median(slopes(found))
    seconds = (LIMIT - now) / pace if pace > 0 else math.inf
    if share != 0.5:
        took = sorted(plain_arrivals(found, LIMIT - now))
        outer = took[max(0, math.ceil(share * len(took) - 1e-9) - 1)]
        seconds = min(seconds, outer) if share < 0.5 else max(seconds, outer)
    return seconds / HOUR if seconds <= 100 * BINS * HOUR else math.inf


def plain_slope(measured: list[Point]) -> float:
    found = points(measured)
    return statistics.median(slopes(found)) * DAY if enough(found) else math.nan


class PlainLearning:
    def __init__(self) -> None:
        self.since: float | None = None
        self.usual: float | None = None

    def distance(self, measured: list[Point]) -> float:
        at, now = measured[-1]
        if self.usual is None:
            found = points(measured)
            self.since = found[0][0] if self.since is None else self.since
            if at - self.since >= BINS * HOUR:
                if len(found) >= POINTS:
                    self.usual = statistics.median(value for _, value in found)
                else:
                    self.since = at
        return math.nan if self.usual is None else now - self.usual


steps = st.lists(
    st.tuples(
        st.sampled_from([600.0, 1800.0, HOUR, HOUR, 2 * HOUR, 5 * HOUR, 30 * HOUR]),
        st.sampled_from([None, 0.0, 1.0, 1.0, 3.0, 8.0, 21.0]),
    ),
    min_size=1,
    max_size=40,
)


@given(steps, st.booleans(), st.sampled_from([RULE, CALM_WITHOUT_FORECAST]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_take_is_what_a_plain_loop_says(
    write_rules: Callable[..., RuleSet], moves: list[tuple[float, float | None]], climbing: bool, rule: str
) -> None:
    engine = Engine(write_rules(signals=rule))
    learning = PlainLearning()
    measured: list[Point] = []
    at = START
    for n, (step, value) in enumerate(moves):
        at += step
        given_value = None if value is None else value + (n / 2 if climbing else 0)
        column = [math.nan if given_value is None else given_value]
        engine.observe(Kind.DEVICE, [DEVICE], lambda _: {}, [at], {METRIC: column})
        (standing,) = engine.levels(Kind.DEVICE, DEVICE)
        values = {name: math.nan if found is None else found for name, found in standing.values.items()}
        if given_value is None:
            assert all(math.isnan(found) for found in values.values())
            continue
        measured.append((at, given_value))
        expected = {
            "now": given_value,
            "rate": plain_rate(measured),
            "slope": plain_slope(measured),
            "since": plain_since(measured),
            "distance": learning.distance(measured),
            "usual": math.nan if learning.usual is None else learning.usual,
            "likely": plain_likely(measured),
            "soonest": plain_hours(measured, 0.1),
            "middle": plain_hours(measured, 0.5),
            "latest": plain_hours(measured, 0.9),
        }
        for name, plain in expected.items():
            assert values[name] == pytest.approx(plain, nan_ok=True, rel=1e-9, abs=1e-9), name
        if not math.isnan(values["middle"]):
            assert values["soonest"] <= values["middle"] <= values["latest"]


def see(engine: Engine, values: list[float], step: float = HOUR) -> dict[str, float | None]:
    for n, value in enumerate(values):
        engine.observe(Kind.DEVICE, [DEVICE], lambda _: {}, [START + n * step], {METRIC: [value]})
    (standing,) = engine.levels(Kind.DEVICE, DEVICE)
    return standing.values


def test_a_steady_climb(write_rules: Callable[..., RuleSet]) -> None:
    found = see(Engine(write_rules(signals=RULE)), [float(n) for n in range(13)])
    assert found["slope"] == pytest.approx(24.0)
    assert found["rate"] == pytest.approx(24.0)
    assert found["since"] == 0.0
    assert found["distance"] == 9.0, "its first seven values were 0 to 6"
    assert found["soonest"] == found["middle"] == found["latest"] == pytest.approx(8.0)
    assert found["likely"] == 0.0, "eight hours away, asked for three"


def test_the_usual_is_learned_once(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(signals=RULE))
    assert see(engine, [5.0] * 7 + [9.0] * 60)["distance"] == 4.0


def test_a_horizon_that_the_climb_reaches(write_rules: Callable[..., RuleSet]) -> None:
    assert see(Engine(write_rules(signals=RULE)), [float(n) for n in range(19)])["likely"] == 1.0


PROBABLE = """
scope: {per: [device]}
signals:
  likely: {metric: memory.used_percent, take: crossing, reach: 20, horizon: 6h, window: 6h, bin: 1h}
levels:
  warning:
    raise: {likely: {at_least: 0.5}}
    forecast: {probability_signal: likely, source: paces of six hours}
"""


def test_a_forecast_may_take_its_probability_from_a_signal(write_rules: Callable[..., RuleSet]) -> None:
    engine = Engine(write_rules(probable=PROBABLE))
    changes = []
    for hour in range(19):
        at, metrics = [START + hour * HOUR], {METRIC: [float(hour)]}
        changes += engine.observe(Kind.DEVICE, [DEVICE], lambda _: {}, at, metrics)
    (change,) = changes
    assert change.forecast is not None
    assert (change.forecast.probability, change.forecast.within_seconds) == (1.0, 6 * HOUR)


CAUSE = """
scope: {per: [device]}
signals: {used: {metric: memory.used_percent, take: last}, swap: {metric: memory.swap_used_percent, take: last}}
levels: {warning: {raise: {used: {at_least: 90}}, clear: {used: {below: 80}}, unless: {swap: {at_most: 5}}}}
"""


@pytest.mark.parametrize(
    ("rounds", "levels"),
    [
        ([(95, 50)], ["warning"]),
        ([(95, 5)], ["none"]),
        ([(95, math.nan), (95, 50)], ["none", "warning"]),
        ([(95, 50), (95, math.nan), (95, 0)], ["warning", "warning", "none"]),
        ([(95, 50), (85, 50), (math.nan, 0)], ["warning", "warning", "none"]),
        ([(70, math.nan)], ["none"]),
        ([(95, 50), (70, math.nan)], ["warning", "none"]),
    ],
)
def test_a_cause_explains_a_level_away(
    write_rules: Callable[..., RuleSet], rounds: list[tuple[float, float]], levels: list[str]
) -> None:
    engine = Engine(write_rules(cause=CAUSE))
    seen = []
    for hour, (used, swap) in enumerate(rounds):
        metrics = {METRIC: [used], "memory.swap_used_percent": [swap]}
        engine.observe(Kind.DEVICE, [DEVICE], lambda _: {}, [START + hour * HOUR], metrics)
        seen.append(engine.levels(Kind.DEVICE, DEVICE)[0].level)
    assert seen == levels


@pytest.mark.parametrize(
    ("where", "labels", "applies"),
    [
        ("{model_like: ['ST4000*']}", {"model": "ST4000DM000"}, True),
        ("{model_like: ['ST4000*']}", {"model": "ST8000DM000"}, False),
        ("{model_like: ['ST4000*']}", {}, False),
        ("{model_like_not: ['ST4000*']}", {"model": "ST4000DM000"}, False),
        ("{model_like_not: ['ST4000*']}", {}, True),
        ("{firmware_like: ['CC5?']}", {"firmware": "CC54"}, True),
        ("{customer: [Acme]}", {"customer": "Acme"}, True),
        ("{customer: [Acme]}", {"customer": "Acme Ltd"}, False),
        ("{site_like: ['Store 1*']}", {"site": "Store 12"}, True),
        ("{tags: [server]}", {"tags": "backup,server"}, True),
        ("{tags: [server]}", {"tags": "servers"}, False),
        ("{tags_not: [server]}", {"tags": "backup,server"}, False),
        ("{tags_like: ['b*']}", {"tags": "backup,server"}, True),
    ],
)
def test_scopes(write_rules: Callable[..., RuleSet], where: str, labels: dict[str, str | float], applies: bool) -> None:
    rules = write_rules(
        metric="ata.5.raw",
        scoped=f"""
scope: {{per: [device, disk], where: {where}}}
signals: {{count: {{metric: ata.5.raw, take: last}}}}
levels: {{warning: {{raise: {{count: {{at_least: 1}}}}}}}}
""",
    )
    changes = Engine(rules).observe(Kind.DISK, [("srv", "Z1")], lambda _: labels, [START], {"ata.5.raw": [3.0]})
    assert bool(changes) == applies
