"""The disks that the kernel knows, read from /sys/block. Waking none of them."""

import re
from dataclasses import dataclass
from pathlib import Path

from forewarn_agent.smart_json import text
from forewarn_agent.smart_outcome import looks_virtual
from forewarn_wire import Disk

# Not disks: images, memory, mapped and assembled devices, optical drives, eMMC's boot and replay partitions.
_NOT_A_DISK = re.compile(r"(loop|ram|zram|dm-|md|sr|fd|nbd|drbd|rbd|bcache|zd)\d*|mmcblk\d+(boot\d+|rpmb)")
_PARAVIRTUAL = re.compile(r"(vd|xvd)[a-z]+")
_SECTOR = 512


@dataclass(frozen=True)
class KernelDisk:
    """``name`` as in /dev, and what sysfs says of it. ``controller`` is the NVMe controller's device name."""

    name: str
    disk: Disk
    virtual: bool = False
    usb: bool = False
    controller: str | None = None

    @property
    def device(self) -> str:
        # The kernel writes a slash in a name as an exclamation mark.
        return "/dev/" + self.name.replace("!", "/")


def read_kernel_disks(sys: Path) -> list[KernelDisk]:
    """Every disk below ``sys``/block, in the order of their names; none where there is no such directory."""
    found = []
    block = sys / "block"
    for entry in sorted(block.iterdir()) if block.is_dir() else ():
        hidden = _text(entry / "hidden") == "1"
        if not hidden and not _NOT_A_DISK.fullmatch(entry.name):
            found.append(_read(entry))
    return found


def _read(entry: Path) -> KernelDisk:
    device = entry / "device"
    vendor, model = _text(device / "vendor"), _text(device / "model")
    sectors = _text(entry / "size")
    # PCI devices give a vendor number here, which is no name.
    known_vendor = vendor if vendor and not vendor.startswith("0x") and vendor != "ATA" else None
    disk = Disk(
        slot="/dev/" + entry.name.replace("!", "/"),
        kind=_kind(entry.name, _text(entry / "queue" / "rotational")),
        serial=_text(entry / "serial") or _text(device / "serial") or parse_vpd_serial(_bytes(device / "vpd_pg80")),
        model=text(" ".join(part for part in (known_vendor, model or _text(device / "name")) if part)),
        firmware=_text(device / "rev") or _text(device / "firmware_rev"),
        capacity_bytes=int(sectors) * _SECTOR if sectors and sectors.isdigit() else None,
    )
    namespace = re.fullmatch(r"(nvme\d+)n\d+", entry.name)
    return KernelDisk(
        name=entry.name,
        disk=disk,
        virtual=bool(_PARAVIRTUAL.fullmatch(entry.name)) or looks_virtual(vendor, model),
        usb="/usb" in str(entry.resolve()),
        controller=f"/dev/{namespace[1]}" if namespace else None,
    )


def _kind(name: str, rotational: str | None) -> str:
    if name.startswith("nvme"):
        return "nvme"
    if name.startswith("mmcblk"):
        return "emmc"
    if _PARAVIRTUAL.fullmatch(name):
        return "unknown"
    return {"1": "hdd", "0": "ssd"}.get(rotational or "", "unknown")


def parse_vpd_serial(page: bytes) -> str | None:
    """The serial number of SCSI vital product data page 80h: four bytes of header, then text (SPC-4)."""
    if len(page) < 4 or page[1] != 0x80:
        return None
    length = int.from_bytes(page[2:4], "big")
    return text(page[4 : 4 + length].decode("ascii", errors="replace"))


def _text(path: Path) -> str | None:
    return text(_bytes(path).decode("utf-8", errors="replace"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
