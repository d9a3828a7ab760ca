"""macOS's own programs: what they are asked, and what their answers mean. The parsing is pure."""

from collections.abc import Iterable
from typing import Any

import msgspec

from forewarn_agent.commands import Command, Commands
from forewarn_agent.smart_json import text
from forewarn_agent.smart_outcome import looks_virtual
from forewarn_agent.sysfs_disks import KernelDisk
from forewarn_wire import Battery, Disk, Inventory

_MINUTES, _HOURS = 60.0, 3600.0

BATTERY = Command("battery", ("ioreg", "-a", "-r", "-c", "AppleSmartBattery"), 10.0, 5 * _MINUTES)
DISKS = Command("disks", ("diskutil", "list", "-plist", "physical"), 20.0, 10 * _MINUTES)
IDENTITY = Command("identity", ("system_profiler", "-json", "SPHardwareDataType"), 60.0, 24 * _HOURS)
SYSTEM_VERSION = Command("system-version", ("sw_vers", "-productVersion"), 10.0, 24 * _HOURS)
BOOT_ID = Command("boot-id", ("sysctl", "-n", "kern.bootsessionuuid"), 10.0)

_KINDS = {"True": "ssd", "False": "hdd"}


def disk_command(name: str) -> Command:
    return Command(f"disk-{name}", ("diskutil", "info", "-plist", name), 20.0, 10 * _MINUTES)


def read_disks(commands: Commands) -> list[KernelDisk]:
    """Every physical disk. Raise ValueError, MissingError, HungError or FailedError."""
    names = _plist(commands.output(DISKS)).get("WholeDisks", [])
    return [parse_disk(name, commands.output(disk_command(name))) for name in names if isinstance(name, str)]


def parse_disk(name: str, output: str) -> KernelDisk:
    """``diskutil info -plist disk0``. It tells no serial number; smartctl does. Raise ValueError."""
    said = _plist(output)
    bus, model, size = str(said.get("BusProtocol", "")), text(said.get("MediaName")), said.get("Size")
    nvme = bus in ("PCI-Express", "Apple Fabric")
    kind = "nvme" if nvme else _KINDS.get(str(said.get("SolidState")), "unknown")
    disk = Disk(slot=f"/dev/{name}", kind=kind, model=model, capacity_bytes=size if isinstance(size, int) else None)
    virtual = said.get("VirtualOrPhysical") == "Virtual" or looks_virtual(None, model)
    return KernelDisk(name=name, disk=disk, virtual=virtual, usb=bus == "USB")


def parse_batteries(output: str) -> list[Battery]:
    """``ioreg -a -r -c AppleSmartBattery``: capacities in milliampere-hours.

    On Apple silicon MaxCapacity is a percentage and AppleRawMaxCapacity the charge; newer systems keep the charges in
    BatteryData only. Raise ValueError.
    """
    if not output.strip():
        return []
    return [
        _battery(number, row) for number, row in enumerate(_plist_rows(output)) if row.get("BatteryInstalled", True)
    ]


def _battery(number: int, row: dict[str, Any]) -> Battery:
    inner = row.get("BatteryData")
    places = [row, inner if isinstance(inner, dict) else {}]
    design = _first(places, ("DesignCapacity",))
    full = _first(places, ("AppleRawMaxCapacity", "NominalChargeCapacity", "FullChargeCapacity"))
    limit, current = row.get("MaxCapacity"), row.get("CurrentCapacity")
    if full is None and isinstance(limit, int) and limit > 100:
        full = limit
    battery = Battery(
        battery=f"AppleSmartBattery {number}" if number else "AppleSmartBattery", full_percent_of_design=None
    )
    if design and full:
        battery.full_percent_of_design = round(100 * full / design, 1)
    if design:
        battery.design_ampere_hours = design / 1000
    if isinstance(limit, int) and isinstance(current, int) and 0 <= current <= limit and limit:
        battery.charge_percent = round(100 * current / limit, 1)
    if cycles := _first(places, ("CycleCount",)):
        battery.cycles = cycles
    return battery


def _first(places: Iterable[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    found = (place.get(name) for name in names for place in places)
    return next((value for value in found if isinstance(value, int) and 0 < value < 10**9), None)


def fill_inventory(inventory: Inventory, hardware: str, version: str) -> None:
    """Put model, serial number and system into ``inventory``. Raise ValueError."""
    try:
        document = msgspec.json.decode(hardware)
    except msgspec.DecodeError as error:
        raise ValueError(f"system_profiler gave no JSON: {error}") from None
    rows = document.get("SPHardwareDataType") if isinstance(document, dict) else None
    said: dict[str, Any] = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    name = text(said.get("machine_name"))
    inventory.vendor, inventory.model = "Apple", text(said.get("machine_model"))
    inventory.serial = text(said.get("serial_number"))
    inventory.operating_system = text(f"macOS {version.strip()}")
    if name:
        inventory.chassis = "laptop" if "MacBook" in name else "desktop"


def _plist(output: str) -> dict[str, Any]:
    found = _plist_rows(output)
    return found[0] if found else {}


def _plist_rows(output: str) -> list[dict[str, Any]]:
    # Loaded where it is needed: elsewhere it would take memory for nothing.
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        document = plistlib.loads(output.encode())
    except (plistlib.InvalidFileException, ExpatError, ValueError) as error:
        raise ValueError(f"no property list: {error}") from None
    rows = document if isinstance(document, list) else [document]
    return [row for row in rows if isinstance(row, dict)]
