"""Finding and reading disks with a smartctl that prints recorded bytes."""

import contextlib
import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from forewarn_agent.disks import Disks
from forewarn_agent.inventory import slot_of, unite
from forewarn_agent.pysmart_hint import Hint, read_hints
from forewarn_agent.runner import Finished, HungError, MissingError, Runner
from forewarn_agent.smartctl import Smartctl
from forewarn_agent.sysfs_disks import KernelDisk, parse_vpd_serial, read_kernel_disks
from forewarn_wire import Disk, Outcome

Machine = Callable[[dict[str, dict[str, Any]]], Path]


def recorded(shared_data: Path, name: str) -> str:
    folder, _, file = name.partition("/")
    return str(shared_data / "smartctl" / folder / file)


def calls(smartctl: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (smartctl.parent / "calls.log").read_text().splitlines()]


def test_the_kernels_disks_on_the_captured_tree(agent_data: Path) -> None:
    found = {disk.name: disk for disk in read_kernel_disks(agent_data / "tree" / "sys")}
    assert list(found) == ["mmcblk0", "nvme0n1", "sda", "sdb", "vda"]
    assert found["sda"].disk == Disk(
        slot="/dev/sda", kind="hdd", serial="WD-TEST0000001", model="WDC WD40EFRX-68W", capacity_bytes=4000787030016
    )
    assert found["nvme0n1"].controller == "/dev/nvme0"
    assert found["nvme0n1"].disk.model == "Samsung SSD 970 EVO Plus 500GB"
    assert found["mmcblk0"].disk.kind == "emmc"
    assert [name for name, disk in found.items() if disk.virtual] == ["vda"]
    assert [name for name, disk in found.items() if disk.usb] == ["sdb"]


def test_a_machine_without_sysfs_has_no_kernel_disks(tmp_path: Path) -> None:
    assert read_kernel_disks(tmp_path) == []


@pytest.mark.parametrize("page", [b"", b"\x00", b"\x00\x83\x00\x04abcd", b"\x00\x80\xff\xff", b"\x00\x80\x00\x02  "])
def test_no_vpd_serial(page: bytes) -> None:
    assert parse_vpd_serial(page) is None


@pytest.mark.parametrize(
    ("device", "type_", "slot"),
    [
        ("/dev/sda", "sat", "/dev/sda"),
        ("/dev/sda", None, "/dev/sda"),
        ("/dev/bus/0", "megaraid,3", "/dev/bus/0 megaraid,3"),
        ("/dev/bus/0", "sat+megaraid,3", "/dev/bus/0 megaraid,3"),
        ("/dev/twa0", "3ware,1", "/dev/twa0 3ware,1"),
        ("/dev/sg2", "areca,3/1", "/dev/sg2 areca,3/1"),
        ("/dev/nvme0", "nvme", "/dev/nvme0"),
        ("/dev/sdb", "sat,12", "/dev/sdb"),
    ],
)
def test_slots(device: str, type_: str | None, slot: str) -> None:
    assert slot_of(device, type_) == slot


def test_scan_hint_and_kernel_become_one_list() -> None:
    scan = [
        {"name": "/dev/sda", "type": "sat"},
        {"name": "/dev/bus/6", "type": "megaraid,8"},
        {"name": "/dev/bus/6", "type": "megaraid,9"},
        {"name": "/dev/nvme0", "type": "nvme"},
        {"name": "/dev/sdc", "type": "scsi", "open_error": "/dev/sdc: Unknown USB bridge [0x1234:0x5678 (0x100)]"},
        {"type": "without a name"},
    ]
    hints = [Hint("sda", "ata"), Hint("sdd", "sat"), Hint("sdzz", "sat"), Hint("/dev/bus/6", "megaraid,9")]
    kernel = [
        KernelDisk("nvme0n1", Disk(slot="/dev/nvme0n1", kind="nvme", serial="N"), controller="/dev/nvme0"),
        KernelDisk("sda", Disk(slot="/dev/sda", serial="A")),
        KernelDisk("sdc", Disk(slot="/dev/sdc"), usb=True),
        KernelDisk("sdd", Disk(slot="/dev/sdd", serial="D")),
        KernelDisk("sde", Disk(slot="/dev/sde")),
        KernelDisk("vda", Disk(slot="/dev/vda"), virtual=True),
    ]
    found = {address.slot: address for address in unite(scan, hints, kernel)}
    assert list(found) == [
        "/dev/bus/6 megaraid,8",
        "/dev/bus/6 megaraid,9",
        "/dev/nvme0",
        "/dev/sda",
        "/dev/sdc",
        "/dev/sdd",
        "/dev/sde",
        "/dev/vda",
    ]
    assert (found["/dev/sda"].type, found["/dev/sda"].disk.serial) == ("sat", "A")
    assert found["/dev/nvme0"].disk.serial == "N"
    assert found["/dev/sdc"].type is None, "a type with which it could not be opened is not used again"
    assert found["/dev/sdd"].type == "sat"
    assert (found["/dev/sde"].type, found["/dev/sde"].known) == (None, None)
    assert found["/dev/vda"].known is Outcome.VIRTUAL


def test_smartctl_is_asked_as_it_must_be(machine: Machine, shared_data: Path) -> None:
    file = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    path = machine({"/dev/sda": {"type": "sat", "file": file}})
    smartctl = Smartctl(str(path), 10)
    assert smartctl.version() == "7.3"
    finished = smartctl.read("/dev/sda", "sat")
    assert (finished.exit_status, finished.output) == (64, Path(file).read_bytes())
    last = calls(path)[-1]
    assert last["arguments"] == ["--json=c", "-n", "standby,3", "-x", "-d", "sat", "/dev/sda"]
    assert last["LC_ALL"] == "C"


def test_every_disk_gets_a_report(machine: Machine, shared_data: Path, agent_data: Path) -> None:
    path = machine(
        {
            "/dev/sda": {
                "type": "sat",
                "file": recorded(shared_data, "prometheus-community__smartctl_exporter/testdata__ST3500418AS_12.json"),
            },
            "/dev/nvme0": {
                "type": "nvme",
                "file": recorded(
                    shared_data,
                    "prometheus-community__smartctl_exporter/testdata__nvme-null-SAMSUNG_MZWLL3T2HAJQ-00005-nvme0.json",
                ),
            },
            "/dev/sdb": {
                "type": "scsi",
                "open_error": "Unknown USB bridge",
                "file": recorded(shared_data, "github-issues/nas-doctor_225_unknown_usb_bridge_excerpt.json"),
            },
            "/dev/bus/6 megaraid,14": {
                "type": "sat+megaraid,14",
                "file": recorded(
                    shared_data,
                    "influxdata__telegraf/plugins__inputs__smartctl__testcases_device__megaraid__response.json",
                ),
            },
            "/dev/sdq": {"type": "scsi", "file": recorded(shared_data, "github-issues/py-SMART_82_standby.txt")},
        }
    )
    disks = Disks(agent_data / "tree" / "sys", Smartctl(str(path), 10))
    seen: list[str] = []
    reports = {report.disk.slot: report for report in disks.read_all(lambda report: seen.append(report.disk.slot))}
    assert {slot: report.outcome for slot, report in reports.items()} == {
        "/dev/bus/6 megaraid,14": Outcome.MEASURED,
        "/dev/mmcblk0": Outcome.UNSUPPORTED,
        "/dev/nvme0": Outcome.MEASURED,
        "/dev/sda": Outcome.MEASURED,
        "/dev/sdb": Outcome.BRIDGE_HIDES_SMART,
        "/dev/sdq": Outcome.STANDBY,
        "/dev/vda": Outcome.VIRTUAL,
    }
    assert sorted(seen) == list(reports)
    assert reports["/dev/nvme0"].passed is False
    assert all(report.detail for report in reports.values() if report.outcome is not Outcome.MEASURED)


def test_a_hung_smartctl_is_killed_and_the_next_disk_is_read(
    machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    file = recorded(shared_data, "prometheus-community__smartctl_exporter/testdata__ST3500418AS_12.json")
    path = machine({"/dev/sda": {"type": "sat", "hang": True}, "/dev/sdb": {"type": "sat", "file": file}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 3))
    begin = time.monotonic()
    order: list[str] = []
    first, second = disks.read_all(lambda report: order.append(report.disk.slot))
    assert order == ["/dev/sdb", "/dev/sda"], "the second disk does not wait for the first"
    assert time.monotonic() - begin < 20
    assert (first.outcome, second.outcome) == (Outcome.TIMEOUT, Outcome.MEASURED)
    assert "killed" in first.detail
    assert not _processes_with(str(path)), "the hung process is gone"


def _processes_with(argument: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if argument in command and str(os.getpid()) != entry.parent.name:
            found.append(command)
    return found


def test_closing_ends_what_runs_and_starts_nothing_more(machine: Machine, wait_for: Callable[..., Any]) -> None:
    path = machine({"/dev/sda": {"type": "sat", "hang": True}})
    smartctl = Smartctl(str(path), 60)
    results: list[Finished] = []
    thread = threading.Thread(target=lambda: results.append(smartctl.read("/dev/sda", "sat")))
    thread.start()
    wait_for(lambda: _processes_with(str(path)))
    smartctl.runner.close()
    thread.join(10)
    assert not thread.is_alive()
    assert results[0].exit_status < 0
    with pytest.raises(HungError, match="stopping"):
        smartctl.read("/dev/sda", "sat")


def test_without_smartctl_the_disks_are_named_all_the_same(agent_data: Path) -> None:
    disks = Disks(agent_data / "tree" / "sys", Smartctl("/nowhere/smartctl", 5))
    outcomes = {report.disk.slot: report.outcome for report in disks.read_all()}
    assert outcomes == {
        "/dev/mmcblk0": Outcome.UNSUPPORTED,
        "/dev/nvme0": Outcome.NO_SMARTCTL,
        "/dev/sda": Outcome.NO_SMARTCTL,
        "/dev/sdb": Outcome.NO_SMARTCTL,
        "/dev/vda": Outcome.VIRTUAL,
    }
    with pytest.raises(MissingError, match="No such file"):
        Smartctl("/nowhere/smartctl", 5).scan()


def test_a_smartctl_that_comes_later_is_found(machine: Machine, shared_data: Path, agent_data: Path) -> None:
    file = recorded(shared_data, "prometheus-community__smartctl_exporter/testdata__ST3500418AS_12.json")
    path = machine({"/dev/sda": {"type": "sat", "file": file}})
    away = path.rename(path.with_name("away"))
    disks = Disks(agent_data / "tree" / "sys", Smartctl(str(path), 5))
    assert _outcome(disks, "/dev/sda") is Outcome.NO_SMARTCTL
    away.rename(path)
    assert _outcome(disks, "/dev/sda") is Outcome.MEASURED


def _outcome(disks: Disks, slot: str) -> Outcome:
    return next(report.outcome for report in disks.read_all() if report.disk.slot == slot)


def test_a_disk_that_falls_asleep_keeps_its_name(machine: Machine, shared_data: Path, tmp_path: Path) -> None:
    awake = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    asleep = recorded(shared_data, "github-issues/py-SMART_82_standby.txt")
    path = machine({"/dev/sda": {"type": "sat", "file": awake}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 5))
    (first,) = disks.read_all()
    assert first.disk.serial
    machine({"/dev/sda": {"type": "sat", "file": asleep, "exit_status": 3}})
    (second,) = disks.read_all()
    assert second.outcome is Outcome.STANDBY
    assert second.disk == first.disk
    assert second.attributes is UNSET
    assert second.passed is UNSET


@pytest.mark.parametrize(
    ("force_after", "outcomes", "woken"), [(None, "zzzzzz", 0), (1, "z!z!z!", 3), (3, "zzz!zz", 1)]
)
def test_a_sleeping_disk_is_woken_only_where_a_setting_says_after_how_many_readings(
    force_after: int | None, outcomes: str, woken: int, machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    file = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    path = machine({"/dev/sda": {"type": "sat", "file": file, "asleep": True}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 5), force_after=force_after)
    found = [disks.read_all()[0].outcome for _ in outcomes]
    assert found == [Outcome.STANDBY if letter == "z" else Outcome.MEASURED for letter in outcomes]
    readings = [call["arguments"] for call in calls(path) if "--scan-open" not in call["arguments"]]
    assert len(readings) == len(outcomes)
    assert sum("-n" not in arguments for arguments in readings) == woken


def test_a_disk_that_was_seen_awake_is_not_woken_by_what_it_slept_before(
    machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    file = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    disks = Disks(tmp_path / "sys", Smartctl(str(machine({})), 5), force_after=2)
    outcomes = []
    for asleep in (True, False, True, True, True):
        machine({"/dev/sda": {"type": "sat", "file": file, "asleep": asleep}})
        outcomes += [report.outcome.value for report in disks.read_all()] or ["none"]
    assert outcomes == ["standby", "measured", "standby", "standby", "measured"]


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("stuck_filesystem", Path(__file__).with_name("stuck_filesystem.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        filesystem = module.StuckFilesystem(tmp_path / "stuck")
    except OSError as error:
        pytest.skip(f"this user may not mount a FUSE filesystem: {error}")
    yield filesystem
    filesystem.let_go()


def test_a_smartctl_that_cannot_even_be_killed_is_reported_and_its_disk_left_alone_until_it_is_gone(
    stuck: Any, machine: Machine, shared_data: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    file = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    good = {"type": "sat", "file": file}
    path = machine({"/dev/sda": {"type": "sat", "stuck": f"{stuck.mount}/disk", "file": file}, "/dev/sdb": good})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 3))
    first, second = disks.read_all()
    assert (first.outcome, second.outcome) == (Outcome.TIMEOUT, Outcome.MEASURED)
    assert "could not be killed" in first.detail
    (held,) = _pids_with(str(path), "/dev/sda")
    assert "State:\tD" in Path(f"/proc/{held}/status").read_text(), "it hangs inside the kernel"
    machine({"/dev/sda": good, "/dev/sdb": good})
    before = len(calls(path))
    first, second = disks.read_all()
    assert first.outcome is Outcome.TIMEOUT
    assert "an earlier run still hangs" in first.detail
    assert [call["arguments"][-1] for call in calls(path)[before:]] == ["/dev/sdb"]
    stuck.let_go()
    wait_for(lambda: disks.read_all()[0].outcome is Outcome.MEASURED)


def _pids_with(*arguments: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if all(argument in words for argument in arguments):
                found.append(int(entry.parent.name))
    return found


def test_disks_are_scanned_for_once_and_again_when_the_kernel_sees_others(
    machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    file = recorded(shared_data, "henrygd__beszel/agent__test-data__smart__sda.json")
    path = machine({"/dev/sda": {"type": "sat", "file": file}})
    (tmp_path / "sys" / "block" / "sda").mkdir(parents=True)
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 5))
    for _ in range(3):
        disks.read_all()
    (tmp_path / "sys" / "block" / "vdb").mkdir()
    assert len(disks.read_all()) == 2
    assert sum("--scan-open" in call["arguments"] for call in calls(path)) == 2


def test_pysmarts_hint_comes_from_a_process_of_its_own(machine: Machine, shared_data: Path) -> None:
    name = "tests__dataset__singletests__sata_ssd_0_issue_49___-d_ata_--all__dev_sda"
    file = recorded(shared_data, f"truenas__py-SMART/{name}")
    path = machine({"/dev/sda": {"type": "ata", "file": file}})
    assert [hint.name for hint in read_hints(Runner(), str(path), 30)] == ["sda"]


def test_a_disk_that_only_pysmart_finds_is_read_too(machine: Machine, shared_data: Path, tmp_path: Path) -> None:
    name = "tests__dataset__singletests__sata_ssd_0_issue_49___-d_ata_--all__dev_sda"
    recorded_text = recorded(shared_data, f"truenas__py-SMART/{name}")
    path = machine({"/dev/sda": {"type": "ata", "file": recorded_text, "json_scan": False}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 10))
    assert disks.read_all() == []
    assert [report.disk.slot for report in disks.read_hinted()] == ["/dev/sda"]
    assert [report.disk.slot for report in disks.read_all()] == ["/dev/sda"]


def test_a_hint_that_hangs_is_given_up(machine: Machine, wait_for: Callable[..., Any]) -> None:
    path = machine({"/dev/sda": {"type": "sat", "hang": True}})
    begin = time.monotonic()
    assert read_hints(Runner(), str(path), 1.0) == []
    assert time.monotonic() - begin < 10
    wait_for(lambda: not _processes_with(str(path)))


def test_a_hint_without_smartctl_is_empty() -> None:
    assert read_hints(Runner(), "/nowhere/smartctl", 30) == []


def test_this_machines_virtio_disk_is_named_and_not_judged() -> None:
    if not Path("/sys/block/vda").exists():
        pytest.skip("this machine has no virtio disk")
    reports = Disks(Path("/sys"), Smartctl("smartctl", 10)).read_all()
    report = next(report for report in reports if report.disk.slot == "/dev/vda")
    assert report.outcome is Outcome.VIRTUAL
    assert report.disk.capacity_bytes
    assert report.passed is UNSET
