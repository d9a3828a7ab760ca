"""When a disk tests itself, and above all when it does not."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forewarn_agent.disks import REMEMBERED_NAME, Disks
from forewarn_agent.orders import Refused
from forewarn_agent.remembered import Remembered, SelfTestMemory, StartedTest
from forewarn_agent.runner import Finished
from forewarn_agent.self_test_plan import Candidate, Start, disks_in_test, due, last_test, last_turn, obstacle, refused
from forewarn_agent.self_tester import SelfTester
from forewarn_agent.settings import SelfTests
from forewarn_agent.smart_selftest import DiskTests, PastTest, read_tests
from forewarn_agent.smartctl import Smartctl
from forewarn_wire import Array, Disk, Outcome, SmartReport

Machine = Callable[[dict[str, dict[str, Any]]], Path]

DAY = 86400.0
NOW = 1_800_000_000.0
WEEKLY = SelfTests(short=7 * DAY, extended=None)
BOTH = SelfTests(short=7 * DAY, extended=30 * DAY)
IDLE, RUNS = "example_outputs.rs_1.txt", "example_outputs.rs_3.txt"


def report(serial: str | None = "K1", outcome: Outcome = Outcome.MEASURED, **values: Any) -> SmartReport:
    disk = Disk(slot="/dev/sda", serial=serial)
    made = SmartReport(device="d", boot="b", seq=1, sampled_at=NOW, disk=disk, outcome=outcome)
    for name, value in values.items():
        setattr(made, name, value)
    return made


ABLE = DiskTests(NOW, able=True, short_minutes=2, extended_minutes=463)
GOOD = Candidate(report(passed=True, power_on_hours=20_000), ABLE, memory=SelfTestMemory(NOW - 400 * DAY))


@pytest.mark.parametrize(
    ("candidate", "others", "arrays", "reason"),
    [
        (GOOD, [], [], None),
        (replace(GOOD, usb=True), [], [], "USB"),
        (replace(GOOD, report=report(outcome=Outcome.STANDBY)), [], [], "it sleeps"),
        (replace(GOOD, report=report(outcome=Outcome.TIMEOUT, detail="killed")), [], [], "timeout killed"),
        (replace(GOOD, tests=None), [], [], "cannot be read"),
        (replace(GOOD, report=report(passed=False)), [], [], "failing"),
        (replace(GOOD, tests=replace(ABLE, able=None)), [], [], "no self-test"),
        (replace(GOOD, tests=replace(ABLE, able=False)), [], [], "no self-test"),
        (replace(GOOD, tests=replace(ABLE, running=True)), [], [], "a self-test runs on it"),
        (GOOD, ["/dev/sdb"], [], "a self-test runs on /dev/sdb"),
        (replace(GOOD, report=report(temperature_celsius=61, temperature_limit_celsius=60)), [], [], "too hot: 61"),
        (replace(GOOD, report=report(temperature_celsius=59, temperature_limit_celsius=60)), [], [], None),
        (GOOD, [], [Array(name="md0", type="md", degraded=True)], "md0 is degraded"),
        (GOOD, [], [Array(name="md0", type="md", degraded=False, action="check")], "md0 is at work: check"),
        (GOOD, [], [Array(name="md0", type="md", degraded=False, action="")], None),
    ],
)
def test_what_stands_in_the_way(candidate: Candidate, others: list[str], arrays: list[Array], reason: str) -> None:
    found = obstacle(candidate, others, arrays)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_a_disk_comes_up_once_in_each_interval_and_no_two_at_the_same_time() -> None:
    serials = [f"WD-{number:05}" for number in range(400)]
    turns = {serial: last_turn(serial, 7 * DAY, NOW) for serial in serials}
    assert all(0 <= NOW - turn < 7 * DAY for turn in turns.values())
    assert {last_turn(serial, 7 * DAY, NOW + 7 * DAY) - turn for serial, turn in turns.items()} == {7 * DAY}
    for day in range(7):  # a seventh of the fleet a day: 57, give or take four standard deviations
        of_day = [turn for turn in turns.values() if day * DAY <= NOW - turn < (day + 1) * DAY]
        assert 29 <= len(of_day) <= 85


def simulate(
    schedule: SelfTests, days: float, step: float = 1800.0, awake: Callable[[float], bool] = bool
) -> list[Any]:
    """The decisions of ``days`` for a disk whose tests end at once and stand in its log."""
    candidate = replace(GOOD, memory=SelfTestMemory(NOW))
    started: list[tuple[float, bool]] = []
    for turn in range(round(days * DAY / step)):
        now = NOW + turn * step
        if not awake(now):
            continue
        hours = 20_000 + int((now - NOW) / 3600)
        candidate = replace(candidate, report=report(power_on_hours=hours))
        test = due(candidate, schedule, now)
        if isinstance(test, Start):
            started.append((now, test.extended))
            past = (PastTest(test.extended, hours), *(candidate.tests.past if candidate.tests else ()))
            memory, done = candidate.memory, StartedTest(now, hours)
            assert memory is not None
            memory = SelfTestMemory(
                memory.since,
                memory.short if test.extended else done,
                done if test.extended else memory.extended,
            )
            candidate = replace(candidate, tests=replace(ABLE, past=past), memory=memory)
    return started


def test_a_weekly_test_happens_every_week_and_not_at_once() -> None:
    times = [at for at, _ in simulate(WEEKLY, 71)]
    assert len(times) == 10
    assert times[0] - NOW > 1800, "a schedule that was just set starts nothing on the whole fleet"
    assert {round((later - earlier) / DAY, 1) for earlier, later in itertools.pairwise(times)} == {7.0}


def test_an_extended_test_does_for_the_short_one() -> None:
    tests = simulate(BOTH, 365)
    extended = [at for at, is_extended in tests if is_extended]
    short = [at for at, is_extended in tests if not is_extended]
    assert len(extended) == 12
    assert 38 <= len(short) <= 52
    assert not any(0 <= other - one < 3.4 * DAY for one in extended for other in short)


def test_a_turn_that_was_slept_through_is_made_up_for_once() -> None:
    turn = last_turn("K1", 7 * DAY, NOW + 20 * DAY)
    times = [at for at, _ in simulate(WEEKLY, 30, awake=lambda now: abs(now - turn) > DAY)]
    made_up = [at for at in times if 0 <= at - turn < 3 * DAY]
    assert len(made_up) == 1


@pytest.mark.parametrize(
    ("past", "hours", "memory", "days_ago"),
    [
        ((PastTest(False, 19_976),), 20_000, None, 1.0),
        ((PastTest(True, 19_952),), 20_000, None, 2.0),
        ((PastTest(False, None),), 20_000, None, None),
        ((), 20_000, None, None),
        ((PastTest(False, 5),), None, None, None),
        # ATA's log counts 16 bits: 65600 hours are 64 there.
        ((PastTest(False, 40),), 65_600, None, 1.0),
        # Its own test a week ago, on a machine that is off at night: the log would say two days.
        ((PastTest(False, 19_952),), 20_000, StartedTest(NOW - 7 * DAY, 19_951), 7.0),
        # Somebody else's after it.
        ((PastTest(False, 19_999),), 20_000, StartedTest(NOW - 7 * DAY, 19_900), 1 / 24),
        # A clock that was ahead says nothing.
        ((), 20_000, StartedTest(NOW + DAY, 19_999), None),
    ],
)
def test_when_the_last_one_was(
    past: tuple[PastTest, ...], hours: int | None, memory: StartedTest | None, days_ago: float | None
) -> None:
    candidate = Candidate(
        report(power_on_hours=hours), replace(ABLE, past=past), memory=SelfTestMemory(NOW - 30 * DAY, short=memory)
    )
    found = last_test(candidate, False, NOW)
    assert (None if found is None else (NOW - found) / DAY) == (None if days_ago is None else pytest.approx(days_ago))


def test_without_a_serial_number_or_a_schedule_there_is_no_turn() -> None:
    assert isinstance(due(replace(GOOD, report=report(serial=None)), BOTH, NOW), str)
    assert due(GOOD, SelfTests(), NOW) == "none is scheduled"


def test_a_disk_that_fell_silent_in_its_test_holds_up_the_others_for_a_day() -> None:
    tests = {"/dev/sdb": replace(ABLE, running=True), "/dev/sdc": ABLE}
    assert disks_in_test(tests, NOW + 3600) == ["/dev/sdb"]
    assert disks_in_test(tests, NOW + 2 * DAY) == []


@pytest.mark.parametrize(
    ("name", "able", "running", "extended_minutes", "past"),
    [
        (f"AadamZ5__smartctl-wrapper/{IDLE}", True, False, 463, (PastTest(False, 9847), PastTest(False, 4951))),
        (f"AadamZ5__smartctl-wrapper/{RUNS}", True, True, 463, (PastTest(False, 9847), PastTest(False, 4951))),
        ("henrygd__beszel/agent__test-data__smart__sda.json", True, False, 10, ()),  # all three were aborted
        (
            "influxdata__telegraf/plugins__inputs__smartctl__testcases_device__scsi_extended__response.json",
            True, False, 1340, (PastTest(True, 90), PastTest(True, 66), PastTest(False, 2)),
        ),
        ("truenas__py-SMART/tests__dataset__singletests__nvme_5_issue_46__nvmessd.json", False, False, None, ()),
    ],
)  # fmt: skip
def test_what_recorded_disks_say(
    name: str, able: bool, running: bool, extended_minutes: int | None, past: Any, shared_data: Path
) -> None:
    document = json.loads((shared_data / "smartctl" / name).read_text())
    tests = read_tests(document, NOW)
    assert (tests.able, tests.running, tests.extended_minutes, tests.past) == (able, running, extended_minutes, past)


def test_an_nvme_disk_by_a_smartctl_that_knows_its_tests() -> None:
    log = {
        "current_self_test_operation": {"value": 1, "string": "Short self-test in progress"},
        "table": [
            {"self_test_code": {"value": 2}, "self_test_result": {"value": 0}, "power_on_hours": 2100},
            {"self_test_code": {"value": 1}, "self_test_result": {"value": 2}, "power_on_hours": 2000},
        ],
    }
    tests = read_tests({"nvme_self_test_log": log, "nvme_smart_health_information_log": {}}, NOW)
    assert (tests.able, tests.running, tests.past) == (True, True, (PastTest(True, 2100),)), "2 is an aborted one"


@pytest.mark.parametrize("document", [{}, {"ata_smart_data": 5}, {"nvme_self_test_log": {"table": 7}}])
def test_nonsense_is_no_test(document: dict[str, Any]) -> None:
    tests = read_tests(document, NOW)
    assert (tests.running, tests.past) == (False, ())


@pytest.mark.parametrize(
    ("status", "reason"), [(0, None), (64, None), (3, "it sleeps"), (4, "did not take"), (-9, "ended")]
)
def test_what_smartctl_ends_with(status: int, reason: str | None) -> None:
    found = refused(Finished(b"{}", status))
    assert (found is None) if reason is None else (found is not None and reason in found)


class Rack:
    """Two SATA disks and one behind USB, asleep or not, and what smartctl was asked."""

    def __init__(self, machine: Machine, shared_data: Path, tmp_path: Path) -> None:
        self._machine, self.folder = machine, shared_data / "smartctl" / "AadamZ5__smartctl-wrapper"
        self.now = time.time()
        self.arrays: list[Array] = []
        for name, serial in (("sda", "WD-A"), ("sdb", "WD-B")):
            document = json.loads((self.folder / IDLE).read_text())
            document["serial_number"] = serial
            (tmp_path / f"{name}.json").write_text(json.dumps(document))
        self.devices: dict[str, dict[str, Any]] = {
            f"/dev/{name}": {"type": "sat", "file": str(tmp_path / f"{name}.json")} for name in ("sda", "sdb")
        }
        self.path = machine(self.devices)
        self.data = tmp_path
        self.restart()

    def restart(self) -> None:
        remembered = Remembered(self.data / REMEMBERED_NAME)
        smartctl = Smartctl(str(self.path), 10)
        self.disks = Disks(self.data / "sys", smartctl, remembered, clock=lambda: self.now)
        self.tester = SelfTester(self.disks, smartctl, remembered, lambda: self.arrays, lambda: self.now)

    def change(self, device: str, **values: Any) -> None:
        self.devices[device] |= values
        self._machine(self.devices)

    def round(self, schedule: SelfTests = WEEKLY) -> str | None:
        event = self.tester.round(schedule, self.disks.read_all())
        return None if event is None else f"{event.event} {event.part} {event.text}"

    def started(self) -> list[str]:
        calls = [json.loads(line)["arguments"] for line in (self.path.parent / "calls.log").read_text().splitlines()]
        tests = [call for call in calls if "-t" in call]
        assert all(call[:4] == ["--json=c", "-n", "standby,3", "-t"] for call in tests)
        return [f"{call[4]} {call[-1]}" for call in tests]


@pytest.fixture
def rack(machine: Machine, shared_data: Path, tmp_path: Path) -> Rack:
    return Rack(machine, shared_data, tmp_path)


def test_without_a_setting_nothing_is_ever_started(rack: Rack) -> None:
    for _ in range(4):
        assert rack.round(SelfTests()) is None
        rack.now += 30 * DAY
    assert rack.started() == []


def test_the_schedule_tests_one_disk_after_the_other(rack: Rack) -> None:
    assert rack.round() is None
    rack.now += 14 * DAY
    assert rack.round() == "self-test-started WD-A short, by the schedule, about 2 minutes"
    rack.change("/dev/sda", file=str(rack.folder / RUNS))
    rack.restart()
    assert rack.round() is None, "a test runs on the other one, as its own log says"
    rack.change("/dev/sda", file=str(rack.data / "sda.json"))
    assert rack.round() == "self-test-started WD-B short, by the schedule, about 2 minutes"
    for _ in range(3):
        assert rack.round() is None
        rack.restart()
    assert rack.started() == ["short /dev/sda", "short /dev/sdb"]


def test_a_disk_that_does_not_take_the_command_is_asked_again_at_its_next_turn(rack: Rack) -> None:
    rack.change("/dev/sda", self_test_status=4)
    rack.round()
    rack.now += 14 * DAY
    assert "self-test-not-started WD-A short, by the schedule, the disk did not take" in str(rack.round())
    assert "started WD-B" in str(rack.round())
    rack.now += DAY / 24
    assert rack.round() is None
    assert rack.started() == ["short /dev/sda", "short /dev/sdb"]


def test_a_degraded_array_puts_every_test_off(rack: Rack) -> None:
    rack.arrays = [Array(name="md0", type="md", degraded=True)]
    rack.round()
    rack.now += 14 * DAY
    assert rack.round() is None
    rack.arrays = []
    assert "started" in str(rack.round())


@pytest.mark.parametrize("name", ["WD-B", "/dev/sdb"])
def test_a_server_may_ask_for_a_short_test(rack: Rack, name: str) -> None:
    assert rack.tester.on_request(name) == "short self-test of /dev/sdb (WD-B) started, about 2 minutes"
    with pytest.raises(Refused, match=r"a self-test runs on /dev/sdb: one disk of a machine at a time"):
        rack.tester.on_request("WD-A")
    assert rack.started() == ["short /dev/sdb"]


def test_a_request_is_refused_for_the_same_reasons(rack: Rack) -> None:
    with pytest.raises(Refused, match="there is no disk 'WD-C'; here are /dev/sda, /dev/sdb"):
        rack.tester.on_request("WD-C")
    with pytest.raises(Refused, match="there is no disk ''"):
        rack.tester.on_request("")
    rack.change("/dev/sda", asleep=True)
    with pytest.raises(Refused, match=r"no self-test of /dev/sda.*it sleeps"):
        rack.tester.on_request("/dev/sda")
    rack.change("/dev/sda", asleep=False, file=str(rack.folder / RUNS))
    with pytest.raises(Refused, match="a self-test runs on it"):
        rack.tester.on_request("/dev/sda")
    assert rack.started() == []


def test_a_disk_behind_usb_is_never_tested(
    machine: Machine, shared_data: Path, agent_data: Path, tmp_path: Path
) -> None:
    file = str(shared_data / "smartctl" / "AadamZ5__smartctl-wrapper" / IDLE)
    smartctl = Smartctl(str(machine({"/dev/sdb": {"type": "sat", "file": file}})), 10)
    remembered = Remembered(None)
    disks = Disks(agent_data / "tree" / "sys", smartctl, remembered)
    now = [NOW]
    tester = SelfTester(disks, smartctl, remembered, list, lambda: now[0])
    for _ in range(3):
        assert tester.round(BOTH, disks.read_all()) is None
        now[0] += 30 * DAY
    with pytest.raises(Refused, match="USB"):
        tester.on_request("/dev/sdb")
