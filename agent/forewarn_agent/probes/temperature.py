"""Temperatures, with the limits that the sensors state themselves."""

import re
from pathlib import Path

from msgspec import UNSET, UnsetType

from forewarn_agent import system
from forewarn_agent.probes.reading import LoadParts, Surroundings, not_here, unreadable
from forewarn_wire import Temperature, Unread

_LIMIT = 256
_INPUT = re.compile(r"temp(\d+)_input")


def measure(surroundings: Surroundings) -> LoadParts:
    if not system.is_linux():
        return _parts(system.temperatures(), [])
    found, unread = _hwmon(surroundings.roots.sys / "class" / "hwmon")
    if not found:
        zones, zones_unread = _thermal_zones(surroundings.roots.sys / "class" / "thermal")
        found, unread = zones, unread + zones_unread
    return _parts(found, unread)


def _parts(found: list[Temperature], unread: list[Unread]) -> LoadParts:
    if not found and not unread:
        return LoadParts(unread=[not_here("temperature", "this machine shows no temperature sensor")])
    return LoadParts(temperatures=found[:_LIMIT], unread=unread[:_LIMIT])


def _hwmon(directory: Path) -> tuple[list[Temperature], list[Unread]]:
    """Sensors below /sys/class/hwmon (kernel documentation, hwmon/sysfs-interface)."""
    found: list[Temperature] = []
    unread: list[Unread] = []
    for chip in sorted(directory.glob("hwmon*"), key=_by_number):
        inputs = sorted((path for path in chip.glob("temp*_input") if _INPUT.fullmatch(path.name)), key=_by_number)
        for path in inputs:
            prefix = path.name.removesuffix("_input")
            row = Temperature(
                sensor=sensor_name(
                    _text(chip / "name"), _text(chip / f"{prefix}_label") or prefix, _device_name(chip / "device")
                ),
                high_celsius=parse_limit(_text(chip / f"{prefix}_max")),
                critical_celsius=parse_limit(_text(chip / f"{prefix}_crit")),
            )
            try:
                row.celsius = parse_celsius(path.read_text())
            except (OSError, ValueError) as error:
                row.celsius = None
                unread.append(unreadable("temperature", error, row.sensor))
            found.append(row)
    return found, unread


def _thermal_zones(directory: Path) -> tuple[list[Temperature], list[Unread]]:
    """Boards without hwmon (kernel documentation, thermal/sysfs-api)."""
    found: list[Temperature] = []
    unread: list[Unread] = []
    for zone in sorted(directory.glob("thermal_zone*"), key=_by_number):
        limits = {
            _text(path): parse_limit(_text(path.with_name(path.name.replace("_type", "_temp"))))
            for path in zone.glob("trip_point_*_type")
        }
        row = Temperature(
            sensor=sensor_name(_text(zone / "type"), zone.name, ""),
            high_celsius=limits.get("hot", UNSET),
            critical_celsius=limits.get("critical", UNSET),
        )
        try:
            row.celsius = parse_celsius((zone / "temp").read_text())
        except (OSError, ValueError) as error:
            row.celsius = None
            unread.append(unreadable("temperature", error, row.sensor))
        found.append(row)
    return found, unread


def parse_celsius(text: str) -> float:
    """Millidegrees as sysfs gives them. Raise ValueError for what no machine can have."""
    celsius = int(text) / 1000
    if not -60 <= celsius <= 200:
        raise ValueError(f"{celsius:g} °C is no temperature")
    return celsius


def parse_limit(text: str) -> float | UnsetType:
    """A limit in millidegrees; 0 and values such as 65261850 are how drivers say that there is none."""
    try:
        celsius = int(text) / 1000
    except ValueError:
        return UNSET
    return celsius if 0 < celsius <= 200 else UNSET


def sensor_name(chip: str, label: str, device: str) -> str:
    """``coretemp Core 0 (coretemp.0)``: the device tells two equal chips apart and stays over a restart."""
    name = f"{chip or 'unknown'} {label}"
    return (f"{name} ({device})" if device else name)[:200]


def _device_name(link: Path) -> str:
    return link.resolve().name if link.is_symlink() else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _by_number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.name)
    return (int(digits[0]) if digits else 0, path.name)
