"""Temperatures, with the limits that the sensors state themselves."""

from pathlib import Path

from msgspec import UNSET, UnsetType

from forewarn_agent import windows
from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.hwmon import sensor_name, sensors
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, ask, not_here, unreadable
from forewarn_agent.probes.sysfs import by_number, text_of
from forewarn_wire import Temperature, Unread

_LIMIT = 256


def measure(surroundings: Surroundings) -> LoadParts:
    found, unread = _hwmon(surroundings.roots.sys)
    if not found:
        zones, zones_unread = _thermal_zones(surroundings.roots.sys / "class" / "thermal")
        found, unread = zones, unread + zones_unread
    return _parts(found, unread)


def measure_windows(surroundings: Surroundings) -> LoadParts:
    return ask("temperature", lambda: _parts(_acpi_zones(surroundings), []))


def _acpi_zones(surroundings: Surroundings) -> list[Temperature]:
    return windows.parse_thermal_zones(surroundings.commands.output(windows.THERMAL_ZONES))


def _parts(found: list[Temperature], unread: list[Unread]) -> LoadParts:
    if not found and not unread:
        return LoadParts(unread=[not_here("temperature", "this machine shows no temperature sensor")])
    return LoadParts(temperatures=found[:_LIMIT], unread=unread[:_LIMIT])


def _hwmon(sys: Path) -> tuple[list[Temperature], list[Unread]]:
    found: list[Temperature] = []
    unread: list[Unread] = []
    for sensor in sensors(sys, "temp"):
        row = Temperature(
            sensor=sensor.name,
            high_celsius=parse_limit(sensor.text("max")),
            critical_celsius=parse_limit(sensor.text("crit")),
        )
        try:
            row.celsius = parse_celsius((sensor.chip / f"{sensor.prefix}_input").read_text())
        except (OSError, ValueError) as error:
            row.celsius = None
            unread.append(unreadable("temperature", error, row.sensor))
        found.append(row)
    return found, unread


def _thermal_zones(directory: Path) -> tuple[list[Temperature], list[Unread]]:
    """Boards without hwmon (kernel documentation, thermal/sysfs-api)."""
    found: list[Temperature] = []
    unread: list[Unread] = []
    for zone in sorted(directory.glob("thermal_zone*"), key=by_number):
        limits = {
            text_of(path): parse_limit(text_of(path.with_name(path.name.replace("_type", "_temp"))))
            for path in zone.glob("trip_point_*_type")
        }
        row = Temperature(
            sensor=sensor_name(text_of(zone / "type"), zone.name, ""),
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


PROBE: Probe[LoadParts] = Probe(
    "temperature",
    "sensors with their own high and critical limits",
    "degrees Celsius",
    {
        Platform.LINUX: Source("/sys/class/hwmon, else /sys/class/thermal", measure),
        Platform.WINDOWS: Source("WMI, MSAcpi_ThermalZoneTemperature", measure_windows),
        Platform.MACOS: Absent(
            "macOS tells temperatures to root only (powermetrics), and not in degrees on Apple silicon"
        ),
    },
)
