"""Every quantity that a rule may read: name, component, unit, whether it counts up, and where it comes from."""

import re
from dataclasses import dataclass
from typing import Literal

from forewarn_rules.model import Kind

Counting = Literal["gauge", "counter"]


@dataclass(frozen=True)
class Metric:
    """One quantity. NaN in a column means: not sent, or could not be measured."""

    name: str
    kind: Kind
    unit: str
    counting: Counting
    description: str
    source: str


def _rows(kind: Kind, source: str, *rows: tuple[str, str, Counting, str]) -> dict[str, Metric]:
    return {name: Metric(name, kind, unit, counting, text, source) for name, unit, counting, text in rows}


METRICS: dict[str, Metric] = {
    **_rows(
        Kind.DEVICE,
        "load report, cpu",
        ("cpu.used_percent", "percent", "gauge", "share of processor time that was not idle"),
        ("cpu.load_average_1m", "processes", "gauge", "runnable processes, mean of one minute"),
        ("cpu.load_average_5m", "processes", "gauge", "runnable processes, mean of five minutes"),
        ("cpu.load_average_15m", "processes", "gauge", "runnable processes, mean of fifteen minutes"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, temperatures",
        ("ambient.celsius", "celsius", "gauge", "the coolest sensor of the machine that is not a processor's"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, memory",
        ("memory.used_percent", "percent", "gauge", "memory that is not available to a new program"),
        ("memory.available_bytes", "bytes", "gauge", "memory that a new program could get without swapping"),
        ("memory.total_bytes", "bytes", "gauge", "memory that the machine has"),
        ("memory.swap_used_percent", "percent", "gauge", "swap space in use"),
        ("memory.swap_in_bytes", "bytes", "counter", "read back from swap since the machine started"),
        ("memory.swap_out_bytes", "bytes", "counter", "written to swap since the machine started"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, throttling",
        ("throttling.core_events", "events", "counter", "times that heat slowed a core down, all cores"),
        ("throttling.package_events", "events", "counter", "times that heat slowed a whole processor down"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, pressure",
        ("pressure.cpu_some_percent", "percent", "gauge", "five minutes: some task waited for a processor"),
        ("pressure.memory_some_percent", "percent", "gauge", "five minutes: some task waited for memory"),
        ("pressure.memory_full_percent", "percent", "gauge", "five minutes: all tasks waited for memory"),
        ("pressure.io_some_percent", "percent", "gauge", "five minutes: some task waited for a disk"),
        ("pressure.io_full_percent", "percent", "gauge", "five minutes: all tasks waited for a disk"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, uptime",
        ("uptime.seconds", "seconds", "gauge", "time since the machine was started"),
        ("uptime.unexpected_reboots", "reboots", "counter", "starts without a clean shutdown before"),
    ),
    **_rows(
        Kind.FILESYSTEM,
        "load report, filesystems",
        ("filesystem.used_percent", "percent", "gauge", "blocks in use of those that users may have"),
        ("filesystem.free_bytes", "bytes", "gauge", "space that is left to users"),
        ("filesystem.total_bytes", "bytes", "gauge", "size of the file system"),
        ("filesystem.inodes_used_percent", "percent", "gauge", "inodes in use"),
        ("filesystem.read_only", "yes/no", "gauge", "1 when it is mounted read-only"),
    ),
    **_rows(
        Kind.SENSOR,
        "load report, temperatures",
        ("temperature.celsius", "celsius", "gauge", "the sensor's reading"),
        ("temperature.high_celsius", "celsius", "gauge", "the device's own limit for high"),
        ("temperature.critical_celsius", "celsius", "gauge", "the device's own limit for critical"),
    ),
    **_rows(
        Kind.SENSOR,
        "load report, gpus",
        ("gpu.celsius", "celsius", "gauge", "the graphics processor's temperature"),
        ("gpu.fan_percent", "percent", "gauge", "how fast its fan turns"),
        ("gpu.used_percent", "percent", "gauge", "share of time with work"),
        ("gpu.too_hot", "yes/no", "gauge", "1 when it runs slower than it could because of heat"),
        ("gpu.corrected_errors", "errors", "counter", "errors of its memory that ECC has corrected"),
        ("gpu.uncorrected_errors", "errors", "counter", "errors of its memory that ECC could not correct"),
    ),
    **_rows(
        Kind.DEVICE,
        "load report, the system's log",
        ("log.machine_checks", "messages", "counter", "hardware errors that were not corrected"),
        ("log.hardware_errors_corrected", "messages", "counter", "hardware errors that were corrected"),
        ("log.pcie_errors", "messages", "counter", "errors of the PCI Express bus that were not corrected"),
        ("log.memory_kills", "messages", "counter", "programs ended because memory had run out"),
        ("log.hung_tasks", "messages", "counter", "programs that waited inside the kernel for minutes"),
        ("log.throttlings", "messages", "counter", "processors slowed down by heat"),
        ("log.overheatings", "messages", "counter", "critical temperatures"),
        ("log.crashes", "messages", "counter", "crashes of the operating system itself"),
        ("log.unclean_stops", "messages", "counter", "starts that found the stop before unclean (Windows)"),
    ),
    **_rows(
        Kind.DISK_LOG,
        "load report, the system's log",
        ("disk_log.io_errors", "messages", "counter", "reads and writes that failed"),
        ("disk_log.medium_errors", "messages", "counter", "those of them that the disk blamed on its medium"),
        ("disk_log.command_errors", "messages", "counter", "commands that went wrong on their way or took too long"),
        ("disk_log.resets", "messages", "counter", "resets of the disk, its link or its controller"),
        ("disk_log.lost", "messages", "counter", "times that the system gave the disk up"),
        ("disk_log.filesystem_errors", "messages", "counter", "errors of file systems on it"),
        ("disk_log.read_only_remounts", "messages", "counter", "file systems on it that went read-only"),
    ),
    **_rows(
        Kind.SENSOR,
        "load report, fans",
        ("fan.rpm", "rpm", "gauge", "how fast the fan turns"),
        ("fan.minimum_rpm", "rpm", "gauge", "the chip's own limit for too slow"),
        ("fan.pwm_percent", "percent", "gauge", "how fast the fan is told to turn"),
        ("fan.alarm", "yes/no", "gauge", "1 when the chip says that something is wrong with the fan"),
    ),
    **_rows(
        Kind.SENSOR,
        "load report, voltages",
        ("voltage.volts", "volts", "gauge", "the sensor's reading"),
        ("voltage.minimum_volts", "volts", "gauge", "the chip's own lower limit"),
        ("voltage.maximum_volts", "volts", "gauge", "the chip's own upper limit"),
        ("voltage.alarm", "yes/no", "gauge", "1 when the chip says that it is beyond its limits"),
    ),
    **_rows(
        Kind.DIMM,
        "load report, dimms",
        ("dimm.corrected_errors", "errors", "counter", "errors that ECC has corrected, since the machine started"),
        ("dimm.uncorrected_errors", "errors", "counter", "errors that it could not, since the machine started"),
    ),
    **_rows(
        Kind.BATTERY,
        "load report, batteries",
        ("battery.full_percent_of_design", "percent", "gauge", "what it holds when full, of what it was made for"),
        ("battery.design_watt_hours", "watt-hours", "gauge", "what it was made for"),
        ("battery.design_ampere_hours", "ampere-hours", "gauge", "the same, where the battery counts charge"),
        ("battery.charge_percent", "percent", "gauge", "what it holds now, of what it holds when full"),
        ("battery.cycles", "cycles", "counter", "charges"),
    ),
    **_rows(
        Kind.INTERFACE,
        "load report, interfaces",
        ("network.receive_errors", "packets", "counter", "packets that came in broken"),
        ("network.transmit_errors", "packets", "counter", "packets that could not be sent"),
        ("network.receive_dropped", "packets", "counter", "packets that came and were dropped"),
        ("network.transmit_dropped", "packets", "counter", "packets that were dropped before they were sent"),
    ),
    **_rows(
        Kind.DISK,
        "smart report",
        ("disk.measured", "yes/no", "gauge", "1 when the disk could be read, 0 when it could not"),
        ("disk.passed", "yes/no", "gauge", "the drive's own overall health: 1 passed, 0 FAILED"),
        ("disk.temperature_celsius", "celsius", "gauge", "the drive's temperature"),
        ("disk.temperature_limit_celsius", "celsius", "gauge", "the drive's own operating limit"),
        ("disk.power_losses", "losses", "counter", "power lost without notice: NVMe's log, or ATA 174 or 192"),
        ("disk.power_on_hours", "hours", "counter", "time under power"),
        ("disk.endurance_used_percent", "percent", "gauge", "rated endurance used; may pass 100"),
        ("disk.self_test_passed", "yes/no", "gauge", "the newest self-test: 1 passed, 0 failed"),
        ("disk.attributes_failed_now", "attributes", "gauge", "ATA attributes at or below their threshold now"),
    ),
    **_rows(
        Kind.DISK,
        "smart report, NVMe SMART / health information log",
        ("nvme.critical_warning", "bits", "gauge", "critical warning bits, current state"),
        ("nvme.available_spare", "percent", "gauge", "spare capacity that is left"),
        ("nvme.available_spare_threshold", "percent", "gauge", "the drive's own limit for its spare"),
        ("nvme.percentage_used", "percent", "gauge", "rated endurance used, 0 to 255"),
        ("nvme.media_errors", "errors", "counter", "unrecovered data integrity errors"),
        ("nvme.num_err_log_entries", "entries", "counter", "entries in the error log over the drive's life"),
        ("nvme.unsafe_shutdowns", "shutdowns", "counter", "power lost without notice"),
        ("nvme.power_cycles", "cycles", "counter", "power cycles"),
        ("nvme.data_units_written", "512,000 bytes", "counter", "data written by the host"),
        ("nvme.warning_temp_time", "minutes", "counter", "time above the warning temperature"),
        ("nvme.critical_comp_time", "minutes", "counter", "time above the critical temperature"),
    ),
    **_rows(
        Kind.DISK,
        "smart report, SCSI log pages",
        ("scsi.grown_defect_list", "defects", "counter", "elements in the grown defect list"),
        ("scsi.read_total_uncorrected_errors", "errors", "counter", "reads that could not be corrected"),
        ("scsi.write_total_uncorrected_errors", "errors", "counter", "writes that could not be corrected"),
        ("scsi.verify_total_uncorrected_errors", "errors", "counter", "verifies that could not be corrected"),
    ),
    **_rows(
        Kind.DISK,
        "smart report, ATA: normalised values by name",
        ("wear.percent_used", "percent", "gauge", "life used: 100 less the value of the attribute that counts it"),
        ("wear.spare_percent", "percent", "gauge", "spare blocks left, the value of the attribute that counts them"),
    ),
    **_rows(
        Kind.ARRAY,
        "load report, arrays",
        ("array.degraded", "yes/no", "gauge", "1 when the array lacks a member or does not run"),
        ("array.members_missing", "members", "gauge", "members that failed or are gone"),
        ("array.rebuilding", "yes/no", "gauge", "1 while a member is put back in: recover, resync, resilver"),
        ("array.action_percent", "percent", "gauge", "how far rebuilding, a check or a scrub is"),
        ("array.mismatches", "sectors", "gauge", "md: sectors that differed in the last check"),
        ("array.errors", "errors", "counter", "failed reads and writes and wrong checksums, all members"),
        ("array.read_errors", "errors", "counter", "reads that failed, all members"),
        ("array.write_errors", "errors", "counter", "writes that failed, all members"),
        ("array.checksum_errors", "errors", "counter", "btrfs and ZFS: blocks that were not what had been written"),
    ),
    **_rows(
        Kind.PRESENCE,
        "the collector, from the times of the device's reports",
        ("presence.silent_seconds", "seconds", "gauge", "how long the device has reported without this disk"),
        ("presence.missed_reports", "reports", "gauge", "the same in intervals of its SMART reports"),
        (
            "presence.silent_together",
            "disks",
            "gauge",
            "disks of the device, itself among them, silent since the same minutes",
        ),
        ("presence.replaced", "yes/no", "gauge", "1 when a disk that was never seen before sits in its slot"),
    ),
    **_rows(
        Kind.LIVENESS,
        "the collector's clock",
        ("device.silent_seconds", "seconds", "gauge", "time since anything was heard from the device"),
        (
            "device.clock_offset_seconds",
            "seconds",
            "gauge",
            "how far the device's clock is ahead of the collector's, below 0 behind; from reports that did not wait",
        ),
        (
            "device.identity_shared",
            "yes/no",
            "gauge",
            "1 when within the last day two machines were noticed with the device's identity",
        ),
    ),
}

IN_LOAD_REPORTS = frozenset(
    {Kind.DEVICE, Kind.FILESYSTEM, Kind.SENSOR, Kind.ARRAY, Kind.DIMM, Kind.BATTERY, Kind.INTERFACE}
)
"""One report carries all of these, so what is known of the device can explain its parts."""

ATA_PATTERNS: tuple[Metric, ...] = (
    Metric(
        "ata.<id>.raw", Kind.DISK, "decoded raw value", "counter", "raw value of attribute 1-255", "smart report, ATA"
    ),
    Metric(
        "ata.<id>.value", Kind.DISK, "normalised value", "gauge", "normalised value of attribute 1-255",
        "smart report, ATA",
    ),
)  # fmt: skip
_ATA = re.compile(r"ata\.([1-9][0-9]{0,2})\.(raw|value)", re.ASCII)


def find_metric(name: str) -> Metric | None:
    """The metric of that name, ``ata.<id>.raw`` and ``ata.<id>.value`` for ids 1 to 255 included."""
    match = _ATA.fullmatch(name)
    if match is None:
        return METRICS.get(name)
    if int(match[1]) > 255:
        return None
    pattern = ATA_PATTERNS[0 if match[2] == "raw" else 1]
    return Metric(name, pattern.kind, pattern.unit, pattern.counting, pattern.description, pattern.source)


MODEL = "model."
MODEL_METRICS: dict[str, Metric] = {
    f"{MODEL}{kind}": Metric(
        f"{MODEL}{kind}", Kind.DISK, "probability", "gauge", f"what the risk model of {kind} says; for model_risk and "
        "model_limit", "`forewarn model report`",
    )
    for kind in ("hdd", "ssd", "nvme", "sas")
}  # fmt: skip
"""What a rule asks a model by; where there is no model, a rule that asks for it is refused."""


def find_source(name: str) -> Metric | None:
    """What a signal can be taken from: a metric or a model."""
    return MODEL_METRICS.get(name) or find_metric(name)
