"""Windows' own programs: what they are asked, and what their answers mean. The parsing is pure.

PowerShell takes most of a second to start, so its answers are kept for a while.
"""

import re
from typing import Any

import msgspec

from forewarn_agent.commands import Command
from forewarn_agent.smart_json import text
from forewarn_agent.smart_outcome import looks_virtual
from forewarn_agent.sysfs_disks import KernelDisk
from forewarn_wire import Battery, Disk, Inventory, Temperature

_MINUTES, _HOURS = 60.0, 3600.0


def _powershell(name: str, script: str, keep: float) -> Command:
    # Without a console PowerShell writes the machine's code page.
    whole = (
        "$ErrorActionPreference='Stop'; [Console]::OutputEncoding=[Text.Encoding]::UTF8; "
        f"try {{ ConvertTo-Json -Compress -InputObject @({script}) }} "
        'catch { "$($_.Exception.NativeErrorCode): $($_.Exception.Message)"; exit 1 }'
    )
    return Command(name, ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", whole), 60.0, keep)


PHYSICAL_DISKS = _powershell(
    "physical-disks",
    "Get-PhysicalDisk | Select-Object DeviceId,FriendlyName,SerialNumber,FirmwareVersion,Size,"
    "@{n='Media';e={[int]$_.CimInstanceProperties['MediaType'].Value}},"
    "@{n='Bus';e={[int]$_.CimInstanceProperties['BusType'].Value}}",
    10 * _MINUTES,
)
THERMAL_ZONES = _powershell(
    "thermal-zones",
    "Get-CimInstance -Namespace root/wmi -ClassName MSAcpi_ThermalZoneTemperature | Select-Object "
    "InstanceName,CurrentTemperature,CriticalTripPoint",
    10 * _MINUTES,
)
IDENTITY = _powershell(
    "identity",
    "@{System=Get-CimInstance Win32_ComputerSystem | Select-Object Manufacturer,Model;"
    "Bios=Get-CimInstance Win32_BIOS | Select-Object SerialNumber;"
    "Enclosure=Get-CimInstance Win32_SystemEnclosure | Select-Object ChassisTypes;"
    "Windows=Get-CimInstance Win32_OperatingSystem | Select-Object Caption,Version}",
    24 * _HOURS,
)
# powercfg writes a file and nothing else; PowerShell shows and removes it.
BATTERY_REPORT = Command(
    "battery-report",
    (
        "powershell.exe",
        "-NoProfile",
        "-NonInteractive",
        "-Command",
        "[Console]::OutputEncoding=[Text.Encoding]::UTF8; $file=[IO.Path]::GetTempFileName(); "
        "powercfg.exe /batteryreport /xml /output $file /duration 1 | Out-Null; $code=$LASTEXITCODE; "
        "Get-Content -Raw -Encoding UTF8 $file; Remove-Item $file; exit $code",
    ),
    60.0,
    6 * _HOURS,
)
_PREFETCH = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
BOOT_ID = Command("boot-id", ("reg.exe", "query", _PREFETCH, "/v", "BootId"), 10.0)

# MSFT_PhysicalDisk, BusType and MediaType.
_USB, _NVME, _SAS, _VIRTUAL_BUSES = 7, 17, 10, frozenset({14, 15, 16})
_MEDIA = {3: "hdd", 4: "ssd"}


def parse_disks(output: str) -> list[KernelDisk]:
    """Get-PhysicalDisk's rows as disks; smartctl calls \\\\.\\PhysicalDrive0 /dev/sda. Raise ValueError."""
    return [disk for row in _rows(output) if (disk := _disk(row)) is not None]


def _disk(row: dict[str, Any]) -> KernelDisk | None:
    number = str(row.get("DeviceId", ""))
    if not number.isdecimal():
        return None
    name = device_of(int(number)).removeprefix("/dev/")
    bus, size = row.get("Bus"), row.get("Size")
    model = text(row.get("FriendlyName"))
    kind = "nvme" if bus == _NVME else "sas" if bus == _SAS else _MEDIA.get(row.get("Media", 0), "unknown")
    disk = Disk(
        slot=f"/dev/{name}",
        kind=kind,
        # NVMe's serial number comes as 0025_38B1_1234_5678. with a full stop: that is its EUI-64.
        serial=None if bus == _NVME else text(row.get("SerialNumber")),
        model=model,
        firmware=text(row.get("FirmwareVersion")),
        capacity_bytes=size if isinstance(size, int) and size >= 0 else None,
    )
    virtual = bus in _VIRTUAL_BUSES or looks_virtual(None, model)
    return KernelDisk(name=name, disk=disk, virtual=virtual, usb=bus == _USB)


def device_of(number: int) -> str:
    """``/dev/sda`` of physical drive 0, ``/dev/sdaa`` of 26 (smartctl(8), Windows)."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return f"/dev/sd{letters}"


def parse_thermal_zones(output: str) -> list[Temperature]:
    """MSAcpi_ThermalZoneTemperature counts in tenths of a kelvin. Firmware that fills in nothing gives 0. Raise
    ValueError."""
    found = []
    for row in _rows(output):
        celsius = _celsius(row.get("CurrentTemperature"))
        if celsius is None:
            continue
        name = str(row.get("InstanceName") or "thermal zone").removesuffix("_0").rpartition("\\")[2]
        zone = Temperature(sensor=f"ACPI {name}"[:200], celsius=celsius)
        if (critical := _celsius(row.get("CriticalTripPoint"))) is not None:
            zone.critical_celsius = critical
        found.append(zone)
    return found


def _celsius(tenths: object) -> float | None:
    if not isinstance(tenths, int) or not 2131 <= tenths <= 4731:
        return None
    return round(tenths / 10 - 273.15, 1)


def parse_battery_report(output: str) -> list[Battery]:
    """``powercfg /batteryreport /xml``: capacities in milliwatt-hours, 0 where the battery does not say. Raise
    ValueError."""
    # Loaded where it is needed: on Linux it would take memory for nothing.
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(output.strip())  # noqa: S314 - written by powercfg on this machine
    except ElementTree.ParseError as error:
        raise ValueError(f"powercfg's report is no XML: {error}") from None
    found = []
    for number, node in enumerate(root.iterfind("./{*}Batteries/{*}Battery")):
        said = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in node}
        design, full = (_count(said.get(f"{name}Capacity")) for name in ("Design", "FullCharge"))
        battery = Battery(battery=(said.get("Id") or f"battery {number}")[:200], full_percent_of_design=None)
        if design and full:
            battery.full_percent_of_design = round(100 * full / design, 1)
        if design:
            battery.design_watt_hours = design / 1000
        if cycles := _count(said.get("CycleCount")):
            battery.cycles = cycles
        found.append(battery)
    return found


def _count(word: str | None) -> int | None:
    return int(word) if word and word.isdecimal() and len(word) < 19 else None


def parse_boot_id(output: str) -> str | None:
    """``BootId    REG_DWORD    0x2f``: Windows counts its starts. Waking from a fast start is none."""
    found = re.search(r"BootId\s+REG_DWORD\s+0x([0-9a-fA-F]+)", output)
    return f"windows-{int(found[1], 16)}" if found else None


def fill_inventory(inventory: Inventory, output: str) -> list[int]:
    """Put maker, model, serial number and system into ``inventory``; give the SMBIOS chassis types. Raise
    ValueError."""
    document = next(iter(_rows(output)), {})
    system, bios, enclosure, windows = (_part(document, key) for key in ("System", "Bios", "Enclosure", "Windows"))
    inventory.vendor, inventory.model = text(system.get("Manufacturer")), text(system.get("Model"))
    inventory.serial = text(bios.get("SerialNumber"))
    inventory.operating_system = text(" ".join(str(windows.get(key) or "") for key in ("Caption", "Version")))
    types = enclosure.get("ChassisTypes")
    return [number for number in types if isinstance(number, int)] if isinstance(types, list) else []


def _part(document: dict[str, Any], key: str) -> dict[str, Any]:
    part = document.get(key)
    return part if isinstance(part, dict) else {}


def _rows(output: str) -> list[dict[str, Any]]:
    try:
        document = msgspec.json.decode(output.strip() or "[]")
    except msgspec.DecodeError as error:
        raise ValueError(f"PowerShell gave no JSON: {error}") from None
    rows = document if isinstance(document, list) else [document]
    return [row for row in rows if isinstance(row, dict)]
