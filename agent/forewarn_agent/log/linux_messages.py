"""The kernel's messages that say something about disks and hardware, by the format strings of its source. Pure.

Every pattern holds from the beginning of the message, so that no name that a device gives itself is taken for one.
"""

import re
from typing import NamedTuple

from forewarn_agent.log.entry import Entry


class Pattern(NamedTuple):
    """``counts`` are fields of MachineLog or DiskLog. ``source`` is the kernel's file. The group ``device`` names the
    disk as the kernel does: sda1, nvme0, ata3, usb 2-1."""

    counts: tuple[str, ...]
    source: str
    regex: re.Pattern[str]


def _pattern(counts: str, source: str, regex: str) -> Pattern:
    return Pattern(tuple(counts.split()), source, re.compile(regex))


_BLOCK = r"(?:blk_update_request: |print_req_error: |end_request: )?"
# A disk that cannot discard says so; nothing is lost by it.
_NO_DISCARD = r"(?!.*\((?:DISCARD|WRITE_ZEROES|SECURE_ERASE)\))"

PATTERNS: tuple[Pattern, ...] = (
    _pattern(
        "io_errors medium_errors", "block/blk-mq.c", _BLOCK + r"critical medium error, dev (?P<device>\S+), sector"
    ),
    _pattern(
        "io_errors",
        "block/blk-mq.c",
        _NO_DISCARD
        + _BLOCK
        + r"(?:I/O|critical target|critical nexus|recoverable transport|timeout|protection) error, "
        r"dev (?P<device>\S+), sector",
    ),
    _pattern("io_errors", "fs/buffer.c", r"Buffer I/O error on dev(?:ice)? (?P<device>[^\s,]+), logical block"),
    _pattern("command_errors", "drivers/ata/libata-eh.c", r"(?P<device>ata\d+)(?:\.\d+)?: exception Emask 0x"),
    _pattern("resets", "drivers/ata/libata-eh.c", r"(?P<device>ata\d+)(?:\.\d+)?: (?:hard|soft) resetting link"),
    _pattern("lost", "drivers/ata/libata-core.c", r"(?P<device>ata\d+)\.\d+: disabled?(?: device)?$"),
    _pattern(
        "command_errors resets", "drivers/nvme/host/pci.c", r"nvme (?P<device>nvme\d+): I/O .*timeout, reset controller"
    ),
    _pattern(
        "command_errors",
        "drivers/nvme/host/pci.c",
        r"nvme (?P<device>nvme\d+): I/O .*timeout, (?:aborting|completion polled|disable controller)",
    ),
    _pattern(
        "resets",
        "drivers/nvme/host/pci.c, core.c",
        r"nvme (?P<device>nvme\d+): (?:controller is down; will reset|resetting controller due to)",
    ),
    _pattern(
        "lost",
        "drivers/nvme/host/pci.c",
        r"nvme (?P<device>nvme\d+): (?:Disabling device after reset failure|Removing after probe failure|"
        r"Device not ready; aborting)",
    ),
    _pattern(
        "command_errors",
        "drivers/scsi/scsi_logging.c",
        r"sd [\d:]+: \[(?P<device>sd[a-z]+)\].* (?:FAILED )?Result: hostbyte=DID_TIME_OUT",
    ),
    _pattern("lost", "drivers/scsi/scsi_error.c", r"sd (?P<device>\d+:\d+:\d+:\d+): Device offlined"),
    _pattern("resets", "drivers/usb/core/hub.c", r"(?P<device>usb [\d.-]+): reset [\w+-]+ USB device number"),
    _pattern("filesystem_errors", "fs/ext4/super.c", r"EXT4-fs error \(device (?P<device>[^)]+)\)"),
    _pattern(
        "filesystem_errors", "fs/ext4/super.c", r"EXT4-fs \((?P<device>[^)]+)\): I/O error while writing superblock"
    ),
    _pattern(
        "filesystem_errors", "fs/jbd2/journal.c", r"Aborting journal on device (?P<device>[^\s:.-]+)(?:[-:]\d+)?\.?$"
    ),
    _pattern(
        "read_only_remounts", "fs/ext4/super.c", r"EXT4-fs \((?P<device>[^)]+)\): Remounting filesystem read-only"
    ),
    _pattern(
        "filesystem_errors",
        "fs/xfs/xfs_error.c, xfs_buf.c",
        r"XFS \((?P<device>[^)]+)\): (?:Metadata (?:corruption|CRC error) detected|metadata I/O error|log I/O error|"
        r"Internal error|Corruption )",
    ),
    _pattern(
        "read_only_remounts",
        "fs/xfs/xfs_fsops.c",
        r"XFS \((?P<device>[^)]+)\): (?:.*Shutting down filesystem|Filesystem has been shut down)",
    ),
    _pattern(
        "filesystem_errors",
        "fs/btrfs/volumes.c",
        r"BTRFS (?:error|warning|info) \(device [^)]+\): bdev /dev/(?P<device>\S+) errs: wr",
    ),
    _pattern(
        "filesystem_errors",
        "fs/btrfs/disk-io.c, inode.c, tree-checker.c",
        r"BTRFS (?:error|critical|warning) \(device (?P<device>[^):\s]+)[^)]*\): (?:.*csum failed|"
        r"checksum verify failed|parent transid verify failed|bad tree block|corrupt (?:leaf|node)|unable to fixup)",
    ),
    _pattern("filesystem_errors", "fs/btrfs/messages.c", r"BTRFS: error \(device (?P<device>[^):\s]+)[^)]*\) in "),
    _pattern(
        "read_only_remounts", "fs/btrfs/messages.c", r"BTRFS info \(device (?P<device>[^):\s]+)[^)]*\): forced readonly"
    ),
    _pattern("filesystem_errors", "fs/fat/misc.c", r"FAT-fs \((?P<device>[^)]+)\): error,"),
    _pattern("read_only_remounts", "fs/fat/misc.c", r"FAT-fs \((?P<device>[^)]+)\): Filesystem has been set read-only"),
    # Bit 61 of the bank's status says that the error was not corrected (Intel SDM volume 3, IA32_MCi_STATUS.UC).
    _pattern(
        "machine_checks",
        "arch/x86/kernel/cpu/mce/core.c",
        r"mce: \[Hardware Error\]: CPU \d+: Machine Check(?: Exception)?: [0-9a-f]+ Bank \d+: [2367abef][0-9a-f]{15}",
    ),
    _pattern(
        "hardware_errors_corrected",
        "arch/x86/kernel/cpu/mce/core.c",
        r"mce: \[Hardware Error\]: CPU \d+: Machine Check(?: Exception)?: [0-9a-f]+ Bank \d+: [014589cd][0-9a-f]{15}",
    ),
    _pattern(
        "hardware_errors_corrected",
        "arch/x86/kernel/cpu/mce/core.c",
        r"mce: \[Hardware Error\]: Machine check events logged",
    ),
    _pattern("hardware_errors_corrected", "drivers/edac/mce_amd.c", r"\[Hardware Error\]: Corrected error, no action"),
    _pattern(
        "machine_checks", "drivers/edac/mce_amd.c", r"\[Hardware Error\]: (?:Uncorrected, software|System Fatal error)"
    ),
    _pattern(
        "hardware_errors_corrected",
        "drivers/firmware/efi/cper.c",
        r"(?:\{\d+\})?\[Hardware Error\]:\s+event severity: corrected",
    ),
    _pattern(
        "machine_checks",
        "drivers/firmware/efi/cper.c",
        r"(?:\{\d+\})?\[Hardware Error\]:\s+event severity: (?:recoverable|fatal)",
    ),
    _pattern("hardware_errors_corrected", "drivers/edac/edac_mc.c", r"EDAC MC\d+: \d+ CE "),
    _pattern("machine_checks", "drivers/edac/edac_mc.c", r"EDAC MC\d+: \d+ UE "),
    _pattern(
        "pcie_errors",
        "drivers/pci/pcie/aer.c",
        r"\S+ [0-9a-f:.]+: AER: (?:Multiple )?Uncorrect(?:ed|able) \((?:Non-)?Fatal\) error (?:message )?received",
    ),
    _pattern("memory_kills", "mm/oom_kill.c", r"Out of memory: Kill(?:ed)? process \d+ "),
    _pattern("hung_tasks", "kernel/hung_task.c", r"INFO: task .+:\d+ blocked for more than \d+ seconds"),
    _pattern(
        "throttlings",
        "drivers/thermal/intel/therm_throt.c",
        r"(?:mce: )?CPU\d+: (?:Core|Package) temperature(?:/speed)? (?:is )?above threshold",
    ),
    _pattern("overheatings", "drivers/thermal/thermal_core.c", r".+: critical temperature reached"),
)


def classify(message: str) -> Entry | None:
    """The counts and the device's name in the kernel's words; None for what says nothing about hardware."""
    for pattern in PATTERNS:
        found = pattern.regex.match(message)
        if found is not None:
            return Entry(pattern.counts, found.groupdict().get("device") or "", message[:1000])
    return None
