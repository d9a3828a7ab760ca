"""From a name in a kernel message to the disk that it is about, by /sys/block."""

import re
from pathlib import Path

from forewarn_agent.sysfs_disks import KernelDisk, read_kernel_disks

_PARTITION = re.compile(r"((?:nvme\d+n|mmcblk)\d+)p\d+|((?:sd|vd|xvd|hd)[a-z]+)\d+")
_CONTROLLER = re.compile(r"nvme\d+")
# Drives whose media come and go: what cannot be read there is no fault of the machine.
_REMOVABLE_MEDIA = re.compile(r"(?:sr|fd|loop|zram|ram|nbd)\d+")


class Devices:
    """The kernel's disks as they are now. A disk that is gone is still known by its name."""

    def __init__(self, sys: Path) -> None:
        self._sys = sys
        self._disks = read_kernel_disks(sys)
        self._places = {disk.name: f"{(sys / 'block' / disk.name).resolve()}/" for disk in self._disks}

    def slot(self, name: str) -> str | None:
        """``/dev/sda`` of sda1, ata1 or ``usb 2-1``; None where it is no disk. A name that fits none is kept."""
        if _REMOVABLE_MEDIA.fullmatch(name):
            return None
        if name.startswith("usb "):
            return self._at(name.removeprefix("usb "))
        if name.startswith("ata") or ":" in name:
            return self._at(name) or name
        whole = self._below(name)
        disk = next((disk for disk in self._disks if disk.name == whole), None)
        if disk is not None:
            return _slot_of(disk)
        namespace = re.fullmatch(rf"({_CONTROLLER.pattern})n\d+", whole)
        return f"/dev/{namespace[1] if namespace else whole}"

    def _at(self, place: str) -> str | None:
        """The disk that sits below a port, link or address."""
        return next((_slot_of(disk) for disk in self._disks if f"/{place}/" in self._places[disk.name]), None)

    def _below(self, name: str) -> str:
        """The whole disk of a partition; the one disk below a mapped device, else that device."""
        slaves = [path.name for path in (self._sys / "block" / name / "slaves").glob("*")]
        if len(slaves) == 1:
            return self._below(slaves[0])
        partition = _PARTITION.fullmatch(name)
        return (partition[1] or partition[2]) if partition else name


def _slot_of(disk: KernelDisk) -> str:
    return disk.controller or disk.device
