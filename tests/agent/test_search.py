"""Disks behind controllers and bridges: a sysfs as the kernel lays it out, recorded bytes behind a fake smartctl."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from forewarn_agent.controllers import Controller, read_controllers
from forewarn_agent.disks import Disks
from forewarn_agent.emmc import parse_numbers
from forewarn_agent.remembered import Known, Remembered
from forewarn_agent.runner import Finished, HungError
from forewarn_agent.search import BRIDGE_TYPES, TRIES, answered, is_due, search
from forewarn_agent.smartctl import Smartctl
from forewarn_wire import Outcome

Machine = Callable[[dict[str, dict[str, Any]]], Path]

ATA = "prometheus-community__smartctl_exporter/testdata__ST3500418AS_12.json"
MEGARAID = "influxdata__telegraf/plugins__inputs__smartctl__testcases_device__megaraid__response.json"
SCSI = "AnalogJ__scrutiny/webapp__backend__pkg__models__testdata__smart-scsi.json"
NVME = "AnalogJ__scrutiny/webapp__backend__pkg__models__testdata__smart-nvme.json"
NO_BRIDGE = "github-issues/nas-doctor_225_unknown_usb_bridge_excerpt.json"


def scsi_host(
    sys: Path, number: int, driver: str, nodes: dict[str, tuple[str, str | None, str | None]] | None = None
) -> None:
    """One host and its addresses ({"0:0:0": (peripheral type, sg name, sd name)}) as the SCSI layer shows them."""
    host = sys / "class" / "scsi_host" / f"host{number}"
    host.mkdir(parents=True)
    (host / "proc_name").write_text(f"{driver}\n")
    (sys / "block").mkdir(exist_ok=True)
    for address, (type_, generic, block) in (nodes or {}).items():
        entry = sys / "bus" / "scsi" / "devices" / f"{number}:{address}"
        entry.mkdir(parents=True)
        (entry / "type").write_text(f"{type_}\n")
        if generic:
            (entry / "scsi_generic" / generic).mkdir(parents=True)
        if block:
            (entry / "block" / block).mkdir(parents=True)
            (sys / "block" / block).mkdir()


CASES = {
    "3w-9xxx": (None, "/dev/twa0", ["3ware,0", "3ware,31"]),
    "3w-xxxx": (None, "/dev/twe0", ["3ware,2"]),
    "3w-sas": (None, "/dev/twl0", ["3ware,1"]),
    "arcmsr": (
        {"0:0:0": ("0", "sg0", "sda"), "0:16:0": ("3", "sg1", None)},
        "/dev/sg1",
        ["areca,1", "areca,24"],
    ),
    "hpsa": ({"0:0:0": ("0", "sg0", "sda"), "3:0:0": ("12", "sg1", None)}, "/dev/sg1", ["cciss,0", "cciss,15"]),
    "aacraid": ({"0:0:0": ("0", "sg0", "sda")}, "/dev/sda", ["aacraid,5,0,2", "aacraid,5,0,7"]),
    "hptiop": ({"0:0:0": ("0", "sg0", "sda")}, "/dev/sda", ["hpt,1/3"]),
    "rr62x": ({"0:0:0": ("0", "sg0", "sda")}, "/dev/sda", ["hpt,1/2/3"]),
    "megaraid_sas": ({"2:0:0": ("0", "sg0", "sda")}, "/dev/bus/5", ["megaraid,8", "megaraid,31"]),
}


@pytest.mark.parametrize("driver", CASES)
def test_members_are_found_by_the_hosts_driver(driver: str, shared_data: Path, tmp_path: Path) -> None:
    nodes, device, types = CASES[driver]
    scsi_host(tmp_path, 5, driver, nodes)
    recorded = dict(zip(types, (ATA, SCSI), strict=False))
    asked = 0

    def ask(_device: str, type_: str) -> Finished:
        nonlocal asked
        asked += 1
        file = recorded.get(type_)
        return Finished((shared_data / "smartctl" / file).read_bytes(), 0) if file else Finished(b"{}", 2)

    members = search(read_controllers(tmp_path), ask)
    assert [(member.device, member.type) for member in members] == [(device, type_) for type_ in types]
    assert all(member.serial for member in members)
    assert asked <= TRIES


def test_members_are_read_and_remembered(machine: Machine, shared_data: Path, tmp_path: Path) -> None:
    sys = tmp_path / "sys"
    scsi_host(sys, 5, "hpsa", {"3:0:0": ("12", "sg1", None)})
    entries = {
        f"/dev/sg1 {type_}": {"type": type_, "file": str(shared_data / "smartctl" / file), "json_scan": False}
        for type_, file in (("cciss,0", ATA), ("cciss,15", SCSI))
    }
    path = machine(entries)
    kept = tmp_path / "disks.json"
    first = Disks(sys, Smartctl(str(path), 10), Remembered(kept)).read_all()
    assert [(report.disk.slot, report.outcome) for report in first] == [(slot, Outcome.MEASURED) for slot in entries]
    tried = len(calls(path))
    again = Disks(sys, Smartctl(str(path), 10), Remembered(kept)).read_all()
    assert [report.disk for report in again] == [report.disk for report in first]
    assert len(calls(path)) - tried == 3, "after a restart of the agent: the scan, and one start for each disk"

    (sys / "block" / "sda").mkdir()
    before = len(calls(path))
    Disks(sys, Smartctl(str(path), 10), Remembered(kept)).read_all()
    assert len(calls(path)) - before > 16, "another disk of the kernel's is a reason to search"


def calls(smartctl: Path) -> list[list[str]]:
    return [json.loads(line)["arguments"] for line in (smartctl.parent / "calls.log").read_text().splitlines()]


def test_a_controller_that_the_scan_lists_is_not_searched(machine: Machine, shared_data: Path, tmp_path: Path) -> None:
    scsi_host(tmp_path / "sys", 6, "megaraid_sas")
    file = str(shared_data / "smartctl" / MEGARAID)
    path = machine({"/dev/bus/6 megaraid,14": {"type": "sat+megaraid,14", "file": file}})
    (report,) = Disks(tmp_path / "sys", Smartctl(str(path), 10)).read_all()
    assert (report.disk.slot, report.outcome) == ("/dev/bus/6 megaraid,14", Outcome.MEASURED)
    assert len(calls(path)) == 2


def test_controllers_of_one_driver_are_counted_and_others_are_none(tmp_path: Path) -> None:
    assert read_controllers(tmp_path) == []
    for number, driver in enumerate(("ahci", "3w-9xxx", "usb-storage", "3w-9xxx", "arcmsr", "virtio_scsi")):
        scsi_host(tmp_path, number, driver)
    (tmp_path / "block" / "cciss!c0d0").mkdir()
    assert [each.device for each in read_controllers(tmp_path)] == ["/dev/twa0", "/dev/twa1", "/dev/cciss/c0d0"]


SAYS_WHO = Finished(b'{"model_name": "M", "serial_number": "S"}', 0)


def test_a_search_is_bounded_and_asks_a_controller_that_hangs_no_more() -> None:
    asked: list[str] = []

    def hang_at_two(device: str, type_: str) -> Finished:
        asked.append(f"{device} {type_}")
        if type_ == "x,2":
            raise HungError("no answer")
        return SAYS_WHO if device == "/dev/b" else Finished(b"{}", 2)

    hung = Controller("/dev/a", (("x,1", "x,2", "x,3"), ("y,1",)))
    assert [m.type for m in search([hung, Controller("/dev/b", (("z,1", "z,2"),))], hang_at_two)] == ["z,1"]
    assert asked == ["/dev/a x,1", "/dev/a x,2", "/dev/b z,1", "/dev/b z,2"], "one serial is one disk"
    asked.clear()
    many = tuple(f"z,{number}" for number in range(50))
    search([Controller("/dev/c", (many, many)), Controller("/dev/d", (many,))], hang_at_two, tries=70)
    assert len(asked) == 70


@pytest.mark.parametrize(
    ("finished", "there"),
    [
        (SAYS_WHO, True),
        (Finished(b"", 3), True),
        (Finished(b'{"model_name": "M"}', 64), True),
        (Finished(b'{"model_name": "M"}', 2), False),
        (Finished(b"{}", 0), False),
        (Finished(b"", -9), False),
    ],
)
def test_what_counts_as_an_answer(finished: Finished, there: bool) -> None:
    assert answered(finished) is there


def test_a_day_or_a_clock_set_back_makes_a_search_due() -> None:
    assert [is_due(100_000.0, last) for last in (99_999.0, 13_601.0, 13_600.0, 100_001.0)] == [False, False, True, True]


def usb_disk(sys: Path) -> None:
    behind = sys / "devices" / "usb1" / "sdb"
    (behind / "device").mkdir(parents=True)
    (behind / "device" / "model").write_text("Enclosure\n")
    (sys / "block").mkdir()
    (sys / "block" / "sdb").symlink_to(behind)


@pytest.mark.parametrize(("type_", "file"), [("usbjmicron", ATA), ("sntjmicron", NVME)])
def test_the_types_of_bridges_are_tried_once_and_the_right_one_is_remembered(
    type_: str, file: str, machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    usb_disk(tmp_path / "sys")
    recorded = str(shared_data / "smartctl" / file)
    path = machine({"/dev/sdb": {"type": type_, "file": recorded, "open_error": "Unknown USB", "only_type": True}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 10), Remembered(tmp_path / "disks.json"))
    assert [report.outcome for report in disks.read_all()] == [Outcome.MEASURED]
    tried = [each[each.index("-d") + 1] for each in calls(path) if "-d" in each]
    assert tried == list(BRIDGE_TYPES[: BRIDGE_TYPES.index(type_) + 1])
    before = len(calls(path))
    later = Disks(tmp_path / "sys", Smartctl(str(path), 10), Remembered(tmp_path / "disks.json"))
    assert [report.outcome for report in later.read_all()] == [Outcome.MEASURED]
    assert len(calls(path)) - before == 2, "the scan, and one start for the disk"


def test_a_bridge_that_lets_nothing_through_is_said_and_tried_once_a_day(
    machine: Machine, shared_data: Path, tmp_path: Path
) -> None:
    usb_disk(tmp_path / "sys")
    recorded = str(shared_data / "smartctl" / NO_BRIDGE)
    path = machine({"/dev/sdb": {"type": "scsi", "file": recorded, "open_error": "Unknown USB bridge"}})
    disks = Disks(tmp_path / "sys", Smartctl(str(path), 10), Remembered(tmp_path / "disks.json"))
    for starts in (2 + len(BRIDGE_TYPES), 1):
        before = len(calls(path)) if (path.parent / "calls.log").exists() else 0
        (report,) = disks.read_all()
        assert report.outcome is Outcome.BRIDGE_HIDES_SMART
        assert "sntrealtek" in report.detail
        assert len(calls(path)) - before == starts


@pytest.mark.parametrize("content", [b"", b"{", b'{"members": 7}', b"\xff\xfe"])
def test_a_broken_memory_is_an_empty_one(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "disks.json"
    path.write_bytes(content)
    remembered = Remembered(path)
    assert remembered.known == Known()
    remembered.known.seen = ["sda"]
    remembered.keep()
    assert Remembered(path).known.seen == ["sda"]


def test_a_memory_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remembered = Remembered(tmp_path / "file" / "disks.json")
    remembered.known.seen = ["sda"]
    remembered.keep()


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "used", "passed"),
    [
        ("0x01 0x01", "0x01", 0.0, True),
        ("0x03 0x0a", "0x02", 90.0, True),
        ("0x0b 0x01", "0x03", 100.0, False),
        ("0x00 0x00", "0x01", UNSET, True),
        ("0x02 0x00", None, 10.0, UNSET),
    ],
)
def test_emmc_tells_its_wear(life_time: str, pre_eol: str | None, used: object, passed: object, tmp_path: Path) -> None:
    device = tmp_path / "block" / "mmcblk0" / "device"
    device.mkdir(parents=True)
    (device / "name").write_text("DF4064\n")
    (device / "life_time").write_text(f"{life_time}\n")
    if pre_eol:
        (device / "pre_eol_info").write_text(f"{pre_eol}\n")
    (report,) = Disks(tmp_path, Smartctl("/nowhere/smartctl", 5)).read_all()
    assert (report.outcome, report.disk.kind, report.disk.model) == (Outcome.MEASURED, "emmc", "DF4064")
    assert (report.endurance_used_percent, report.passed) == (used, passed)


def test_numbers_that_are_none() -> None:
    assert parse_numbers("0x01 0x0b\n") == [1, 11]
    assert parse_numbers("0x01 none") == []
    assert parse_numbers("") == []
