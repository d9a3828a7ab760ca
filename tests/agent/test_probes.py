"""Each parser on text of its own, and every probe on a captured tree."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import UNSET

from forewarn_agent.bounded import Bounded, StuckError
from forewarn_agent.gather import read_load
from forewarn_agent.probes import LOAD_PROBES, PROBES, filesystem, load, memory, temperature, uptime
from forewarn_agent.probes.reading import CpuTimes, Surroundings
from forewarn_agent.settings import Filesystems, Roots
from forewarn_wire import Filesystem, Outcome, SmartReport, decode, encode

NO_FILTER = Filesystems(frozenset({"squashfs"}), frozenset())
ALL = frozenset(probe.name for probe in PROBES)


def no_disks() -> list[SmartReport]:
    return []


@pytest.fixture
def captured(agent_data: Path) -> Surroundings:
    tree = agent_data / "tree"
    return Surroundings(Roots(tree / "proc", tree / "sys", tree / "root"), NO_FILTER, no_disks, cpu_window=0.0)


def test_cpu_times_leave_out_guest_time_that_user_time_already_has() -> None:
    text = "cpu  100 10 50 800 40 0 5 0 30 0\ncpu0 1 2 3 4\nintr 1\n"
    assert load.parse_cpu_times(text) == CpuTimes(total=1005, idle=840)


@pytest.mark.parametrize("text", ["", "intr 5\n", "cpu  1 2\n", "cpu  a b c d\n"])
def test_no_cpu_times(text: str) -> None:
    with pytest.raises(ValueError):
        load.parse_cpu_times(text)


@pytest.mark.parametrize(
    ("earlier", "later", "percent"),
    [
        (CpuTimes(1000, 900), CpuTimes(1200, 1050), 25.0),
        (CpuTimes(1000, 900), CpuTimes(1200, 1100), 0.0),
        (CpuTimes(1000, 900), CpuTimes(1000, 900), None),
        (CpuTimes(1000, 900), CpuTimes(900, 800), None),
        (CpuTimes(1000, 900), CpuTimes(1100, 850), None),
    ],
)
def test_used_percent_is_unknown_when_no_time_has_passed(
    earlier: CpuTimes, later: CpuTimes, percent: float | None
) -> None:
    assert load.used_percent(earlier, later) == percent


def test_load_averages() -> None:
    assert load.parse_load_averages("0.52 1.58 12.59 3/602 12345\n") == (0.52, 1.58, 12.59)


def test_memory_counts_what_can_be_had_without_swapping() -> None:
    found = memory.parse("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 250 kB\nHugePages_Total: 0\n")
    report = memory.shape(found)
    assert (report.total_bytes, report.available_bytes, report.used_percent) == (1_024_000, 256_000, 75.0)
    assert report.swap_total_bytes is None


def test_no_swap_is_zero_bytes_and_no_percentage() -> None:
    report = memory.shape(memory.parse("MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"))
    assert report.swap_total_bytes == 0
    assert report.swap_used_percent is UNSET


def test_an_old_kernel_without_mem_available_leaves_it_unknown() -> None:
    report = memory.shape(memory.parse("MemTotal: 1000 kB\nMemFree: 250 kB\nSwapTotal: 4 kB\nSwapFree: 3 kB\n"))
    assert report.available_bytes is None
    assert report.used_percent is None
    assert report.swap_used_percent == 25.0


def test_mounts_are_local_and_each_source_counts_once(agent_data: Path) -> None:
    proc = agent_data / "tree" / "proc"
    chosen = filesystem.choose(
        filesystem.parse_mounts((proc / "1" / "mounts").read_text()),
        filesystem.parse_block_types((proc / "filesystems").read_text()),
        NO_FILTER,
    )
    assert [mount.mount for mount in chosen] == ["/", "/media/two words", "/srv"]


def test_mounts_can_be_left_out() -> None:
    mounts = [filesystem.Mount("/dev/sda1", "/boot", "ext4"), filesystem.Mount("/dev/sda2", "/", "xfs")]
    types = frozenset({"ext4", "xfs"})
    assert filesystem.choose(mounts, types, Filesystems(frozenset({"xfs"}), frozenset({"/boot"}))) == []


def test_usage_is_counted_as_df_does() -> None:
    # 1000 blocks, 300 free of which 100 are kept for root: 700 used of 900 usable.
    usage = os.statvfs_result((4096, 4096, 1000, 300, 200, 500, 400, 400, 0, 255))
    found = filesystem.shape(usage)
    assert (found.total_bytes, found.free_bytes) == (4_096_000, 819_200)
    assert found.used_percent == pytest.approx(77.8)
    assert found.inodes_used_percent == 20.0


def test_a_filesystem_without_inodes_has_no_share_of_them() -> None:
    usage = os.statvfs_result((512, 512, 100, 50, 50, 0, 0, 0, 0, 255))
    assert filesystem.shape(usage).inodes_used_percent is UNSET


def test_a_mount_that_hangs_holds_nobody_up_and_is_not_asked_twice() -> None:
    release = threading.Event()
    calls: list[int] = []

    def hang() -> Filesystem:
        calls.append(1)
        release.wait()
        return Filesystem(mount="/late")

    bounded = Bounded[Filesystem](0.05)
    with pytest.raises(StuckError, match="no answer within"):
        bounded.call("/net", hang)
    with pytest.raises(StuckError, match="still hangs"):
        bounded.call("/net", hang)
    assert bounded.call("/", lambda: Filesystem(mount="/")).mount == "/"
    assert len(calls) == 1
    release.set()


def test_a_bounded_call_hands_its_error_on() -> None:
    def fail() -> Filesystem:
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        Bounded[Filesystem](5).call("/", fail)


@pytest.mark.parametrize(("text", "celsius"), [("41000\n", 41.0), ("-5000", -5.0), ("35850", 35.85)])
def test_celsius(text: str, celsius: float) -> None:
    assert temperature.parse_celsius(text) == celsius


@pytest.mark.parametrize("text", ["", "65261850", "-273150", "41.0", "N/A"])
def test_no_celsius(text: str) -> None:
    with pytest.raises(ValueError):
        temperature.parse_celsius(text)


@pytest.mark.parametrize(("text", "limit"), [("100000", 100.0), ("0", UNSET), ("65261850", UNSET), ("", UNSET)])
def test_a_limit_that_is_none_is_left_out(text: str, limit: object) -> None:
    assert temperature.parse_limit(text) == limit


def test_uptime() -> None:
    assert uptime.parse("350735.47 234388.90\n") == 350735.47


def test_every_probe_on_the_captured_tree(captured: Surroundings) -> None:
    captured.unexpected_reboots = 2
    report = read_load(ALL, captured)
    assert decode("load", encode(report)) == report
    assert report.memory is not UNSET
    assert report.memory.swap_used_percent == 25.0
    assert report.uptime is not UNSET
    assert report.uptime.unexpected_reboots == 2
    assert report.temperatures is not UNSET
    by_name = {row.sensor: row for row in report.temperatures}
    package = by_name["coretemp Package id 0 (coretemp.0)"]
    assert (package.celsius, package.high_celsius, package.critical_celsius) == (41.0, 80.0, 100.0)
    assert by_name["nvme Sensor 1 (nvme0)"].celsius is None
    assert report.filesystems is not UNSET
    assert [row.mount for row in report.filesystems] == ["/", "/srv"]
    assert {(row.probe, row.part, row.outcome) for row in report.unread} == {
        ("temperature", "nvme Sensor 1 (nvme0)", Outcome.UNREADABLE),
        ("filesystem", "/media/two words", Outcome.UNREADABLE),
        ("arrays", "", Outcome.NOT_HERE),
        ("gpu", "", Outcome.NOT_HERE),
        ("fan", "nct6798 fan3 (nct6775.656)", Outcome.UNREADABLE),
        ("voltage", "nct6798 in3 (nct6775.656)", Outcome.UNREADABLE),
    }


def test_a_tree_that_does_not_move_has_no_cpu_share_rather_than_zero(captured: Surroundings) -> None:
    report = read_load(frozenset({"load"}), captured)
    assert report.cpu is not UNSET
    assert report.cpu.used_percent is None


def test_the_machine_that_runs_this_has_a_cpu_share(captured: Surroundings) -> None:
    live = replace(captured, roots=Roots(Path("/proc"), Path("/sys"), Path("/")), cpu_window=0.2)
    report = read_load(frozenset({"load"}), live)
    assert report.cpu is not UNSET
    assert isinstance(report.cpu.used_percent, float)
    assert 0 <= report.cpu.used_percent <= 100


def test_a_probe_that_is_off_leaves_its_key_out(captured: Surroundings) -> None:
    report = read_load(frozenset({"uptime"}), captured)
    assert report.cpu is UNSET
    assert report.filesystems is UNSET
    assert report.unread == []


def test_a_machine_without_sensors_says_not_here(captured: Surroundings, tmp_path: Path) -> None:
    report = read_load(frozenset({"temperature"}), replace(captured, roots=replace(captured.roots, sys=tmp_path)))
    assert report.temperatures is UNSET
    assert [(row.probe, row.outcome) for row in report.unread] == [("temperature", Outcome.NOT_HERE)]


def test_thermal_zones_serve_where_there_is_no_hwmon(captured: Surroundings, tmp_path: Path) -> None:
    zone = tmp_path / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    for name, text in {
        "type": "cpu-thermal",
        "temp": "48312",
        "trip_point_0_type": "passive",
        "trip_point_0_temp": "75000",
        "trip_point_1_type": "critical",
        "trip_point_1_temp": "95000",
    }.items():
        (zone / name).write_text(text + "\n")
    report = read_load(frozenset({"temperature"}), replace(captured, roots=replace(captured.roots, sys=tmp_path)))
    assert report.temperatures is not UNSET
    (row,) = report.temperatures
    assert (row.sensor, row.celsius, row.critical_celsius) == ("cpu-thermal thermal_zone0", 48.312, 95.0)


def without(name: str) -> Iterator[str]:
    return (probe.name for probe in LOAD_PROBES if probe.name != name)


@pytest.mark.parametrize(
    ("broken", "probe"), [("stat", "load"), ("meminfo", "memory"), ("filesystems", "filesystem"), ("uptime", "uptime")]
)
def test_a_probe_that_fails_harms_no_other(captured: Surroundings, tmp_path: Path, broken: str, probe: str) -> None:
    proc = tmp_path / "proc"
    proc.mkdir()
    for path in captured.roots.proc.iterdir():
        (proc / path.name).symlink_to(path)
    (proc / broken).unlink()
    report = read_load(ALL, replace(captured, roots=replace(captured.roots, proc=proc)))
    assert (probe, Outcome.UNREADABLE) in {(row.probe, row.outcome) for row in report.unread}
    keys = {"load": report.cpu, "memory": report.memory, "filesystem": report.filesystems, "uptime": report.uptime}
    assert keys[probe] is UNSET
    assert all(keys[name] is not UNSET for name in without(probe) if name in keys)
