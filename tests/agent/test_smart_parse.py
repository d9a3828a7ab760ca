"""Every recorded output, and each figure against a reading of the JSON that shares no code with ours."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from forewarn_agent.smart_parse import parse_report
from forewarn_wire import Outcome, SelfTest, SmartReport, decode, encode
from forewarn_wire.attributes import all_attributes, attribute_name, sent_names, shortened

Case = tuple[str, str, bytes]


@pytest.fixture(scope="module")
def corpus(shared_data: Path) -> list[Case]:
    """(path, kind, bytes) of every recorded output."""
    with (shared_data / "smartctl" / "index.csv").open(newline="") as index:
        rows = list(csv.DictReader(index))
    return [(row["file"], row["kind"], (shared_data / "smartctl" / row["file"]).read_bytes()) for row in rows]


def parse(output: bytes, exit_status: int | None = None) -> SmartReport:
    return parse_report("/dev/sda", output, exit_status, 1.0)


def as_json(output: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(output)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def test_every_recorded_output_is_a_valid_report(corpus: list[Case]) -> None:
    for name, _, output in corpus:
        report = parse(output)
        assert decode("smart", encode(report)) == report, name
        if report.outcome is Outcome.MEASURED:
            assert report.passed is not UNSET, name
        else:
            assert report.detail, f"{name}: an outcome without its reason"
            assert report.passed is UNSET, f"{name}: a verdict without a measurement"


def test_every_json_with_health_values_is_measured(corpus: list[Case]) -> None:
    counted: Counter[str] = Counter()
    for name, kind, output in corpus:
        document = as_json(output)
        if document is None:
            continue
        healthy_keys = {"ata_smart_attributes", "nvme_smart_health_information_log", "scsi_error_counter_log"}
        expected = bool(healthy_keys & document.keys()) or "smart_status" in document
        report = parse(output)
        assert (report.outcome is Outcome.MEASURED) == expected, f"{name}: {report.outcome} {report.detail}"
        counted[kind if expected else "other"] += 1
    assert counted["ata-hdd"] > 40
    assert counted["nvme"] > 40
    assert counted["scsi/sas"] >= 8


@pytest.mark.parametrize(
    ("file", "outcome"),
    [
        ("github-issues/py-SMART_82_standby.txt", Outcome.STANDBY),
        ("github-issues/truenas-spindown-timer_58_scsi_standby_by_command.txt", Outcome.STANDBY),
        ("github-issues/nas-doctor_225_unknown_usb_bridge_excerpt.json", Outcome.BRIDGE_HIDES_SMART),
        ("github-issues/smartmontools_576_sat_wrong_type.txt", Outcome.UNSUPPORTED),
        ("github-issues/ubos-admin_873_scsi_exit2.json", Outcome.UNREADABLE),
        ("AnalogJ__scrutiny/webapp__backend__pkg__models__testdata__smart-fail.json", Outcome.NO_ACCESS),
        (
            "Starosdev__scrutiny/collector__pkg__detect__testdata__smartctl_info_hitachi_autodetect.json",
            Outcome.UNSUPPORTED,
        ),
        ("local-smartctl-7.3/devnull.json", Outcome.UNSUPPORTED),
        ("local-smartctl-7.3/nodev.json", Outcome.UNREADABLE),
        ("local-smartctl-7.3/badopt.json", Outcome.UNREADABLE),
        ("local-smartctl-7.3/virtio-nvme.json", Outcome.UNSUPPORTED),
    ],
)
def test_failures_are_told_apart(shared_data: Path, file: str, outcome: Outcome) -> None:
    assert parse((shared_data / "smartctl" / file).read_bytes()).outcome is outcome


def test_figures_are_those_of_the_json(corpus: list[Case]) -> None:
    compared: Counter[str] = Counter()
    for name, _, output in corpus:
        document = as_json(output)
        report = parse(output)
        if document is None or report.outcome is not Outcome.MEASURED:
            continue
        for field, expected in simple_reading(document).items():
            actual = getattr(report, field)
            assert actual == expected, f"{name}: {field}"
            compared[field] += expected is not UNSET
    for field in ("passed", "temperature_celsius", "power_on_hours", "endurance_used_percent", "self_test"):
        assert compared[field] > 0, f"nothing compared for {field}"
    assert compared["temperature_limit_celsius"] >= 5


def simple_reading(document: dict[str, Any]) -> dict[str, Any]:
    """The plain places of smartctl's JSON, read the short way."""
    temperature = document.get("temperature", {})
    nvme = document.get("nvme_smart_health_information_log", {})
    wear = document.get("endurance_used", {}).get("current_percent", nvme.get("percentage_used", UNSET))
    limit = temperature.get("op_limit_max") or temperature.get("drive_trip") or UNSET
    expected: dict[str, Any] = {
        "passed": document.get("smart_status", {}).get("passed"),
        "temperature_celsius": temperature.get("current", UNSET),
        "temperature_limit_celsius": limit,
        "power_on_hours": document.get("power_on_time", {}).get("hours", UNSET),
        "endurance_used_percent": wear,
    }
    tests = document.get("ata_smart_self_test_log", {})
    table = (tests.get("extended") or tests.get("standard") or {}).get("table", [])
    if table:
        newest, status = table[0], table[0]["status"]
        expected["self_test"] = SelfTest(
            passed=status.get("passed"),
            type=newest["type"]["string"],
            status=status["string"],
            power_on_hours=newest["lifetime_hours"],
        )
    elif "scsi_self_test_0" in document:
        newest = document["scsi_self_test_0"]
        assert newest["result"]["value"] == 0
        expected["self_test"] = SelfTest(
            passed=True,
            type=newest["code"]["string"],
            status=newest["result"]["string"],
            power_on_hours=newest["power_on_time"]["hours"],
        )
    else:
        expected["self_test"] = UNSET
    return expected


def test_identity_is_that_of_the_json(corpus: list[Case]) -> None:
    for name, _, output in corpus:
        document = as_json(output)
        if document is None or "device" not in document:
            continue
        disk = parse(output).disk
        assert disk.serial == (document.get("serial_number", "").strip() or None), name
        if "model_name" in document:
            assert disk.model == " ".join(document["model_name"].split()), name
        if "firmware_version" in document:
            assert disk.firmware == (" ".join(document["firmware_version"].split()) or None), name
        if "bytes" in document.get("user_capacity", {}):
            assert disk.capacity_bytes == (document["user_capacity"]["bytes"] or None), name
        if document["device"].get("protocol") == "NVMe":
            assert disk.kind == "nvme", name
        elif document["device"].get("protocol") == "ATA" and "rotation_rate" in document:
            assert disk.kind == ("hdd" if document["rotation_rate"] else "ssd"), name


def test_attribute_rows_are_those_of_the_json(corpus: list[Case]) -> None:
    compared = 0
    for name, _, output in corpus:
        document = as_json(output)
        report = parse(output)
        table = (document or {}).get("ata_smart_attributes", {}).get("table", [])
        rows = {row.id: row for row in report.attributes or []}
        assert list(rows) == [entry["id"] for entry in table], name
        names, failed = sent_names(report), report.attributes_failed or {}
        for entry in table:
            row = rows[entry["id"]]
            assert (row.value, row.worst, row.threshold) == (entry["value"], entry["worst"], entry.get("thresh")), name
            assert attribute_name(row.id, names) == entry["name"], name
            assert failed.get(row.id, "") == entry.get("when_failed", ""), name
            hours = (document or {}).get("power_on_time", {}).get("hours")
            assert row.raw == simple_raw(entry, hours), f"{name}: {entry}"
            compared += 1
    assert compared > 1500


def simple_raw(entry: dict[str, Any], hours: int | None) -> int:
    """The figure a person would read off the raw column."""
    string, packed = entry["raw"]["string"], entry["raw"]["value"]
    if entry["id"] == 9 and hours is not None:
        return hours
    if entry["id"] == 188:
        return int(packed) % 65536
    if re.fullmatch(r"\d+/\d+", string):
        return int(string.split("/")[1])
    shown = int(re.match(r"\d+", string)[0])  # type: ignore[index]
    if entry["id"] in (1, 7, 195, 240) and shown >= 2**32:
        return int(packed) % 2**32
    return shown


def test_every_report_is_below_a_kilobyte_and_a_shortened_one_says_the_same(corpus: list[Case]) -> None:
    shorter = 0
    for name, _, output in corpus:
        report = parse(output)
        sent = shortened(report)
        longest = msgspec.structs.replace(sent, device="d" * 63, boot="b" * 16, seq=10**9, sampled_at=1.7e9 + 0.123)
        assert len(encode(longest)) < 1000, name
        by_id = {row.id: row for row in all_attributes(report)}
        assert {row.id: row for row in all_attributes(sent)} == by_id, name
        assert len(all_attributes(sent)) == len(all_attributes(report)), name
        assert sent_names(sent) == sent_names(report), name
        shorter += sent is not report
    assert shorter > 20


def test_nvme_counters_are_those_of_the_json(corpus: list[Case]) -> None:
    compared = 0
    for name, _, output in corpus:
        log = (as_json(output) or {}).get("nvme_smart_health_information_log")
        if log is None:
            continue
        nvme = parse(output).nvme
        assert nvme is not UNSET, name
        for field in nvme.__struct_fields__:
            assert getattr(nvme, field) == log.get(field, UNSET), f"{name}: {field}"
            compared += field in log
    assert compared > 400


def test_scsi_counters_are_those_of_the_json(corpus: list[Case]) -> None:
    compared = 0
    for name, _, output in corpus:
        document = as_json(output) or {}
        if "scsi_error_counter_log" not in document:
            continue
        scsi = parse(output).scsi
        assert scsi is not UNSET, name
        assert scsi.grown_defect_list == document["scsi_grown_defect_list"], name
        for operation in ("read", "write", "verify"):
            errors = document["scsi_error_counter_log"].get(operation, {}).get("total_uncorrected_errors", UNSET)
            assert getattr(scsi, f"{operation}_total_uncorrected_errors") == errors, name
            compared += 1
    assert compared >= 20


def test_exit_bits_3_to_7_are_findings_and_lose_no_disk(corpus: list[Case]) -> None:
    """smartctl(8): bit 3 failing, 4 and 5 attributes, 6 error log, 7 self-test log."""
    for name, _, output in corpus:
        if parse(output, 0).outcome is not Outcome.MEASURED:
            continue
        for status in (8, 16, 32, 64, 128, 0xF8):
            report = parse(output, status)
            assert report.outcome is Outcome.MEASURED, f"{name}: exit status {status}"
            assert report.attributes == parse(output, 0).attributes, name


def test_a_failing_disk_is_told_even_without_whole_output() -> None:
    report = parse(b'{"json_format_version": [1, 0], "smartc', 8)
    assert report.outcome is Outcome.MEASURED
    assert report.passed is False
    assert "cut off" in report.detail


def test_the_failing_nvme_disk_fails(shared_data: Path) -> None:
    file = "testdata__nvme-null-SAMSUNG_MZWLL3T2HAJQ-00005-nvme0.json"
    report = parse((shared_data / "smartctl" / "prometheus-community__smartctl_exporter" / file).read_bytes())
    assert report.passed is False
    assert report.nvme is not UNSET
    assert report.nvme.critical_warning == 16


def test_our_own_exit_status_means_standby() -> None:
    output = json.dumps(
        {
            "smartctl": {
                "version": [7, 3],
                "messages": [{"string": "Device is in STANDBY mode, exit(3)", "severity": "information"}],
                "exit_status": 3,
            },
            "device": {"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
            "power_mode": "STANDBY",
        }
    ).encode()
    report = parse(output, 3)
    assert report.outcome is Outcome.STANDBY
    assert report.passed is UNSET
    assert parse(b"", 3).outcome is Outcome.STANDBY


def test_cut_off_anywhere_is_no_exception(corpus: list[Case]) -> None:
    """About forty places in every file, others in each; `make corpus` tries every byte. A cut JSON is never a
    measurement."""
    for number, (name, _, output) in enumerate(corpus):
        step = max(1, len(output) // 40)
        for length in {*range(number % step, len(output), step), 0, 1, 2, len(output) - 1}:
            report = parse(output[: max(0, length)])
            encode(report)
            cut_json = as_json(output) is not None and as_json(output[:length]) is None
            assert not (cut_json and report.outcome is Outcome.MEASURED), f"{name} cut at {length}"


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"\x00\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"smartctl": 5, "smart_status": []}',
        b'{"smartctl": {"messages": {"a": 1}}}',
        b'{"smartctl": {"messages": [5, {"string": 7}]}}',
        b'{"smart_status": {"passed": "yes"}, "temperature": {"current": "hot"}}',
        b'{"smart_status": {"passed": true}, "temperature": {"current": 1e400}}',
        b'{"smart_status": {"passed": true}, "power_on_time": {"hours": -1}}',
        b'{"smart_status": {"passed": true}, "serial_number": 5, "model_name": ["x"]}',
        b'{"ata_smart_attributes": {"table": [5, null, {}, {"id": 0}, {"id": 999}, {"id": 5, "raw": 7}]}}',
        b'{"ata_smart_attributes": {"table": {"id": 5}}}',
        b'{"nvme_smart_health_information_log": {"media_errors": 340282366920938463463374607431768211455}}',
        b'{"ata_smart_self_test_log": {"standard": {"table": [5]}}, "smart_status": {"passed": true}}',
        b'{"scsi_error_counter_log": {"read": 5}, "scsi_grown_defect_list": "many"}',
    ],
)
def test_nonsense_is_a_report_that_the_wire_takes(output: bytes) -> None:
    report = parse(output)
    assert decode("smart", encode(report)) == report
    assert report.passed is not False


def test_what_cannot_be_understood_is_null_and_not_zero() -> None:
    output = b"""{"smart_status": {"passed": "?"}, "temperature": {"current": "hot"},
        "power_on_time": {"hours": "many"},
        "nvme_smart_health_information_log": {"media_errors": "none", "critical_warning": 0}}"""
    report = parse(output)
    assert report.passed is None
    assert report.temperature_celsius is None
    assert report.power_on_hours is None
    assert report.nvme is not UNSET
    assert report.nvme.media_errors is None
    assert report.nvme.critical_warning == 0
    assert report.nvme.power_cycles is UNSET


def test_smart_that_is_switched_off_is_said_so() -> None:
    document = {"smart_support": {"available": True, "enabled": False}, "temperature": {"current": 30}}
    report = parse(json.dumps(document).encode(), 4)
    assert report.outcome is Outcome.UNSUPPORTED
    assert "smartctl -s on" in report.detail


def test_names_that_are_not_utf8_harm_nothing_else() -> None:
    report = parse(b'{"serial_number": "S\xff\xfe1\\u0000", "smart_status": {"passed": true}}')
    assert report.passed is True
    assert report.disk.serial is not None
    assert report.disk.serial.startswith("S")
    decode("smart", encode(report))


def test_a_report_is_below_a_kilobyte_but_for_disks_with_30_attributes(corpus: list[Case]) -> None:
    """Every recorded disk, stamped as it goes out. A row of an attribute is some 21 bytes, so 30 of them pass it."""
    sizes = []
    for name, _, output in corpus:
        report = parse(output)
        report.device, report.boot, report.seq, report.sampled_at = "d" * 20, "b" * 16, 1_234_567, 1795461687.2376
        sizes.append((len(encode(report)), len(report.attributes or []), name))
    print("largest:", max(sizes))
    above = [(size, rows, name) for size, rows, name in sizes if size > 1000]
    assert max(sizes)[0] < 1250, max(sizes)
    assert all(rows >= 29 for _, rows, _ in above), above
    assert len(above) * 20 < sum(1 for _, rows, _ in sizes if rows)


NVME_SELF_TESTS = {
    "smartctl 7.3 and 7.4": {
        "current_self_test_operation": {"value": 0, "string": "No self-test in progress"},
        "table": [
            {
                "self_test_code": {"value": 2, "string": "Extended"},
                "self_test_result": {"value": 7, "string": "Completed: failed segments"},
                "segment": 3,
                "power_on_hours": 2100,
            },
            {
                "self_test_code": {"value": 1, "string": "Short"},
                "self_test_result": {"value": 0, "string": "Completed without error"},
                "power_on_hours": 100,
            },
        ],
    },
    "with the namespace of 7.5": {
        "nsid": -1,
        "current_self_test_operation": {"value": 1, "string": "Short self-test in progress"},
        "current_self_test_completion_percent": 30,
        "table": [
            {
                "self_test_code": {"value": 2, "string": "Extended"},
                "self_test_result": {"value": 7, "string": "Completed: failed segments"},
                "power_on_hours": 2100,
                "nsid": 1,
            }
        ],
    },
}


@pytest.mark.parametrize("log", NVME_SELF_TESTS.values(), ids=NVME_SELF_TESTS.keys())
def test_the_newest_nvme_self_test(log: dict[str, Any]) -> None:
    report = parse(json.dumps({"smart_status": {"passed": True}, "nvme_self_test_log": log}).encode())
    assert report.self_test == SelfTest(
        passed=False, type="Extended", status="Completed: failed segments", power_on_hours=2100
    )


@pytest.mark.parametrize(
    ("status", "passed"),
    [
        ({"value": 0, "string": "Completed without error", "passed": True}, True),
        ({"value": 117, "string": "Completed: read failure", "passed": False}, False),
        ({"value": 121, "string": "Completed: read failure"}, False),
        ({"value": 25, "string": "Aborted by host", "remaining_percent": 90}, None),
        ({"value": 249, "string": "Self-test routine in progress", "remaining_percent": 90}, None),
    ],
)
def test_an_aborted_or_running_ata_self_test_has_no_verdict(status: dict[str, Any], passed: bool | None) -> None:
    entry = {"type": {"value": 2, "string": "Extended offline"}, "status": status, "lifetime_hours": 12}
    for log in ("standard", "extended"):
        document = {"smart_status": {"passed": True}, "ata_smart_self_test_log": {log: {"table": [entry]}}}
        report = parse(json.dumps(document).encode())
        assert isinstance(report.self_test, SelfTest)
        assert report.self_test.passed is passed
        assert report.self_test.power_on_hours == 12


def test_wear_of_an_ata_disk_is_in_its_device_statistics() -> None:
    document = {
        "smart_status": {"passed": True},
        "ata_device_statistics": {
            "pages": [
                {"number": 1, "name": "General Statistics", "table": [{"name": "Power-on Hours", "value": 9}]},
                {
                    "number": 7,
                    "name": "Solid State Device Statistics",
                    "table": [{"name": "Percentage Used Endurance Indicator", "value": 12}],
                },
            ]
        },
    }
    assert parse(json.dumps(document).encode()).endurance_used_percent == 12


def test_the_limit_of_an_nvme_disk_is_its_warning_temperature() -> None:
    document = {
        "nvme_composite_temperature_threshold": {"warning": 83, "critical": 85},
        "nvme_smart_health_information_log": {"temperature": 54},
        "temperature": {"current": 54},
    }
    assert parse(json.dumps(document).encode()).temperature_limit_celsius == 83
    document["temperature"]["op_limit_max"] = 82
    assert parse(json.dumps(document).encode()).temperature_limit_celsius == 82


def test_failed_attributes_are_named() -> None:
    row = {"value": 1, "worst": 1, "thresh": 36, "raw": {"value": 4000, "string": "4000"}}
    table = [
        {"id": 5, "name": "Reallocated_Sector_Ct", "when_failed": "now", **row},
        {"id": 3, "name": "Spin_Up_Time", "when_failed": "past", **row},
        {"id": 9, "name": "Power_On_Minutes", "when_failed": "", **row},
    ]
    document = {"smart_status": {"passed": False}, "ata_smart_attributes": {"table": table}}
    report = parse(json.dumps(document).encode(), 24)
    assert report.passed is False
    assert report.attributes_failed == {5: "now", 3: "past"}
    assert report.attribute_names == {9: "Power_On_Minutes"}
