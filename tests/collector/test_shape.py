"""Which numbers of a message become which fields."""

import math
from pathlib import Path

import msgspec
import pytest

from forewarn_collector.ingest.load_shape import load_point
from forewarn_collector.ingest.shape import event_point, smart_point
from forewarn_rules.metrics import find_metric
from forewarn_wire import (
    Array,
    Attribute,
    Cpu,
    Disk,
    EventReport,
    Filesystem,
    LoadReport,
    Memory,
    Outcome,
    SmartReport,
    Temperature,
    Unread,
    Uptime,
    decode,
)
from forewarn_wire.attributes import all_attributes

RELEASED = Path(__file__).parents[1] / "data" / "wire" / "v1"
HEAD = {"device": "shop-07", "boot": "b1", "seq": 1, "sampled_at": 1_700_000_000.0}


def test_the_log_is_of_the_machine_and_of_each_disk() -> None:
    report = decode("load", (RELEASED / "load-log.json").read_bytes())
    assert isinstance(report, LoadReport)
    point = load_point(report)
    found = dict(zip(point.fields, point.values, strict=True))
    assert found["log.hardware_errors_corrected"] == 3
    assert math.isnan(found["log.crashes"]), "not counted there is not zero"
    assert found["disk_log.medium_errors|Z305XXXX"] == 1
    assert math.isnan(found["disk_log.medium_errors|slot:RaidPort1"])
    assert (found["filesystem.read_only|/srv"], found["gpu.too_hot|Tesla T4 (00000000:02:00.0)"]) == (1, 0)
    assert all(find_metric(field.partition("|")[0]) for field in found)


def test_every_number_of_a_load_report_has_its_field() -> None:
    point = load_point(
        LoadReport(
            **HEAD,
            cpu=Cpu(used_percent=1.0, load_average_1m=2.0, load_average_5m=3.0, load_average_15m=4.0),
            memory=Memory(
                total_bytes=5, available_bytes=6, used_percent=7.0, swap_total_bytes=8, swap_used_percent=9.0
            ),
            filesystems=[
                Filesystem(
                    mount="/", fstype="ext4", source="/dev/sda1", total_bytes=10, free_bytes=11, used_percent=12.0,
                    inodes_used_percent=13.0,
                )
            ],
            temperatures=[Temperature(sensor="cpu", celsius=14.0, high_celsius=15.0, critical_celsius=16.0)],
            uptime=Uptime(seconds=17.0, unexpected_reboots=18),
        )
    )  # fmt: skip
    assert dict(zip(point.fields, point.values, strict=True)) == {
        "cpu.used_percent": 1, "cpu.load_average_1m": 2, "cpu.load_average_5m": 3, "cpu.load_average_15m": 4,
        "memory.total_bytes": 5, "memory.available_bytes": 6, "memory.used_percent": 7, "memory.swap_total_bytes": 8,
        "memory.swap_used_percent": 9, "filesystem.total_bytes|/": 10, "filesystem.free_bytes|/": 11,
        "filesystem.used_percent|/": 12, "filesystem.inodes_used_percent|/": 13, "temperature.celsius|cpu": 14,
        "temperature.high_celsius|cpu": 15, "temperature.critical_celsius|cpu": 16, "uptime.seconds": 17,
        "uptime.unexpected_reboots": 18,
    }  # fmt: skip
    assert (point.device, point.kind, point.part, point.at) == ("shop-07", "load", "", 1_700_000_000.0)
    assert msgspec.json.decode(point.facts) == {"filesystems": {"/": {"fstype": "ext4", "source": "/dev/sda1"}}}


def test_null_is_nan_absent_is_absent_and_zero_is_zero() -> None:
    point = load_point(LoadReport(**HEAD, cpu=Cpu(used_percent=None, load_average_5m=0.0), filesystems=[]))
    assert point.fields == ("cpu.used_percent", "cpu.load_average_5m")
    assert math.isnan(point.values[0])
    assert point.values[1] == 0


def test_the_first_of_two_equal_mounts_counts_and_takes_nothing_from_the_second() -> None:
    twice = [
        Filesystem(mount="/", source="/dev/sda1", used_percent=10.0),
        Filesystem(mount="/", source="/dev/sdb1", used_percent=90.0, free_bytes=5),
    ]
    point = load_point(LoadReport(**HEAD, filesystems=twice))
    assert (point.fields, point.values) == (("filesystem.used_percent|/",), (10.0,))
    assert msgspec.json.decode(point.facts)["filesystems"]["/"]["source"] == "/dev/sda1"


def test_what_was_not_read_is_a_fact() -> None:
    unread = [Unread(probe="temperature", outcome=Outcome.NO_ACCESS)]
    point = load_point(LoadReport(**HEAD, filesystems=[Filesystem(mount="/")], unread=unread))
    facts = msgspec.json.decode(point.facts)
    assert facts["unread"] == [{"probe": "temperature", "outcome": "no-access"}]
    assert list(facts["filesystems"]) == ["/"]


def test_the_same_layout_is_the_same_object() -> None:
    first, second = (load_point(LoadReport(**HEAD, cpu=Cpu(used_percent=value))) for value in (1.0, 2.0))
    assert first.fields is second.fields


def test_a_disk_that_was_not_measured_says_so_and_nothing_else() -> None:
    point = smart_point(
        SmartReport(**HEAD, disk=Disk(slot="/dev/sda", serial="S1"), outcome=Outcome.STANDBY, passed=True)
    )
    assert (point.fields, point.values, point.part) == (("disk.measured",), (0.0,), "S1")


def test_the_first_of_two_equal_attributes_counts() -> None:
    rows = [Attribute(5, 100, 100, 10, 8), Attribute(5, 1, 1, 1, 9), Attribute(197, 100, 100, 0, None)]
    point = smart_point(
        SmartReport(**HEAD, disk=Disk(slot="/dev/sda"), outcome=Outcome.MEASURED, passed=None, attributes=rows)
    )
    values = dict(zip(point.fields, point.values, strict=True))
    assert values["ata.5.raw"] == 8
    assert math.isnan(values["ata.197.raw"])
    assert math.isnan(values["disk.passed"])
    assert (point.part, msgspec.json.decode(point.facts)["thresholds"]) == ("slot:/dev/sda", {"5": 10})


def test_attributes_that_share_their_figures_are_like_any_other() -> None:
    shared = decode("smart", (RELEASED / "smart-ata-usual.json").read_bytes())
    assert isinstance(shared, SmartReport)
    plain = msgspec.structs.replace(shared, attributes=all_attributes(shared), usual_attributes=msgspec.UNSET)
    found, expected = smart_point(shared), smart_point(plain)
    assert dict(zip(found.fields, map(str, found.values), strict=True)) == dict(
        zip(expected.fields, map(str, expected.values), strict=True)
    )
    assert msgspec.json.decode(found.facts) == msgspec.json.decode(expected.facts)
    assert "ata.9.raw" in found.fields
    assert found.fields.index("ata.5.raw") < found.fields.index("ata.194.raw"), "in the order of their numbers"


def test_an_event_counts_its_occurrences() -> None:
    point = event_point(EventReport(**HEAD, event="unexpected-reboot", part="", count=3))
    assert (point.kind, point.part, point.fields, point.values) == (
        "event", "unexpected-reboot", ("event.unexpected-reboot",), (3.0,),
    )  # fmt: skip


def test_arrays_are_fields_of_their_own_and_their_words_are_facts() -> None:
    arrays = [
        Array(name="md0", type="md", level="raid1", failed_members=["sdb1"], degraded=True, members_missing=1),
        Array(name="tank", type="zfs", degraded=None),
        Array(name="md0", type="md", degraded=False),
    ]
    point = load_point(LoadReport(**HEAD, filesystems=[Filesystem(mount="/")], arrays=arrays))
    values = dict(zip(point.fields, point.values, strict=True))
    assert values["array.degraded|md0"] == 1
    assert values["array.members_missing|md0"] == 1
    assert math.isnan(values["array.degraded|tank"])
    facts = msgspec.json.decode(point.facts)
    assert facts["arrays"]["md0"] == {"array_type": "md", "array_level": "raid1", "failed_members": "sdb1"}
    assert list(facts["filesystems"]) == ["/"]


def test_a_released_report_of_fans_memory_and_batteries_has_its_fields() -> None:
    report = decode("load", (RELEASED / "load-machine.json").read_bytes())
    assert isinstance(report, LoadReport)
    point = load_point(report)
    found = dict(zip(point.fields, point.values, strict=True))
    dimm = "mc0 dimm0 CPU_SrcID#0_MC#0_Chan#0_DIMM#0"
    assert found[f"dimm.corrected_errors|{dimm}"] == 4
    assert math.isnan(found["dimm.uncorrected_errors|mc0 unknown module"])
    assert found["fan.rpm|nct6798 fan2 (nct6775.656)"] == 1124
    assert found["fan.alarm|nct6798 fan2 (nct6775.656)"] == 0
    assert "fan.alarm|nct6798 fan3 (nct6775.656)" not in found
    assert found["battery.full_percent_of_design|BAT0"] == 76
    assert (found["throttling.package_events"], found["network.receive_dropped|eno1"]) == (12, 17)
    assert (found["pressure.io_some_percent"], found["memory.swap_out_bytes"]) == (2.5, 8388608)
    assert found["voltage.minimum_volts|nct6798 AVCC (nct6775.656)"] == 2.976
    assert {find_metric(field.partition("|")[0]) is None for field in point.fields} == {False}


@pytest.mark.parametrize(
    ("sensors", "expected"),
    [
        ({"coretemp Package id 0 (coretemp.0)": 30.0, "nct6798 SYSTIN": 34.0, "nvme Composite (nvme0)": 41.0}, 34.0),
        ({"nct6798 AUXTIN0": -60.0, "nct6798 AUXTIN1": 0.0, "nct6798 AUXTIN2": 127.0, "acpitz temp1": 27.8}, 27.8),
        ({"k10temp Tctl (0000:00:18.3)": 30.0, "CPU-thermal thermal_zone0": 28.0}, None),
        ({"nct6798 SYSTIN": None}, None),
        ({}, None),
    ],
)
def test_the_coolest_other_sensor_is_the_room_of_a_processor(
    sensors: dict[str, float | None], expected: float | None
) -> None:
    temperatures = [Temperature(sensor=name, celsius=celsius) for name, celsius in sensors.items()]
    point = load_point(LoadReport(device="pc-1", boot="b", seq=1, sampled_at=1.0, temperatures=temperatures))
    found = dict(zip(point.fields, point.values, strict=True)).get("ambient.celsius")
    assert found == expected
