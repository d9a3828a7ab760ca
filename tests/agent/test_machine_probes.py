"""The probes for what a machine says beside disks, on a captured tree and on what drivers are known to show."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import UNSET

from forewarn_agent.gather import read_load, take_out_not_here
from forewarn_agent.probes import battery, fan, hwmon, memory, pressure, sysfs, throttling, voltage
from forewarn_agent.probes.reading import Surroundings
from forewarn_agent.settings import Filesystems, Roots
from forewarn_wire import Battery, Dimm, Fan, Interface, LoadReport, Outcome, Pressure, Throttling, Voltage

MACHINE = frozenset({"fan", "voltage", "ecc", "battery", "throttling", "pressure", "network"})


@pytest.fixture
def captured(agent_data: Path) -> Surroundings:
    tree = agent_data / "tree"
    nothing = Filesystems(frozenset(), frozenset())
    return Surroundings(Roots(tree / "proc", tree / "sys", tree / "root"), nothing, list, cpu_window=0.0)


@pytest.fixture
def report(captured: Surroundings) -> LoadReport:
    return read_load(MACHINE, captured)


def test_fans_with_what_they_are_told_and_what_the_chip_says(report: LoadReport) -> None:
    assert report.fans == [
        Fan(sensor="nct6798 fan1 (nct6775.656)", rpm=0.0, pwm_percent=60.0, alarm=False),
        Fan(sensor="nct6798 CPU fan (nct6775.656)", rpm=1124.0, minimum_rpm=300.0, pwm_percent=40.0, alarm=False),
        Fan(sensor="nct6798 fan3 (nct6775.656)", rpm=None, pwm_percent=100.0),
    ]


def test_voltages_whose_limits_nobody_has_set_are_left_out(report: LoadReport) -> None:
    assert report.voltages == [
        Voltage(
            sensor="nct6798 AVCC (nct6775.656)", volts=3.392, minimum_volts=2.976, maximum_volts=3.632, alarm=False
        ),
        Voltage(sensor="nct6798 in3 (nct6775.656)", volts=None, minimum_volts=2.976, maximum_volts=3.632),
    ]


def test_memory_modules_rows_of_chips_and_errors_without_a_place(report: LoadReport) -> None:
    assert report.dimms == [
        Dimm(dimm="mc0 dimm0 CPU_SrcID#0_MC#0_Chan#0_DIMM#0", corrected_errors=4, uncorrected_errors=0),
        Dimm(dimm="mc0 dimm3 CPU_SrcID#0_MC#0_Chan#1_DIMM#0", corrected_errors=0, uncorrected_errors=None),
        Dimm(dimm="mc0 unknown module", corrected_errors=0, uncorrected_errors=0),
        Dimm(dimm="mc1 csrow0", corrected_errors=1, uncorrected_errors=0),
    ]


def test_the_machines_own_batteries_and_not_the_mouses(report: LoadReport) -> None:
    assert report.batteries == [
        Battery(battery="BAT0", full_percent_of_design=76.0, design_watt_hours=50.0, charge_percent=84.0, cycles=412),
        Battery(battery="BAT1", full_percent_of_design=None),
    ]


def test_a_package_counts_once_and_a_core_once(report: LoadReport) -> None:
    assert report.throttling == Throttling(core_events=7, package_events=12)


def test_pressure_of_which_one_line_is_cut(report: LoadReport) -> None:
    assert report.pressure == Pressure(
        cpu_some_percent=1.11,
        memory_some_percent=0.25,
        memory_full_percent=0.12,
        io_some_percent=2.5,
        io_full_percent=None,
    )


def test_only_interfaces_that_hang_on_a_device(report: LoadReport) -> None:
    assert report.interfaces == [
        Interface(interface="eno1", receive_errors=3, transmit_errors=0, receive_dropped=17, transmit_dropped=0)
    ]


def test_what_a_machine_does_not_have_is_not_here_with_a_reason(captured: Surroundings, tmp_path: Path) -> None:
    bare = replace(captured, roots=Roots(tmp_path, tmp_path, tmp_path))
    report = read_load(MACHINE, bare)
    assert {row.probe for row in report.unread} == MACHINE
    assert all(row.outcome is Outcome.NOT_HERE and row.detail for row in report.unread)


def test_what_is_not_here_is_said_at_birth_and_not_each_minute(captured: Surroundings, tmp_path: Path) -> None:
    bare = replace(captured, roots=Roots(tmp_path, tmp_path, tmp_path))
    report = read_load(MACHINE | {"load"}, bare)
    not_here = take_out_not_here(report)
    assert {row.probe for row in not_here} == MACHINE
    assert [row.probe for row in report.unread] == ["load"], "what could not be read is said each time"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"-1", b"12 34", b"9" * 40, b"N/A", b"0x1f", b"1e9"])
def test_no_content_of_a_file_makes_a_probe_fail(captured: Surroundings, tmp_path: Path, content: bytes) -> None:
    """Every file of the tree in turn would be slow; all of them at once say the same."""
    for root, name in ((captured.roots.proc, "proc"), (captured.roots.sys, "sys")):
        for path in root.rglob("*"):
            copy = tmp_path / name / path.relative_to(root)
            if path.is_symlink():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.symlink_to(path.readlink())
            elif path.is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes() if path.name in ("type", "present", "scope") else content)
    report = read_load(MACHINE, replace(captured, roots=Roots(tmp_path / "proc", tmp_path / "sys", tmp_path)))
    assert not [row for row in report.unread if not row.part and row.outcome is not Outcome.NOT_HERE]
    assert report.batteries is not UNSET
    assert [row.full_percent_of_design for row in report.batteries] == [None, None]


@pytest.mark.parametrize(("pwm", "enable", "percent"), [("128", "1", 50.2), ("0", "2", 0.0), ("60", "0", 100.0)])
def test_pwm(pwm: str, enable: str, percent: float) -> None:
    assert fan.parse_pwm(pwm, enable) == percent


@pytest.mark.parametrize("pwm", ["", "256", "-1", "auto"])
def test_no_pwm(pwm: str) -> None:
    assert fan.parse_pwm(pwm, "1") is UNSET


@pytest.mark.parametrize(("texts", "alarm"), [(["0", ""], False), (["", "1"], True), (["", "x"], UNSET)])
def test_an_alarm_that_the_chip_does_not_have_is_no_calm(texts: list[str], alarm: object) -> None:
    assert hwmon.flag(texts) is alarm


@pytest.mark.parametrize(("lower", "upper"), [("0", "0"), ("0", "1744"), ("3000", "3000"), ("", "3600"), ("-1", "x")])
def test_no_limits_of_a_voltage(lower: str, upper: str) -> None:
    assert voltage.parse_limits(lower, upper) is None


def test_limits_of_a_negative_voltage() -> None:
    assert voltage.parse_limits("-12600", "-11400") == (-12.6, -11.4)


def test_a_battery_that_counts_in_ampere_hours() -> None:
    found = battery.shape("BAT0", {"charge_full": 2_000_000, "charge_full_design": 4_000_000, "capacity": 255})
    assert (found.full_percent_of_design, found.design_ampere_hours) == (50.0, 4.0)
    assert (found.design_watt_hours, found.charge_percent, found.cycles) == (UNSET, UNSET, UNSET)


def test_a_count_that_could_not_be_read_is_unknown() -> None:
    assert sysfs.parse_count("") is None
    rows = [{"package": "0", "core": "0", "core_events": "", "package_events": "3"}]
    assert throttling.shape(rows) == Throttling(core_events=None, package_events=3)


def test_two_packages_count_both() -> None:
    rows = [{"package": p, "core": "0", "core_events": "1", "package_events": "5"} for p in ("0", "0", "1")]
    assert throttling.shape(rows) == Throttling(core_events=2, package_events=10)


def test_pressure_in_a_kernel_before_it_told_of_full() -> None:
    said = pressure.parse("some avg10=0.00 avg60=0.00 avg300=0.40 total=1\n")
    assert said == {"some": 0.4}
    assert pressure.parse("some avg300=101\nfull avg300=nan") == {}


def test_what_went_to_swap_and_back() -> None:
    assert memory.parse_swapped("pswpin 2\npswpout 3\n", 4096) == (8192, 12288)
    assert memory.parse_swapped("pswpin 2\n", 4096) is None
