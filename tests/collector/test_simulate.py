"""The simulated fleet: made from its seed alone, plausible, and with the faults that it says it has."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise, takewhile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn_collector.simulate.chance import counted, draw, pick, wander
from forewarn_collector.simulate.climate import busy, local, room_celsius
from forewarn_collector.simulate.faults import KINDS, Planted, Rhythm
from forewarn_collector.simulate.fleet import Fleet, build_fleet, directory
from forewarn_collector.simulate.pace import Pace
from forewarn_collector.simulate.reports import birth, load
from forewarn_collector.simulate.run import sampled
from forewarn_collector.simulate.schedule import LOAD, Moment, moments
from forewarn_collector.simulate.score import (
    Finding,
    false_tickets,
    judge_kinds,
    missing_reports,
)
from forewarn_collector.simulate.smart import smart
from forewarn_wire import LoadReport, SmartReport, decode, device_name_problem, encode

DAY = 86_400.0
START = 1_790_000_000.0  # 2026-09-21, a Monday
SPAN = 60 * DAY
GOLDEN = "fdd6e0be400593494e236112673da5e4c7f323dd0ca442c8c0c33ab758c332e1"


def fleet(devices: int = 300, faulty: float = 0.3, seed: int = 1, **more: Any) -> Fleet:
    return build_fleet(seed, devices, start=START, span=SPAN, faulty=faulty, **more)


WHOLE = fleet()


def said(fleet: Fleet, moment: Moment, seq: int = 1) -> LoadReport | SmartReport:
    device = fleet.devices[moment.device]
    if moment.disk == LOAD:
        return load(device, fleet, "b1", seq, moment.at)
    return smart(device, device.disks[moment.disk], fleet, "b1", seq, moment.at)


def first(fleet: Fleet, seconds: float) -> Iterable[Moment]:
    return takewhile(lambda moment: moment.at < fleet.start + seconds, moments(fleet))


def test_the_same_seed_says_the_same_for_ever() -> None:
    digest = hashlib.sha256()
    small = fleet(40)
    for moment in first(small, 600):
        digest.update(encode(said(small, moment)))
    assert digest.hexdigest() == GOLDEN


def test_another_seed_is_another_fleet() -> None:
    one, other = fleet(seed=1), fleet(seed=2)
    assert not {device.name for device in one.devices} & {device.name for device in other.devices}
    assert [device.chassis for device in one.devices] != [device.chassis for device in other.devices]


def test_a_larger_fleet_holds_the_smaller_one() -> None:
    assert [device._replace(fault=None) for device in fleet(50).devices] == [
        device._replace(fault=None) for device in WHOLE.devices[:50]
    ]


def test_names_are_names_of_devices_and_belong_to_somebody() -> None:
    assert not [name for device in WHOLE.devices if (name := device_name_problem(device.name))]
    assert len({device.name for device in WHOLE.devices}) == 300
    prefixes = [pattern.removesuffix("*") for row in directory(WHOLE) for pattern in row["devices"]]  # type: ignore[attr-defined]
    owners = Counter(prefix for device in WHOLE.devices for prefix in prefixes if device.name.startswith(prefix))
    assert owners.total() == 300


def test_every_report_is_one_that_the_collector_takes() -> None:
    for moment in first(WHOLE, 120):
        report = said(WHOLE, moment)
        assert decode("load" if moment.disk == LOAD else "smart", encode(report)) == report
    assert decode("status", encode(birth(WHOLE.devices[0], WHOLE, "b1", START)))


@given(st.floats(0, 400), st.integers(0, 299))
def test_values_are_possible_ones(days: float, place: int) -> None:
    report = load(WHOLE.devices[place], WHOLE, "b1", 1, START + days * DAY)
    percents = [report.cpu.used_percent, report.memory.used_percent]  # type: ignore[union-attr]
    percents += [mount.used_percent for mount in report.filesystems]  # type: ignore[union-attr]
    assert all(0 <= percent <= 100 for percent in percents)  # type: ignore[operator]
    assert all(10 < sensor.celsius < 105 for sensor in report.temperatures)  # type: ignore[union-attr, operator]


@given(st.floats(0, 90), st.floats(0, 30), st.integers(0, 299))
def test_counters_never_fall(days: float, later: float, place: int) -> None:
    device = WHOLE.devices[place]
    for disk in device.disks:
        before, after = (smart(device, disk, WHOLE, "b1", 1, START + d * DAY) for d in (days, days + later))
        rows = {row.id: row.raw for row in before.attributes or ()} if before.attributes else {}
        assert all(row.raw >= rows[row.id] for row in after.attributes or () if row.id != 194)  # type: ignore[operator]
        assert after.power_on_hours >= before.power_on_hours  # type: ignore[operator]
    for module in range(len(device.modules)):
        reports = (load(device, WHOLE, "b1", 1, START + d * DAY) for d in (days, days + later))
        early, late = (report.dimms[module].corrected_errors for report in reports)  # type: ignore[index, union-attr]
        assert late >= early  # type: ignore[operator]


def test_each_kind_is_planted_on_a_part_that_it_can_befall() -> None:
    by_kind = Counter(fault.kind for fault in WHOLE.planted)
    assert by_kind == dict.fromkeys(KINDS, 9)
    for device in WHOLE.devices:
        if device.fault is None:
            continue
        part, befalls = device.fault.part, KINDS[device.fault.kind].befalls
        kinds = {disk.serial: disk.model.kind for disk in device.disks}
        if befalls in ("hdd", "flash", "ata", "disk"):
            assert kinds[part] in {"hdd": {"hdd"}, "flash": {"ssd", "nvme"}}.get(befalls, {"hdd", "ssd"})
        assert (befalls != "dimm") or part in device.modules


def test_faults_are_due_in_time_and_not_before_they_can_be_seen() -> None:
    for fault in WHOLE.planted:
        kind = KINDS[fault.kind]
        assert START + kind.watched < fault.due_at < START + 0.8 * SPAN + 1
        assert fault.due_at - fault.begins_at >= kind.takes
        assert fault.ends_at is None or fault.ends_at > fault.due_at


def test_in_too_short_a_time_what_needs_weeks_is_not_due() -> None:
    short = build_fleet(1, 200, start=START, span=900.0, faulty=0.3)
    late = {fault.kind for fault in short.planted if fault.due_at > START + 900}
    assert {"pending-sectors", "reallocated-sectors", "flaky-cable", "memory-errors", "silent-device"} <= late


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_changes_its_device_and_no_other(kind: str) -> None:
    faulty, healthy = fleet(faulty=0.03, kinds=[KINDS[kind]]), fleet(faulty=0.0)
    assert len(faulty.planted) == 9
    befallen = {fault.device: fault for fault in faulty.planted}
    for place, device in enumerate(faulty.devices):
        fault = befallen.get(device.name)
        at = fault.due_at + 60 if fault else START + 30 * DAY
        disks = range(LOAD, len(device.disks))
        said_of = [[encode(said(one, Moment(at, place, disk))) for disk in disks] for one in (faulty, healthy)]
        # One that is silent would say what it always says.
        assert (said_of[0] != said_of[1]) == (fault is not None and kind != "silent-device")


def test_when_it_is_due_a_fault_shows() -> None:
    for place, device in enumerate(WHOLE.devices):
        fault = device.fault
        if fault is None:
            continue
        disks = {disk.serial: number for number, disk in enumerate(device.disks)}
        report = said(WHOLE, Moment(fault.due_at, place, disks.get(fault.part, LOAD)))
        raw = {row.id: row.raw or 0 for row in report.attributes or ()} if isinstance(report, SmartReport) else {}
        match fault.kind:
            case "pending-sectors":
                assert raw[197] >= 100
            case "reallocated-sectors":
                assert raw[5] >= 100
            case "drive-says-failed":
                assert report.passed is False  # type: ignore[union-attr]
            case "ssd-wear":
                assert report.endurance_used_percent == 100  # type: ignore[union-attr]
            case "flaky-cable":
                assert raw[199] >= 40
            case "filesystem-full":
                assert report.filesystems[-1].used_percent >= 97  # type: ignore[index, union-attr, operator]
            case "dust":
                assert report.temperatures[0].celsius >= 100  # type: ignore[index, union-attr, operator]
            case "fan-stopped":
                assert report.fans[0].rpm == 0  # type: ignore[index, union-attr]
            case "memory-errors":
                assert sum(module.corrected_errors for module in report.dimms) >= 35  # type: ignore[union-attr, misc]


def test_people_work_on_weekdays_by_their_own_clock() -> None:
    monday, saturday = START // DAY * DAY, START // DAY * DAY + 5 * DAY
    assert local(monday, 0)[1] == 0
    assert local(monday, -5) == (19.0, 6)
    assert busy("office", monday + 10.5 * 3600, 0) > 5 * busy("office", saturday + 10.5 * 3600, 0)
    assert busy("office", monday + 10.5 * 3600, 0) == busy("office", monday + 2.5 * 3600, 8)
    assert busy("server", monday + 2 * 3600, 0) > busy("server", monday + 5 * 3600, 0)


def test_rooms_are_warmer_in_summer() -> None:
    january, july = 1_768_478_400.0, 1_784_116_800.0
    assert room_celsius(july, 0) > room_celsius(january, 0) + 4


def test_chance_is_even_and_smooth() -> None:
    drawn = [draw(7, number) for number in range(4000)]
    assert 0.48 < sum(drawn) / 4000 < 0.52
    assert 0.45 < sum(pick((3.0, 1.0), 7, n) == 0 for n in range(4000)) / 4000 - 0.25 < 0.55
    steps = [wander(7, second, 600) for second in range(6000)]
    assert max(abs(after - before) for before, after in pairwise(steps)) < 0.01
    assert [counted(7, 0.001, t) for t in (-5, 0)] == [0, 0]
    assert 9 <= counted(7, 0.001, 10_000) <= 11


def test_each_reports_once_in_each_of_its_intervals_in_the_order_of_time() -> None:
    rhythm = Rhythm(60.0, 300.0)
    small = build_fleet(1, 30, start=START, span=DAY, rhythm=rhythm)
    found = list(first(small, 600))
    assert found == sorted(found)
    turns = Counter(((m.at - START) // (60 if m.disk == LOAD else 300), m.device, m.disk) for m in found)
    assert set(turns.values()) == {1}
    assert len(found) == 10 * 30 + 2 * sum(len(device.disks) for device in small.devices)


def test_the_pace_of_life_is_life() -> None:
    pace = Pace(1000.0, 1000.0, 1.0)
    assert pace.due(1060.5) == 1060.5


def test_a_faster_pace_catches_up_and_then_is_that_of_life() -> None:
    pace = Pace(1000.0, 10_000.0, 10.0)
    assert pace.caught_up_at == pytest.approx(11_000.0)
    assert pace.due(1100.0) == pytest.approx(10_010.0)
    assert pace.due(11_000.0) == pytest.approx(11_000.0)
    assert pace.due(11_500.0) == 11_500.0


def test_as_fast_as_it_goes_is_at_once_up_to_now() -> None:
    pace = Pace(1000.0, 10_000.0, math.inf)
    assert [pace.due(at) for at in (1000.0, 9999.0, 10_020.0)] == [10_000.0, 10_000.0, 10_020.0]


def test_what_is_found_is_held_against_what_was_planted() -> None:
    planted = [
        Planted("ssd-wear", "a", "S1", START, START + 10 * DAY, START + 40 * DAY),
        Planted("ssd-wear", "b", "S2", START, START + 10 * DAY, START + 40 * DAY),
        Planted("fan-stopped", "c", "fan", START, START + 90 * DAY, None),
    ]
    healthy = WHOLE.devices[0]._replace(fault=None)
    devices = [healthy._replace(name=fault.device, fault=fault) for fault in planted]
    small = Fleet([*devices, healthy._replace(name="d")], START, Rhythm())
    found = [
        Finding(frozenset("a"), "disk-wear", START + 4 * DAY, "#1"),
        Finding(frozenset("a"), "disk-wear", START + 2 * DAY, "watch list"),
        Finding(frozenset("ad"), "cooling", START, "#2"),
        Finding(frozenset("x"), "cable", START, "#3"),
    ]
    wear, fan = judge_kinds(small, found, START + 20 * DAY)
    assert (wear.planted, wear.due, wear.found, wear.missed) == (2, 2, 1, ["b"])
    assert (wear.delay_hours, wear.lead_days) == (48.0, 38.0)
    assert (fan.planted, fan.due, fan.found, fan.missed) == (1, 0, 0, [])
    assert false_tickets(small, found) == ["a: cooling (#2)", "d: cooling (#2)"]


def test_reports_are_counted_by_device() -> None:
    """What one has too much does not make up for what another lacks."""
    assert missing_reports({"a": 5, "b": 5}, {"a": 2}, {"a": 9, "b": 3, "c": 100}) == (10, 2)


def test_a_sample_is_spread_over_the_fleet() -> None:
    assert sampled(100, 4) == {0, 25, 50, 75}
    assert sampled(3, 9) == {0, 1, 2}
    assert sampled(3, 0) == frozenset()
