"""What somebody accepted as known is quiet until it grows, whatever comes between."""

import numpy as np
import pytest

from forewarn_rules import Change, Engine, Kind, Labels, load_rules

RULES = load_rules()
DAY = 86_400.0
START = 1_700_006_400.0
KEY = ("srv-1", "Z300A")
LABELS: Labels = {"serial": "Z300A", "model": "M", "slot": "/dev/sda", "disk_kind": "unknown"}


def feed(engine: Engine, day: float, **values: float) -> list[Change]:
    named = {name.replace("_", "."): np.array([value]) for name, value in values.items()}
    return engine.observe(Kind.DISK, [KEY], lambda _: LABELS, [START + day * DAY], named)


def accept(engine: Engine, day: float, values: dict[str, float]) -> list[Change]:
    return engine.accept(Kind.DISK, KEY, LABELS, START + day * DAY, values, "Li Wei")


def levels(engine: Engine) -> dict[str, str]:
    return {found.rule: found.level for found in engine.levels(Kind.DISK, KEY) if found.level != "none"}


def test_an_acceptance_ends_what_rests_on_counters_and_leaves_what_does_not() -> None:
    engine = Engine(RULES)
    columns = {"ata.5.raw": np.array([104.0]), "disk.passed": np.array([0.0])}
    engine.observe(Kind.DISK, [KEY], lambda _: LABELS, [START], columns)
    assert set(levels(engine)) == {"ata-reallocated-growth", "drive-reports-failed"}
    (change,) = accept(engine, 1, {"ata.5.raw": 104.0, "disk.passed": 0.0})
    assert (change.rule, change.before, change.after, change.accepted_by) == (
        "ata-reallocated-growth", "warning", "none", "Li Wei",
    )  # fmt: skip
    assert change.at == START + DAY
    assert "104 reallocated sectors" in change.text
    assert set(levels(engine)) == {"drive-reports-failed"}
    assert {metric: found.value for metric, found in engine.accepted(Kind.DISK, KEY).items()} == {"ata.5.raw": 104.0}


@pytest.mark.parametrize("values", [{}, {"ata.5.raw": float("nan")}, {"disk.temperature_celsius": 40.0}])
def test_what_was_not_measured_or_is_no_counter_is_not_accepted(values: dict[str, float]) -> None:
    engine = Engine(RULES)
    feed(engine, 0, ata_5_raw=104.0)
    assert accept(engine, 1, values) == []
    assert levels(engine) == {"ata-reallocated-growth": "warning"}
    assert engine.accepted(Kind.DISK, KEY) == {}


def test_a_component_that_was_never_observed_has_nothing_to_accept() -> None:
    engine = Engine(RULES)
    assert accept(engine, 0, {"ata.5.raw": 104.0}) == []
    assert engine.levels(Kind.DISK, KEY) == []


def test_another_disk_under_the_same_key_starts_afresh() -> None:
    engine = Engine(RULES)
    feed(engine, 0, ata_5_raw=104.0)
    accept(engine, 1, {"ata.5.raw": 104.0})
    engine.forget(Kind.DISK, KEY)
    assert [change.after for change in feed(engine, 2, ata_5_raw=104.0)] == ["warning"]


def test_a_late_report_of_the_time_before_does_not_look_like_growth() -> None:
    engine = Engine(RULES)
    feed(engine, 0, ata_5_raw=0.0)
    feed(engine, 3, ata_5_raw=8.0)
    accept(engine, 3.5, {"ata.5.raw": 8.0})
    assert feed(engine, 2, ata_5_raw=0.0) == []
    assert feed(engine, 4, ata_5_raw=8.0) == []
    assert [change.after for change in feed(engine, 5, ata_5_raw=9.0)] == ["warning"]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_after_a_restart_the_acceptance_holds_as_without_one(seed: int, at_once: bool) -> None:
    random = np.random.default_rng(seed)
    counters = np.cumsum(random.choice([0, 0, 0, 0, 0, 3, 20], (3, 60)), axis=1).astype(float)
    counters[:, 41:] -= counters[:, 41:42] * (seed % 2)  # some go back, and come again
    counters[random.random(counters.shape) < 0.1] = np.nan
    names = ("ata.5.raw", "ata.197.raw", "ata.199.raw")
    times = START + np.arange(60) * DAY

    def run(engine: Engine, days: range) -> list[Change]:
        return [
            change
            for day in days
            for change in engine.observe(
                Kind.DISK, [KEY], lambda _: LABELS, times[[day]], dict(zip(names, counters[:, [day]], strict=True))
            )
        ]

    never_stopped = Engine(RULES)
    run(never_stopped, range(20))
    newest = {
        name: float(column[:20][~np.isnan(column[:20])][-1]) for name, column in zip(names, counters, strict=True)
    }
    assert accept(never_stopped, 19.5, newest)
    run(never_stopped, range(20, 23))
    kept = never_stopped.snapshot(Kind.DISK, KEY)
    assert kept is not None
    restarted = Engine(RULES)
    restarted.restore(Kind.DISK, KEY, kept)
    if at_once:
        restarted.warm_history(Kind.DISK, KEY, times[:23], dict(zip(names, counters[:, :23], strict=True)))
    else:
        for day in range(23):
            restarted.warm(Kind.DISK, [KEY], times[[day]], dict(zip(names, counters[:, [day]], strict=True)))
    expected = run(never_stopped, range(23, 60))
    assert run(restarted, range(23, 60)) == expected
    assert restarted.accepted(Kind.DISK, KEY) == never_stopped.accepted(Kind.DISK, KEY)


def test_signals_over_windows_count_from_the_acceptance(write_rules: object) -> None:
    rules = write_rules(  # type: ignore[operator]
        metric="ata.5.raw",
        mine="""
scope: {per: [device, disk]}
signals:
  since: {metric: ata.5.raw, take: growth_since_baseline}
  pace: {metric: ata.5.raw, take: rate, window: 10d, min_span: 1d}
  days: {metric: ata.5.raw, take: days_since_increase, window: 10d}
  beyond: {metric: ata.5.raw, take: above_accepted}
levels: {warning: {raise: {since: {at_least: 1}}}}
""",
    )
    engine = Engine(rules)
    for day, value in enumerate((10.0, 12.0, 14.0)):
        feed(engine, day, ata_5_raw=value)
    (before,) = engine.levels(Kind.DISK, KEY)
    assert (before.values["since"], before.values["beyond"], before.values["days"]) == (4.0, 14.0, 0.0)
    accept(engine, 2, {"ata.5.raw": 14.0})
    feed(engine, 3, ata_5_raw=14.0)
    (quiet,) = engine.levels(Kind.DISK, KEY)
    assert quiet.values == {"since": 0.0, "beyond": 0.0, "pace": 0.0, "days": float("inf")}
    feed(engine, 4, ata_5_raw=15.0)
    (grown,) = engine.levels(Kind.DISK, KEY)
    assert (grown.level, grown.values["since"], grown.values["days"]) == ("warning", 1.0, 0.0)
