"""Windows and macOS on what their programs print: each probe, the disks, the machine; what is not here, and why."""

import json
import plistlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import UNSET

from forewarn_agent import macos, windows
from forewarn_agent.assemble import Parts, assemble
from forewarn_agent.cli import main
from forewarn_agent.commands import Command, Commands, FailedError, decoded
from forewarn_agent.config import load_config
from forewarn_agent.gather import read_load
from forewarn_agent.log import macos as macos_log
from forewarn_agent.log import windows as windows_log
from forewarn_agent.log.entry import DISK_COUNTS, MACHINE_COUNTS
from forewarn_agent.log.watch import LogWatch
from forewarn_agent.machine import boot_id, inventory_of
from forewarn_agent.platforms import Absent, Platform
from forewarn_agent.probes import LOAD_PROBES, PROBES
from forewarn_agent.probes import gpu as gpu_probe
from forewarn_agent.probes.reading import Probe
from forewarn_agent.remembered import Remembered
from forewarn_agent.runner import MissingError, Runner
from forewarn_agent.settings import Config
from forewarn_wire import Battery, Cpu, Filesystem, Gpu, Interface, LoadReport, Outcome, Temperature, decode, encode

ALL = frozenset(probe.name for probe in PROBES)
# 2026-11-24 09:00 UTC, soon after the events.
RECORDED_AT = 1795510800.0
ELSEWHERE = (Platform.WINDOWS, Platform.MACOS)


@pytest.fixture
def config_of(agent_data: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A configuration for the captured machine of a platform; other names are directories of the test's own."""

    def write(platform: str, recorded: Path | None = None) -> Path:
        path = tmp_path / f"{platform}.yaml"
        place = recorded or agent_data / platform
        path.write_text(
            f"device: shop-07\ndata: {tmp_path / 'data'}\nplatform: {platform}\nsmartctl: /nowhere/smartctl\n"
            f"roots: {{recorded: {place}, root: {tmp_path}}}\n"
        )
        return path

    return write


@pytest.fixture
def machine_of(config_of: Callable[..., Path]) -> Callable[..., tuple[Config, Parts]]:
    def make(platform: str, recorded: Path | None = None) -> tuple[Config, Parts]:
        config = load_config(config_of(platform, recorded))
        return config, assemble(config, Remembered(None), keeps_log=False)

    return make


def report_of(parts: Parts) -> LoadReport:
    return read_load(ALL, parts.surroundings)


def test_windows_by_its_programs(machine_of: Callable[..., tuple[Config, Parts]]) -> None:
    _, parts = machine_of("windows")
    report = report_of(parts)
    assert report.cpu == Cpu(used_percent=7.4), "no load averages: Windows has none"
    assert report.memory is not UNSET
    assert (report.memory.used_percent, report.memory.swap_used_percent) == (46.3, 3.0)
    assert report.memory.swap_in_bytes is UNSET, "psutil's 0 is no measurement"
    assert report.filesystems == [
        Filesystem(
            mount="C:\\", fstype="NTFS", source="C:\\", total_bytes=511091666944, free_bytes=110000000000,
            used_percent=78.5, read_only=False,
        ),
        Filesystem(
            mount="D:\\", fstype="NTFS", source="D:\\", total_bytes=1000202039296, free_bytes=1000200000000,
            used_percent=0.0, read_only=True,
        ),
    ]  # fmt: skip
    assert report.temperatures == [Temperature(sensor="ACPI TZ00", celsius=28.1, critical_celsius=120.1)]
    assert report.batteries == [
        Battery(
            battery="DELL 7FHHV09",
            full_percent_of_design=58.4,
            design_watt_hours=56.002,
            charge_percent=81.0,
            cycles=612,
        )
    ]
    assert report.interfaces == [
        Interface(interface="Ethernet", receive_errors=5, transmit_errors=0, receive_dropped=7, transmit_dropped=0)
    ]
    assert report.gpus == [
        Gpu(
            gpu="NVIDIA GeForce RTX 3080 (00000000:01:00.0)", celsius=71, fan_percent=62, used_percent=98, too_hot=True,
        ),
        Gpu(
            gpu="Tesla T4 (00000000:02:00.0)", celsius=45, used_percent=0, too_hot=False, corrected_errors=12,
            uncorrected_errors=0,
        ),
    ]  # fmt: skip
    assert report.uptime is not UNSET
    assert report.uptime.seconds is not UNSET
    assert not_here(report) == {"arrays", "fan", "voltage", "ecc", "throttling", "pressure"}
    assert decode("load", encode(report)) == report


def test_windows_event_log(machine_of: Callable[..., tuple[Config, Parts]]) -> None:
    _, parts = machine_of("windows")
    parts.surroundings.log = LogWatch(None, list, patience=0.0, clock=lambda: RECORDED_AT)
    report = report_of(parts)
    machine = report.machine_log
    assert machine is not UNSET
    assert (machine.machine_checks, machine.hardware_errors_corrected) == (1, 3)
    assert (machine.crashes, machine.unclean_stops) == (1, 1), "41 and 6008 tell of one stop"
    assert machine.memory_kills is None, "Windows does not log it"
    assert report.disk_logs is not UNSET
    rows = {row.disk: row for row in report.disk_logs}
    second = rows["slot:/dev/sdb"]
    assert (second.io_errors, second.medium_errors, second.command_errors, second.lost) == (2, 1, 1, 0)
    assert second.read_only_remounts is None
    assert rows["slot:/dev/sda"].io_errors == 1
    assert (rows["slot:RaidPort1"].resets, rows["slot:RaidPort1"].command_errors) == (1, 1)
    assert rows["slot:C:"].filesystem_errors == 1
    assert rows["slot:/dev/sdd"].lost == 1
    texts = [event.text for event in parts.surroundings.log.events()]
    assert "disk 7: the device has a bad block (\\Device\\Harddisk1\\DR1)" in texts


def test_macos_by_its_programs(machine_of: Callable[..., tuple[Config, Parts]], tmp_path: Path) -> None:
    reports = tmp_path / macos_log.REPORTS
    reports.mkdir(parents=True)
    for name in ("panic-full-2026-11-24-081500.0002.panic", "Safari-2026-11-24-090000.ips"):
        (reports / name).touch()
    _, parts = machine_of("macos")
    report = report_of(parts)
    assert report.cpu == Cpu(used_percent=12.1, load_average_1m=2.06, load_average_5m=1.95, load_average_15m=1.8)
    assert report.memory is not UNSET
    assert (report.memory.swap_in_bytes, report.memory.swap_out_bytes) == (1048576, 2097152)
    assert report.filesystems is not UNSET
    assert [(row.mount, row.read_only) for row in report.filesystems] == [
        ("/", True),
        ("/System/Volumes/Data", False),
    ]
    assert report.batteries == [
        Battery(
            battery="AppleSmartBattery", full_percent_of_design=84.1, design_ampere_hours=6.068, charge_percent=86.0,
            cycles=298,
        )
    ]  # fmt: skip
    assert report.interfaces is not UNSET
    assert [row.interface for row in report.interfaces] == ["en0"]
    assert report.machine_log is not UNSET
    assert report.machine_log.crashes == 1
    assert report.disk_logs is not UNSET
    assert [(row.disk, row.io_errors, row.resets) for row in report.disk_logs] == [("slot:/dev/disk4", 2, None)]
    assert not_here(report) == {"arrays", "fan", "voltage", "ecc", "throttling", "pressure", "temperature", "gpu"}


def not_here(report: LoadReport) -> set[str]:
    assert {row.outcome for row in report.unread} <= {Outcome.NOT_HERE}, report.unread
    assert all(row.detail for row in report.unread)
    return {row.probe for row in report.unread}


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_disks_that_smartctl_cannot_open_are_named(
    machine_of: Callable[..., tuple[Config, Parts]], platform: Platform
) -> None:
    _, parts = machine_of(platform)
    found = [(report.disk.slot, report.disk.kind, report.outcome) for report in parts.disks.read_all()]
    assert (
        found
        == {
            Platform.WINDOWS: [
                ("/dev/sda", "nvme", Outcome.NO_SMARTCTL),
                ("/dev/sdb", "hdd", Outcome.NO_SMARTCTL),
                ("/dev/sdc", "unknown", Outcome.VIRTUAL),
            ],
            Platform.MACOS: [
                ("/dev/disk0", "nvme", Outcome.NO_SMARTCTL),
                ("/dev/disk4", "hdd", Outcome.NO_SMARTCTL),
            ],
        }[platform]
    )


def test_smartctl_on_macos_is_asked_by_device_not_by_its_own_names(
    machine: Callable[[dict[str, dict[str, Any]]], Path], config_of: Callable[[str], Path], shared_data: Path
) -> None:
    output = next((shared_data / "smartctl").rglob("*nvme*.json"))
    name = "IOService:/AppleARMPE/arm-io/AppleT600xIO/ans/AppleANS3NVMeController/NS_01@1"
    path = machine(
        {"/dev/disk0": {"type": "nvme", "output": str(output)}, name: {"type": "nvme", "output": str(output)}}
    )
    text = config_of("macos")
    text.write_text(text.read_text().replace("/nowhere/smartctl", str(path)))
    parts = assemble(load_config(text), Remembered(None), keeps_log=False)
    assert [report.disk.slot for report in parts.disks.read_all()] == ["/dev/disk0", "/dev/disk4"]


def test_what_the_machine_is(machine_of: Callable[..., tuple[Config, Parts]]) -> None:
    config, parts = machine_of("windows")
    found = inventory_of(config, parts.commands)
    assert (found.vendor, found.model, found.serial) == ("Dell Inc.", "Latitude 5400", "7XKJ3W2")
    assert (found.chassis, found.operating_system) == ("laptop", "Microsoft Windows 11 Pro 10.0.22631")
    assert boot_id(config, parts.commands) == "windows-47"
    config, parts = machine_of("macos")
    found = inventory_of(config, parts.commands)
    assert (found.vendor, found.model, found.serial) == ("Apple", "MacBookPro18,3", "C02XXXXXXXXX")
    assert (found.chassis, found.operating_system) == ("laptop", "macOS 14.6.1")
    assert boot_id(config, parts.commands) == "5B1C7F1E-9D3C-4E0B-8F6A-2C0E5D7A1B42"


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_a_machine_whose_programs_say_nothing_has_reasons_and_no_numbers(
    machine_of: Callable[..., tuple[Config, Parts]], tmp_path: Path, platform: Platform
) -> None:
    silent = tmp_path / "silent"
    silent.mkdir()
    (silent / "psutil.json").write_text("{}")
    config, parts = machine_of(platform, silent)
    report = report_of(parts)
    assert {row.probe for row in report.unread} >= {probe.name for probe in LOAD_PROBES} - {"battery", "smart"}
    assert report.cpu is UNSET
    assert report.machine_log is UNSET
    assert parts.disks.read_all() == []
    assert inventory_of(config, parts.commands).vendor is None
    assert boot_id(config, parts.commands) is None


@pytest.mark.parametrize("platform", ELSEWHERE)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_outputs_that_are_cut_off_harm_nothing(
    agent_data: Path, machine_of: Callable[..., tuple[Config, Parts]], tmp_path: Path, platform: Platform, share: float
) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    for path in (agent_data / platform).iterdir():
        data = path.read_bytes()
        (cut / path.name).write_bytes(data if path.name == "psutil.json" else data[: int(len(data) * share)])
    config, parts = machine_of(platform, cut)
    report = report_of(parts)
    assert report.memory is not UNSET
    assert decode("load", encode(report)) == report
    parts.disks.read_all()
    inventory_of(config, parts.commands)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("AccessDenied: Zugriff verweigert", Outcome.NO_ACCESS),
        ("NotSupported: Nicht unterstützt", Outcome.NOT_HERE),
        ("InvalidClass: Invalid class", Outcome.NOT_HERE),
        ("Failed: Generic failure", Outcome.UNREADABLE),
    ],
)
def test_why_windows_gives_no_temperature(
    machine_of: Callable[..., tuple[Config, Parts]], tmp_path: Path, said: str, outcome: Outcome
) -> None:
    (tmp_path / "thermal-zones.failed").write_text(said)
    _, parts = machine_of("windows", tmp_path)
    report = read_load(frozenset({"temperature"}), parts.surroundings)
    (row,) = report.unread
    assert (row.probe, row.outcome) == ("temperature", outcome)
    assert said.partition(": ")[2] in row.detail


@pytest.mark.parametrize("platform", ELSEWHERE)
def test_probe_and_doctor_run_on_captures(config_of: Callable[[str], Path], platform: Platform) -> None:
    runner, config = CliRunner(), str(config_of(platform))
    shown = runner.invoke(main, ["probe", "--config", config, "--json"], catch_exceptions=False)
    assert shown.exit_code == 0
    document = json.loads(shown.output)
    assert document["load"]["memory"]["total_bytes"] > 10**10
    assert document["smart"][0]["outcome"] == "no-smartctl"
    table = runner.invoke(main, ["probe", "--config", config], catch_exceptions=False)
    assert "AppleSmartBattery" in table.output or "DELL 7FHHV09" in table.output
    checks = json.loads(runner.invoke(main, ["doctor", "--config", config, "--json"], catch_exceptions=False).output)
    found = {check["subject"]: check for check in checks}
    assert found["probe battery"]["state"] == "ok"
    assert found["probe fan"]["finding"].startswith("not-here: ")
    assert found["smartctl"]["state"] == "problem"


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_every_probe_says_for_every_platform_where_its_numbers_come_from(probe: Probe[Any]) -> None:
    assert set(probe.sources) == set(Platform)
    for source in probe.sources.values():
        assert source.reason if isinstance(source, Absent) else source.text


def test_what_each_log_counts_is_on_the_wire() -> None:
    for counted in (windows_log.COUNTED, macos_log.COUNTED):
        assert counted <= {*MACHINE_COUNTS, *DISK_COUNTS}


def test_windows_names_disks_as_smartctl_does() -> None:
    assert [windows.device_of(number) for number in (0, 1, 25, 26, 27)] == [
        "/dev/sda", "/dev/sdb", "/dev/sdz", "/dev/sdaa", "/dev/sdab",
    ]  # fmt: skip


def test_event_log_queries_name_every_kind_and_read_on() -> None:
    query = windows_log.command("2026-11-24T08:00:00.1234567Z").arguments[3]
    assert all(kind.provider in query and f"EventID={kind.event}" in query for kind in windows_log.KINDS)
    assert "TimeCreated[@SystemTime>'2026-11-24T08:00:00.1234567Z']" in query


@pytest.mark.parametrize(
    ("row", "percent", "ampere_hours"),
    [
        ({"DesignCapacity": 6000, "MaxCapacity": 5400, "CurrentCapacity": 2700, "CycleCount": 9}, 90.0, 6.0),
        ({"DesignCapacity": 6000, "MaxCapacity": 100, "CurrentCapacity": 50, "AppleRawMaxCapacity": 4500}, 75.0, 6.0),
        (
            {
                "MaxCapacity": 100,
                "CurrentCapacity": 50,
                "BatteryData": {"DesignCapacity": 8579, "FullChargeCapacity": 7679},
            },
            89.5,
            8.579,
        ),
        ({"MaxCapacity": 100, "CurrentCapacity": 50}, None, UNSET),
    ],
    ids=["intel", "apple-silicon", "newer-system", "nothing-but-percent"],
)  # fmt: skip
def test_batteries_of_several_generations_of_macs(
    row: dict[str, Any], percent: float | None, ampere_hours: object
) -> None:
    (battery,) = macos.parse_batteries(plistlib.dumps([row]).decode())
    assert (battery.full_percent_of_design, battery.design_ampere_hours) == (percent, ampere_hours)
    assert battery.charge_percent == 50.0


@pytest.mark.parametrize(
    "parse", [windows.parse_disks, windows.parse_thermal_zones, windows.parse_battery_report, macos.parse_batteries]
)
def test_what_is_no_answer_is_an_error_with_words(parse: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r"no JSON|no XML|no property list"):
        parse("'Get-PhysicalDisk' is not recognized")


def test_an_output_serves_for_a_while_and_a_failure_too(tmp_path: Path) -> None:
    now, command = [0.0], Command("thing", ("thing",), keep=60.0)
    commands = Commands(Runner(), tmp_path, clock=lambda: now[0])
    with pytest.raises(MissingError, match="no recorded output thing"):
        commands.output(command)
    (tmp_path / "thing").write_text("1")
    with pytest.raises(MissingError):
        commands.output(command)
    now[0] = 61.0
    assert commands.output(command) == "1"
    (tmp_path / "thing").unlink()
    (tmp_path / "thing.failed").write_text("Access is denied.")
    assert commands.output(command) == "1"
    now[0] = 122.0
    with pytest.raises(FailedError, match=r"Access is denied"):
        commands.output(command)


def test_programs_are_really_started_and_their_end_is_heeded() -> None:
    commands = Commands(Runner())
    assert commands.output(Command("echo", ("echo", "here"))) == "here\n"
    with pytest.raises(FailedError, match="ended with 1"):
        commands.output(Command("false", ("false",)))
    with pytest.raises(MissingError):
        commands.output(Command("nothing", ("/nowhere/program",)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_of_windows(encoding: str) -> None:
    assert decoded("Gerät 1".encode(encoding)) == "Gerät 1"


def test_a_graphics_processor_that_sleeps_is_not_woken(tmp_path: Path) -> None:
    device = tmp_path / "bus" / "pci" / "devices" / "0000:01:00.0"
    (device / "power").mkdir(parents=True)
    for name, text in {"vendor": "0x10de", "class": "0x030000", "power/runtime_status": "suspended"}.items():
        (device / name).write_text(text + "\n")
    assert gpu_probe.asleep(tmp_path)
    (device / "power/runtime_status").write_text("active\n")
    assert not gpu_probe.asleep(tmp_path)


@pytest.mark.parametrize("text", ["No devices were found", 'Field "x" is not a valid field to query.\n'])
def test_what_nvidia_smi_says_instead_of_rows(text: str) -> None:
    with pytest.raises(ValueError, match="says something else"):
        gpu_probe.parse(text)


WINDOWS_IMPORT = """
import importlib, os, pkgutil, sys, types
import logging.handlers, socket, ssl, sqlite3, subprocess, threading, uuid, click, msgspec, paho.mqtt.client, yaml
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "geteuid", "getuid", "statvfs", "statvfs_result", "killpg", "sysconf", "getloadavg", "chown",
             "setsid", "O_NONBLOCK", "mkfifo", "uname", "waitid"):
    delattr(os, name)
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
sys.platform = "win32"
import forewarn_agent
names = [module.name for module in pkgutil.walk_packages(forewarn_agent.__path__, "forewarn_agent.")]
for name in names:
    if not name.startswith("forewarn_agent.service") and not name.endswith("__main__"):
        importlib.import_module(name)
from forewarn_agent.platforms import this_platform
print(len(names), this_platform())
"""


def test_no_module_needs_at_its_import_what_windows_does_not_have() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOWS_IMPORT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    many, platform = done.stdout.split()
    assert int(many) > 50
    assert platform == "windows"
