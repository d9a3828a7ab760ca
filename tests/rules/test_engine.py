"""What a round does: levels, timers, scopes, late observations, texts."""

import math
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from forewarn_rules import Change, Engine, Kind, RuleSet, load_rules

WriteRules = Callable[..., RuleSet]
HOUR, DAY = 3600.0, 86400.0
START = 1_700_006_400.0
DISK = ("srv-1", "Z300A")
ATA = {"serial": "Z300A", "model": "ST4000DM000", "slot": "/dev/sda", "disk_kind": "unknown"}

MEMORY = """
scope: {per: [device]}
signals: {used: {metric: memory.used_percent, take: last}}
levels:
  warning: {raise: {used: {at_least: 80}}, for: 2h, clear: {used: {below: 70}}, hold: 2h}
  critical: {raise: {used: {at_least: 95}}, clear: {used: {below: 90}}}
"""


def feed(engine: Engine, *values: float, metric: str = "memory.used_percent", start: int = 0) -> list[tuple[int, str]]:
    """One device, one value an hour; the changes as (hour, level)."""
    found = []
    for hour, value in enumerate(values, start):
        changes = engine.observe(Kind.DEVICE, [("pc", "")], lambda _: {}, [START + hour * HOUR], {metric: [value]})
        found += [(round((change.at - START) / HOUR), change.after) for change in changes]
    return found


UNKNOWN = math.nan


@pytest.mark.parametrize(
    ("values", "changes", "why"),
    [
        ([80, 80, 80], [(2, "warning")], "for: 2h is over two hours after the first"),
        ([80, 70, 80, 80], [], "false starts again from zero"),
        ([80, 80, UNKNOWN, 80, 80], [(4, "warning")], "unknown adds nothing and forgets nothing"),
        ([96], [(0, "critical")], "a level without for is raised at once"),
        ([96, 80, 75, 75], [(0, "critical"), (1, "warning")], "the higher implies the lower, which stays"),
        ([96, 60, 60, 60], [(0, "critical"), (1, "warning"), (3, "none")], "each clears by its own condition"),
        ([80, 80, 80, 75, 69, 69, 69], [(2, "warning"), (6, "none")], "between the limits nothing happens"),
        ([80, 80, 80, 60, 60, 75, 60, 60, 60], [(2, "warning"), (8, "none")], "a hold begins anew"),
        ([96, *[UNKNOWN] * 9], [(0, "critical")], "unknown never clears"),
    ],
)
def test_levels_and_timers(write_rules: WriteRules, values: list[float], changes: list[object], why: str) -> None:
    assert feed(Engine(write_rules(memory=MEMORY)), *values) == changes, why


def test_a_gap_adds_no_time(write_rules: WriteRules) -> None:
    engine = Engine(write_rules(memory=MEMORY + "max_gap: 1h"))
    assert feed(engine, 80) == []
    assert feed(engine, 80, start=10) == []
    assert feed(engine, 80, 80, start=11) == [(12, "warning")]


def test_kleene_logic(write_rules: WriteRules) -> None:
    rules = write_rules(
        either="""
scope: {per: [device]}
signals: {used: {metric: memory.used_percent, take: last}, swap: {metric: memory.swap_used_percent, take: last}}
levels: {warning: {raise: {any: [{used: {above: 90}}, {swap: {above: 50}}]}}}
""",
        both="""
scope: {per: [device]}
signals: {used: {metric: memory.used_percent, take: last}, swap: {metric: memory.swap_used_percent, take: last}}
levels: {warning: {raise: {all: [{used: {above: 90}}, {not: {swap: {at_most: 50}}}]}}}
""",
    )
    rounds = [  # used, swap, level of either, level of both
        (95, UNKNOWN, "warning", "none"),
        (10, UNKNOWN, "warning", "none"),  # either: false or unknown is unknown, so it stays
        (10, 10, "none", "none"),
        (95, 60, "warning", "warning"),
        (95, UNKNOWN, "warning", "warning"),  # both: true and unknown is unknown
        (10, UNKNOWN, "warning", "none"),  # both: false and unknown is false
    ]
    engine = Engine(rules)
    for hour, (used, swap, *expected) in enumerate(rounds):
        metrics = {"memory.used_percent": [used], "memory.swap_used_percent": [swap]}
        engine.observe(Kind.DEVICE, [("pc", "")], lambda _: {}, [START + hour * HOUR], metrics)
        levels = {standing.rule: standing.level for standing in engine.levels(Kind.DEVICE, ("pc", ""))}
        assert [levels["either"], levels["both"]] == expected, hour


def test_a_limit_that_the_device_states_itself(write_rules: WriteRules) -> None:
    rules = write_rules(
        metric="temperature.celsius",
        hot="""
scope: {per: [device, sensor]}
signals: {now: {metric: temperature.celsius, take: last}, high: {metric: temperature.high_celsius, take: last}}
levels: {warning: {raise: {now: {at_least: {signal: high, plus: -5}}}}}
""",
    )
    keys = [("pc", "cpu"), ("pc", "disk"), ("pc", "board")]
    metrics = {"temperature.celsius": [75, 75, 75], "temperature.high_celsius": [80, 90, UNKNOWN]}
    changes = Engine(rules).observe(Kind.SENSOR, keys, lambda _: {}, [START] * 3, metrics)
    assert [change.key for change in changes] == [("pc", "cpu")]


def test_a_limit_that_is_a_share_of_another_signal(write_rules: WriteRules) -> None:
    rules = write_rules(
        metric="fan.rpm",
        slow="""
scope: {per: [device, sensor]}
signals: {now: {metric: fan.rpm, take: last}, least: {metric: fan.minimum_rpm, take: last}}
levels: {warning: {raise: {now: {below: {signal: least, times: 1.5, plus: 100}}}}}
""",
    )
    keys = [("pc", "slow"), ("pc", "just"), ("pc", "unknown")]
    metrics = {"fan.rpm": [699, 700, 1], "fan.minimum_rpm": [400, 400, UNKNOWN]}
    changes = Engine(rules).observe(Kind.SENSOR, keys, lambda _: {}, [START] * 3, metrics)
    assert [change.key for change in changes] == [("pc", "slow")]


def test_labels_that_are_learned_later_bring_other_rules() -> None:
    engine = Engine(load_rules())
    first: dict[str, str | float] = {**ATA, "disk_kind": "nvme"}
    assert engine.observe(Kind.DISK, [DISK], lambda _: first, [START], {"ata.197.raw": [100.0]}) == []
    learned = {**first, "disk_kind": "unknown"}
    (change,) = engine.observe(Kind.DISK, [DISK], lambda _: learned, [START + DAY], {"ata.197.raw": [100.0]})
    assert (change.rule, change.after) == ("ata-pending-sectors", "critical")


def test_labels_are_made_anew_only_for_those_of_which_something_new_is_told() -> None:
    engine = Engine(load_rules())
    keys = [("one", "Z1"), ("two", "Z2"), ("three", "Z3")]
    kinds = dict.fromkeys(keys, "nvme")
    asked: list[tuple[str, str]] = []

    def labels(key: tuple[str, str]) -> dict[str, str | float]:
        asked.append(key)
        return {**ATA, "disk_kind": kinds[key]}

    def observe(day: int, told: list[object]) -> list[tuple[str, str]]:
        pending = {"ata.197.raw": [100.0] * 3}
        return [c.key for c in engine.observe(Kind.DISK, keys, labels, [START + day * DAY] * 3, pending, told)]

    told: list[object] = [object(), object(), object()]
    assert (observe(0, told), asked) == ([], keys)
    asked.clear()
    kinds[keys[1]] = "unknown"
    assert (observe(1, told), asked) == ([], [])
    told[1] = object()
    assert set(observe(2, told)) == {keys[1]}
    assert set(asked) == {keys[1]}
    asked.clear()
    # What comes late is told nothing of, and the others keep their places.
    told[2] = object()
    at = [START + DAY, START + 3 * DAY, START + 3 * DAY]
    engine.observe(Kind.DISK, keys, labels, at, {"ata.197.raw": [0.0, 100.0, 0.0]}, told)
    assert asked == [keys[2]]


def test_a_level_may_be_narrower_than_the_scope_and_ends_where_it_does_not_apply(write_rules: WriteRules) -> None:
    rules = write_rules(
        metric="ata.197.raw",
        pending="""
scope: {per: [device, disk]}
signals: {now: {metric: ata.197.raw, take: last}}
levels:
  watch: {raise: {now: {at_least: 1}}}
  warning: {where: {disk_kind_not: [hdd]}, raise: {now: {at_least: 1}}}
""",
    )
    engine = Engine(rules)
    kinds = {("pc", "a"): "hdd", ("pc", "b"): "ssd"}

    def turn(at: float) -> list[tuple[str, str]]:
        found = engine.observe(
            Kind.DISK, list(kinds), lambda key: {"disk_kind": kinds[key]}, [at] * 2, {"ata.197.raw": [8, 8]}
        )
        return [(change.key[1], change.after) for change in found]

    assert turn(START) == [("a", "watch"), ("b", "warning")]
    kinds["pc", "b"] = "hdd"  # it was learned late
    assert turn(START + DAY) == [("b", "watch")]
    assert turn(START + 2 * DAY) == []


def test_what_a_change_says() -> None:
    engine = Engine(load_rules())
    (change,) = engine.observe(Kind.DISK, [DISK], lambda _: {**ATA, "customer": "Ada"}, [START], {"ata.5.raw": [104.0]})
    assert change.text == "Disk /dev/sda (ST4000DM000, serial Z300A) on srv-1 has 104 reallocated sectors."
    assert (change.before, change.after, change.at) == ("none", "warning", START)
    assert change.labels == {"device": "srv-1", "disk": "Z300A", "customer": "Ada", **ATA}
    assert change.values == {"sectors": 104.0, "unaccepted": 104.0, "new": None}
    assert change.forecast is not None
    assert change.forecast.within_seconds == 30 * DAY
    assert (change.fault, change.queue, change.status) == ("disk-failure", "storage", "stable")
    assert any("Z300A" in step for step in change.do)
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change).text == change.text


def test_a_forecast_by_trend_says_when_without_a_probability() -> None:
    engine = Engine(load_rules())
    changes = []
    for step in range(60):
        metrics = {"filesystem.used_percent": [70 + step / 4]}
        at = [START + step * 600]
        changes += engine.observe(Kind.FILESYSTEM, [("pi", "/")], lambda _: {"fstype": "ext4"}, at, metrics)
    assert changes[0].forecast is not None
    assert changes[0].forecast.probability is None
    assert changes[0].forecast.within_seconds == pytest.approx((100 - 80.75) / 0.25 * 600)


def test_standings_name_what_is_unknown() -> None:
    engine = Engine(load_rules())
    engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START], {"ata.197.raw": [16.0], "disk.passed": [math.nan]})
    standings = {standing.rule: standing for standing in engine.levels(Kind.DISK, DISK)}
    assert standings["ata-pending-sectors"].level == "warning"
    assert standings["ata-pending-sectors"].since == START
    assert "has 16 pending sectors" in standings["ata-pending-sectors"].text
    assert standings["drive-reports-failed"].unknown == ("passed",)
    assert standings["drive-reports-failed"].text == ""
    assert "nvme-spare-low" not in standings
    assert engine.levels(Kind.DISK, ("srv-1", "never seen")) == []


def test_late_observations_complete_windows_and_step_nothing() -> None:
    engine = Engine(load_rules())

    def see(day: float, raw: float) -> list[str]:
        metrics = {"ata.5.raw": [raw]}
        changes = engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START + day * DAY], metrics)
        return [change.after for change in changes]

    assert see(10, 8) == []
    assert see(8, 0) == [], "late: judges nothing"
    assert see(10, 99) == [], "the same time again: judges nothing"
    assert see(11, 8) == ["warning"], "but the window now knows that it was 0 three days before"
    assert see(1, 0) == [], "older than the window: of no use"


def test_growth_across_an_absence_counts_from_how_it_was_left() -> None:
    engine = Engine(load_rules())
    levels = []
    for day, raw in ((0, 0), (1, 4), (2, 4), (30, 4), (60, 5)):
        engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START + day * DAY], {"ata.5.raw": [float(raw)]})
        values = {standing.rule: standing.values for standing in engine.levels(Kind.DISK, DISK)}
        levels.append(values["ata-reallocated-growth"]["new"])
    assert levels == [None, 4.0, 4.0, 0.0, 1.0]


def test_a_forgotten_component_starts_anew() -> None:
    engine = Engine(load_rules())
    far = START + 1e9
    engine.observe(Kind.DISK, [DISK], lambda _: ATA, [far], {"ata.5.raw": [100.0]})
    assert engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START], {"ata.5.raw": [100.0]}) == []
    engine.forget(Kind.DISK, DISK)
    engine.forget(Kind.DISK, DISK)
    assert engine.levels(Kind.DISK, DISK) == []
    (change,) = engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START], {"ata.5.raw": [100.0]})
    assert change.before == "none"


def test_a_round_of_many_is_the_same_as_rounds_of_one() -> None:
    random = np.random.default_rng(7)
    keys = [("srv", f"disk-{n}") for n in range(40)]
    raw = random.choice([0.0, 0.0, 0.0, 8.0, 24.0, 104.0, math.nan], size=(40, len(keys)))
    together, alone = Engine(load_rules()), Engine(load_rules())
    one: list[Change] = []
    many: list[Change] = []
    for day, row in enumerate(raw):
        at = START + day * DAY + random.integers(0, 3600, len(keys))
        many += together.observe(Kind.DISK, keys, lambda _: ATA, at, {"ata.197.raw": row, "ata.5.raw": row[::-1]})
        for n, key in enumerate(keys):
            metrics = {"ata.197.raw": row[n : n + 1], "ata.5.raw": row[::-1][n : n + 1]}
            one += alone.observe(Kind.DISK, [key], lambda _: ATA, at[n : n + 1], metrics)
    assert many
    assert many == one


def test_a_round_that_is_none() -> None:
    engine = Engine(load_rules())
    with pytest.raises(ValueError, match="only once"):
        engine.observe(Kind.DISK, [DISK, DISK], lambda _: ATA, [START, START], {})
    with pytest.raises(ValueError, match="finite time"):
        engine.observe(Kind.DISK, [DISK], lambda _: ATA, [math.nan], {})
    with pytest.raises(ValueError, match="one value per component"):
        engine.observe(Kind.DISK, [DISK], lambda _: ATA, [START], {"ata.5.raw": [1.0, 2.0]})
    assert engine.observe(Kind.DISK, [], lambda _: ATA, [], {}) == []
    assert engine.observe(Kind.DEVICE, [("pc", "")], lambda _: {}, [START], {"cpu.used_percent": [1.0]}) == []


def test_experimental_is_judged_and_retired_is_not(write_rules: WriteRules) -> None:
    rules = write_rules(memory=MEMORY)
    for status, expected in (("experimental", ["experimental"]), ("retired", [])):
        engine = Engine([replace(rule, status=status) for rule in rules])
        changes = engine.observe(Kind.DEVICE, [("pc", "")], lambda _: {}, [START], {"memory.used_percent": [99.0]})
        assert [change.status for change in changes] == expected


def test_a_value_may_be_older_than_the_report_if_the_rule_says_so(write_rules: WriteRules) -> None:
    rules = write_rules(
        memory="""
scope: {per: [device]}
signals:
  used: {metric: memory.used_percent, take: last, within: 2h}
  peak: {metric: memory.used_percent, take: max, window: 6h, bin: 1h}
  level: {metric: memory.used_percent, take: mean, window: 6h, bin: 1h, within: 1h}
levels: {warning: {raise: {used: {at_least: 90}}}}
"""
    )
    engine = Engine(rules)
    seen = []
    for hour, value in enumerate([96.0, 90.0, UNKNOWN, UNKNOWN, UNKNOWN, 30.0]):
        feed(engine, value, start=hour)
        seen.append(engine.levels(Kind.DEVICE, ("pc", ""))[0])
    assert [standing.values["used"] for standing in seen] == [96, 90, 90, 90, None, 30]
    assert [standing.values["peak"] for standing in seen] == [96, 96, None, None, None, 96]
    assert [standing.values["level"] for standing in seen] == [96, 93, 93, None, None, 72]
    assert [standing.level for standing in seen] == ["warning"] * 5 + ["none"]
    assert seen[4].unknown == ("used", "peak", "level")


@pytest.mark.parametrize("seed", range(3))
def test_what_other_components_report_changes_nothing(seed: int) -> None:
    """Rules sleep until any component reports a metric of theirs: a disk that reports all of them wakes every rule."""
    random = np.random.default_rng(seed)
    keys = [("srv", f"disk-{n}") for n in range(12)]
    labels = {key: {**ATA, "disk_kind": ("hdd", "ssd", "nvme", "sas")[n % 4]} for n, key in enumerate(keys)}
    noisy = ("srv", "reports all")
    noisy_labels = {**ATA, "model": "a model of its own, or it were a peer of the others"}
    rules = load_rules()
    quiet, awake = Engine(rules), Engine(rules)
    names = quiet.metrics(Kind.DISK)
    first: list[Change] = []
    second: list[Change] = []
    for day in range(60):
        here = [key for key in keys if random.random() < 0.8]
        reported = [name for n, name in enumerate(names) if n % 3 <= day // 20]  # more of them as time goes by
        metrics = {name: random.choice([0, 0, 0, 0, 1, 2, 20, 120, math.nan], len(here)) for name in reported}
        late = random.choice([0, 0, 0, 3 * DAY, 9 * DAY], len(here))
        at = START + day * DAY + random.integers(0, 3600, len(here)) - late
        first += quiet.observe(Kind.DISK, here, labels.__getitem__, at, metrics)
        all_metrics = {name: np.append(metrics.get(name, np.full(len(here), math.nan)), 0.0) for name in names}
        changes = awake.observe(
            Kind.DISK,
            [*here, noisy],
            {**labels, noisy: noisy_labels}.__getitem__,
            np.append(at, START + day * DAY),
            all_metrics,
        )
        second += [change for change in changes if change.key != noisy]
        if day in (5, 30):  # a restart with a snapshot, of both, without the windows
            kept = {key: quiet.snapshot(Kind.DISK, key) for key in keys}
            assert kept == {key: awake.snapshot(Kind.DISK, key) for key in keys}
            quiet, awake = Engine(rules), Engine(rules)
            for engine in (quiet, awake):
                for key, snapshot in kept.items():
                    if snapshot is not None:
                        engine.restore(Kind.DISK, key, snapshot)
    assert {change.after for change in first} == {"none", "watch", "warning", "critical"}
    assert first == second
    for key in keys:
        assert repr(quiet.levels(Kind.DISK, key)) == repr(awake.levels(Kind.DISK, key))
