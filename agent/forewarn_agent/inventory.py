"""Which disks there are: smartctl's scan, pySMART's hint and the kernel's list, made one."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from forewarn_agent.pysmart_hint import Hint
from forewarn_agent.remembered import Member
from forewarn_agent.smart_json import text
from forewarn_agent.sysfs_disks import KernelDisk
from forewarn_wire import Disk, Outcome

# Types that name a disk behind a controller: the device alone is not the disk.
_PORT = re.compile(r"(?:sat\+)?((?:megaraid|3ware|cciss|areca|aacraid|hpt|jmb39x(?:-q)?|jms56x|sssraid),.+)")


@dataclass(frozen=True)
class Address:
    """How to ask one disk. ``known`` is the outcome that is certain without asking, with ``detail``."""

    slot: str
    device: str
    type: str | None
    disk: Disk
    known: Outcome | None = None
    detail: str = ""
    usb: bool = False
    emmc: bool = False


def slot_of(device: str, type_: str | None) -> str:
    """``/dev/sda``; behind a controller ``/dev/bus/0 megaraid,3``, the same with and without ``sat+``."""
    port = _PORT.fullmatch(type_ or "")
    return f"{device} {port[1]}" if port else device


def unite(
    scan: list[dict[str, Any]], hints: list[Hint], kernel: list[KernelDisk], members: list[Member] | None = None
) -> list[Address]:
    """One address per disk. The scan is trusted; a hint adds a disk that the scan lacks, a member one that answered
    behind a controller; what only the kernel knows is named, so no disk is passed over in silence."""
    by_device = {disk.device: disk for disk in kernel}
    by_device |= {disk.controller: disk for disk in reversed(kernel) if disk.controller}
    found: dict[str, Address] = {}
    for row in scan:
        device, type_ = text(row.get("name")), text(row.get("type"))
        # macOS' scan lists its own names beside those of the devices; the kernel's list has every disk once.
        if device and not (kernel and device.startswith("IOService:")):
            # A type with which it could not be opened is of no use; smartctl may find another and will say why not.
            address = _scanned(device, None if row.get("open_error") else type_, by_device.get(device))
            found.setdefault(address.slot, address)
    serials = {disk.disk.serial for disk in kernel if disk.disk.serial}
    for member in members or []:
        # A controller may hand a disk through as it is; then the kernel has it already.
        if member.serial not in serials:
            slot = slot_of(member.device, member.type)
            found.setdefault(slot, Address(slot, member.device, member.type, Disk(slot=slot, serial=member.serial)))
    for hint in hints:
        device = hint.name if "/" in hint.name else f"/dev/{hint.name}"
        slot = slot_of(device, hint.type)
        # Where the kernel tells its disks, a plain device that it does not know is none.
        if slot not in found and (not kernel or device in by_device or slot != device):
            found[slot] = _scanned(device, hint.type, by_device.get(device))
    covered = {address.device for address in found.values()}
    for disk in kernel:
        if disk.device not in covered and disk.controller not in covered:
            address = _kernel_only(disk)
            found.setdefault(address.slot, address)
    return sorted(found.values(), key=lambda address: address.slot)


def _scanned(device: str, type_: str | None, kernel: KernelDisk | None) -> Address:
    slot = slot_of(device, type_)
    if kernel is None or slot != device:
        return Address(slot, device, type_, Disk(slot=slot))
    return Address(slot, device, type_, msgspec.structs.replace(kernel.disk, slot=slot), usb=kernel.usb)


def _kernel_only(kernel: KernelDisk) -> Address:
    """A disk that smartctl's scan does not list. An NVMe disk is its controller, as in the scan."""
    device = kernel.controller or kernel.device
    disk = msgspec.structs.replace(kernel.disk, slot=device)
    if kernel.virtual:
        detail = "a virtual disk, SMART belongs to its host: watch the host's disks"
        return Address(device, device, None, disk, Outcome.VIRTUAL, detail)
    if kernel.disk.kind == "emmc":
        return Address(device, device, None, disk, emmc=True)
    return Address(device, device, None, disk, usb=kernel.usb)
